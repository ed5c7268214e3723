//! Which detections found which objects: greedy, best score first, for every size and IoU threshold at once.

use std::cmp::Ordering;

use super::types::{DetectionBox, GroundTruthBox};
use super::{AREA_RANGES, IOU_THRESHOLDS, MAX_DETECTIONS};

/// A set of IoU thresholds: bit `t` stands for `IOU_THRESHOLDS[t]`.
pub(super) type ThresholdSet = u16;

pub(super) const ALL_THRESHOLDS: ThresholdSet = (1 << IOU_THRESHOLDS.len()) - 1;

/// What became of a detection. At a threshold it is neither right nor wrong where it is ignored: it matched a crowd or an
/// object of another size, or matched nothing and is of another size itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub score: f64,
    /// How many detections of the same image and category have a better score.
    pub rank: u32,
    /// Thresholds at which the detection is right, per area range.
    pub right: [ThresholdSet; AREA_RANGES.len()],
    /// Thresholds at which it is wrong, per area range.
    pub wrong: [ThresholdSet; AREA_RANGES.len()],
}

/// An object of the image in hand.
struct Truth {
    bbox: [f64; 4],
    crowd: bool,
    /// False for the one box that a detection may match without becoming right (`GroundTruth::id_zero`).
    credits: bool,
    /// Per area range: whether the object does not count, for its size or as a crowd.
    ignored: [bool; AREA_RANGES.len()],
    /// Thresholds at which a detection has taken it, per area range.
    taken: [ThresholdSet; AREA_RANGES.len()],
}

/// An object that overlaps the detection in hand enough for the lowest threshold.
#[derive(Clone, Copy)]
struct Candidate {
    truth: usize,
    iou: f64,
}

/// Matches the images of one category, one after the other; keeps its memory between images.
#[derive(Default)]
pub(super) struct Matcher {
    truths: Vec<Truth>,
    candidates: Vec<Candidate>,
}

impl Matcher {
    /// Appends the outcomes of one image and category, of the best 100 detections at most.
    ///
    /// `truths` come in their order in the file, with whether they credit a match; `detections` best score first.
    pub fn match_image<'a>(
        &mut self,
        truths: impl Iterator<Item = (&'a GroundTruthBox, bool)>,
        detections: impl Iterator<Item = &'a DetectionBox>,
        outcomes: &mut Vec<Outcome>,
    ) {
        self.truths.clear();
        self.truths.extend(truths.map(|(truth, credits)| Truth {
            bbox: truth.bbox,
            crowd: truth.crowd,
            credits,
            ignored: AREA_RANGES.map(|range| truth.crowd || outside(truth.area, range)),
            taken: Default::default(),
        }));
        for (rank, detection) in detections.take(MAX_DETECTIONS[2]).enumerate() {
            self.find_candidates(detection);
            let area = detection.bbox[2] * detection.bbox[3];
            let mut outcome = Outcome { score: detection.score, rank: rank as u32, right: Default::default(), wrong: Default::default() };
            for (index, &range) in AREA_RANGES.iter().enumerate() {
                let (matched, mut ignored) = self.take(index);
                if outside(area, range) {
                    ignored |= !matched;
                }
                outcome.right[index] = matched & !ignored;
                outcome.wrong[index] = ALL_THRESHOLDS & !matched & !ignored;
            }
            outcomes.push(outcome);
        }
    }

    fn find_candidates(&mut self, detection: &DetectionBox) {
        self.candidates.clear();
        for (truth, Truth { bbox, crowd, .. }) in self.truths.iter().enumerate() {
            let iou = overlap(&detection.bbox, bbox, *crowd);
            if iou >= IOU_THRESHOLDS[0] {
                self.candidates.push(Candidate { truth, iou });
            }
        }
    }

    /// Takes the best free candidate at each threshold. Returns the thresholds at which there was one, and those at which
    /// it does not count.
    fn take(&mut self, area: usize) -> (ThresholdSet, ThresholdSet) {
        let (mut matched, mut ignored) = (0, 0);
        let best_iou = self.candidates.iter().fold(0.0, |best: f64, candidate| best.max(candidate.iou));
        for (index, &threshold) in IOU_THRESHOLDS.iter().enumerate() {
            if best_iou < threshold {
                break;
            }
            let bit = 1 << index;
            if let Some(best) = self.best_candidate(area, bit, threshold) {
                let truth = &mut self.truths[best];
                truth.taken[area] |= bit;
                if truth.credits {
                    matched |= bit;
                }
                if truth.ignored[area] {
                    ignored |= bit;
                }
            }
        }
        (matched, ignored)
    }

    /// The free object of most overlap, the last of equals; one that does not count only where no other will do.
    fn best_candidate(&self, area: usize, bit: ThresholdSet, threshold: f64) -> Option<usize> {
        for ignored in [false, true] {
            let (mut best, mut best_iou) = (None, threshold);
            for candidate in &self.candidates {
                let truth = &self.truths[candidate.truth];
                let free = truth.crowd || truth.taken[area] & bit == 0;
                if truth.ignored[area] == ignored && free && candidate.iou >= best_iou {
                    (best, best_iou) = (Some(candidate.truth), candidate.iou);
                }
            }
            if best.is_some() {
                return best;
            }
        }
        None
    }
}

/// Orders scores, which are finite, from best to worst; 0 and -0 are equal.
pub(super) fn best_first(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// Whether an area, in square pixels, is outside a range that includes both ends.
pub(super) fn outside(area: f64, (min, max): (f64, f64)) -> bool {
    area < min || area > max
}

/// Intersection over union of boxes x, y, width, height; for a crowd, intersection over the detection's own area.
fn overlap(detection: &[f64; 4], truth: &[f64; 4], crowd: bool) -> f64 {
    let extent =
        |axis: usize| (detection[axis + 2] + detection[axis]).min(truth[axis + 2] + truth[axis]) - detection[axis].max(truth[axis]);
    let (width, height) = (extent(0), extent(1));
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let intersection = width * height;
    let area = detection[2] * detection[3];
    let union = if crowd { area } else { area + truth[2] * truth[3] - intersection };
    intersection / union
}
