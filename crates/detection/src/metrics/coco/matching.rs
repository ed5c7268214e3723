//! Which detections found which objects: greedy, best score first, for every size and IoU threshold
//! at once.

use std::cmp::Ordering;

use super::shape::Shape;
use super::{AREA_RANGES, IOU_THRESHOLDS, MAX_DETECTIONS};

/// A set of IoU thresholds: bit `t` stands for `IOU_THRESHOLDS[t]`.
pub(super) type ThresholdSet = u16;

pub(super) const ALL_THRESHOLDS: ThresholdSet = (1 << IOU_THRESHOLDS.len()) - 1;

/// What became of a detection. At a threshold it is neither right nor wrong where it is ignored: it
/// matched a crowd or an object of another size, or matched nothing and is of another size itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub image_id: u64,
    pub score: f64,
    /// How many detections of the same image and category have a better score.
    pub rank: u32,
    /// Thresholds at which the detection is right, per area range.
    pub right: [ThresholdSet; AREA_RANGES.len()],
    /// Thresholds at which it is wrong, per area range.
    pub wrong: [ThresholdSet; AREA_RANGES.len()],
}

/// What matching needs to know of an object.
pub(super) struct Object<S> {
    pub image_id: u64,
    pub shape: S,
    /// In square pixels.
    pub area: f64,
    pub crowd: bool,
    /// False for the one that a detection may match without becoming right
    /// (`GroundTruth::id_zero`).
    pub credits: bool,
}

/// What it needs to know of a detection.
pub(super) struct Found<S> {
    pub image_id: u64,
    pub shape: S,
    /// In square pixels.
    pub area: f64,
    pub score: f64,
}

/// An object of the image in hand.
struct Truth<S> {
    shape: S,
    crowd: bool,
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
pub(super) struct Matcher<S> {
    truths: Vec<Truth<S>>,
    candidates: Vec<Candidate>,
}

impl<'a, S: Shape<'a>> Matcher<S> {
    pub fn new() -> Self {
        Self {
            truths: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// Appends the outcomes of one image and category, of at most the best 100 detections.
    ///
    /// `objects` come in their order in the file, `found` best score first.
    pub fn match_image(
        &mut self,
        objects: &[Object<S>],
        found: &[Found<S>],
        outcomes: &mut Vec<Outcome>,
    ) {
        self.truths.clear();
        self.truths.extend(objects.iter().map(
            |&Object {
                 shape,
                 area,
                 crowd,
                 credits,
                 ..
             }| Truth {
                shape,
                crowd,
                credits,
                ignored: AREA_RANGES.map(|range| crowd || outside(area, range)),
                taken: Default::default(),
            },
        ));
        for (
            rank,
            &Found {
                image_id,
                shape,
                area,
                score,
            },
        ) in found.iter().take(MAX_DETECTIONS[2]).enumerate()
        {
            self.find_candidates(shape);
            let mut outcome = Outcome {
                image_id,
                score,
                rank: rank as u32,
                right: Default::default(),
                wrong: Default::default(),
            };
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

    fn find_candidates(&mut self, detection: S) {
        self.candidates.clear();
        for (truth, &Truth { shape, crowd, .. }) in self.truths.iter().enumerate() {
            let iou = detection.overlap(shape, crowd);
            if iou >= IOU_THRESHOLDS[0] {
                self.candidates.push(Candidate { truth, iou });
            }
        }
    }

    /// Takes the best free candidate at each threshold. Returns the thresholds at which there was
    /// one, and those at which it does not count.
    fn take(&mut self, area: usize) -> (ThresholdSet, ThresholdSet) {
        let (mut matched, mut ignored) = (0, 0);
        let best_iou = self
            .candidates
            .iter()
            .fold(0.0, |best: f64, candidate| best.max(candidate.iou));
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

    /// The free object of most overlap, the last of equals; one that does not count only where no
    /// other will do.
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
