//! Which cells answer for which box: Feng et al., "TOOD: Task-aligned One-stage Object Detection",
//! arXiv:2108.07755, section 3.2, with the constants and the tie rules of YOLOv8.

use std::cmp::Ordering;
use std::f32::consts::PI;

use ablate_detection::geometry::BBox;

use super::predicted_masks::PredictedMasks;

/// Task-aligned assignment: a box goes to the cells inside of it that already predict its class and
/// its place best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskAlignedAssigner {
    /// Cells that a box asks for.
    pub topk: usize,
    /// Cells of those that it keeps, in the end: its best.
    pub keep: usize,
    /// Exponent of the class probability in the measure of alignment.
    pub alpha: f32,
    /// Exponent of the overlap in the measure of alignment.
    pub beta: f32,
    /// Pixels that each side of a box has at least while cells inside of it are looked for.
    pub least_side: f32,
}

/// A cell that answers for a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assigned {
    /// Index of the cell, finest level first.
    pub cell: usize,
    /// Index of the box among the image's.
    pub target: usize,
    /// What the probability of the box's class should be: 0 to 1.
    pub score: f32,
}

/// What an image's cells predict, finest level first.
#[derive(Clone, Copy, Debug)]
pub struct Predictions<'a> {
    /// Centre of each cell in pixels.
    pub centers: &'a [[f32; 2]],
    /// In pixels.
    pub boxes: &'a [BBox],
    /// Class probabilities, `nc` for each cell.
    pub scores: &'a [f32],
    /// Number of classes.
    pub nc: usize,
    /// If overlap is the mean of the boxes' CIoU and the masks' IoU.
    pub masks: Option<&'a PredictedMasks<'a>>,
}

/// Keeps quotients finite; a cell's centre lies inside of a box from this far on.
pub(super) const EPSILON: f32 = 1e-9;

/// A cell among those that a box could go to.
#[derive(Clone, Copy)]
struct Candidate {
    cell: usize,
    overlap: f32,
    alignment: f32,
}

impl TaskAlignedAssigner {
    /// The cells that answer for an image's boxes, `targets` being their classes and places in
    /// pixels; ordered by cell.
    pub fn assign(&self, predictions: Predictions, targets: &[(usize, BBox)]) -> Vec<Assigned> {
        let candidates: Vec<Vec<Candidate>> = targets
            .iter()
            .enumerate()
            .map(|(i, target)| self.candidates(predictions, i, target))
            .collect();

        // Each box asks for its best cells; a cell that several ask for goes to the box, of all
        // around it, that it overlaps most.
        let mut asked: Vec<(usize, usize)> = Vec::new();
        for (target, candidates) in candidates.iter().enumerate() {
            let mut best: Vec<Candidate> = candidates
                .iter()
                .copied()
                .filter(|candidate| candidate.alignment > 0.0)
                .collect();
            best.sort_by(best_first);
            asked.extend(
                best.iter()
                    .take(self.topk)
                    .map(|candidate| (candidate.cell, target)),
            );
        }
        asked.sort_unstable();
        let of = |target: usize, cell: usize| {
            candidates[target]
                .iter()
                .find(|candidate| candidate.cell == cell)
        };
        let mut assigned: Vec<(usize, Candidate)> = Vec::with_capacity(asked.len());
        for group in asked.chunk_by(|a, b| a.0 == b.0) {
            let cell = group[0].0;
            let target = match group {
                [(_, target)] => *target,
                _ => (0..targets.len())
                    .rev()
                    .max_by(|a, b| overlap(of(*a, cell)).total_cmp(&overlap(of(*b, cell))))
                    .unwrap_or(0),
            };
            assigned.extend(of(target, cell).map(|candidate| (target, *candidate)));
        }
        if self.keep < self.topk {
            assigned = self.best(assigned, targets.len());
        }

        // A box's best cell is to score as it overlaps; the others less, as they are aligned less.
        let mut best = vec![(0.0f32, 0.0f32); targets.len()];
        for (target, candidate) in &assigned {
            let (alignment, overlap) = &mut best[*target];
            *alignment = alignment.max(candidate.alignment);
            *overlap = overlap.max(candidate.overlap);
        }
        let score = |(target, candidate): (usize, Candidate)| {
            let (alignment, overlap) = best[target];
            Assigned {
                cell: candidate.cell,
                target,
                score: candidate.alignment * overlap / (alignment + EPSILON),
            }
        };
        assigned.into_iter().map(score).collect()
    }

    /// The best few cells of each of so many boxes.
    fn best(&self, assigned: Vec<(usize, Candidate)>, boxes: usize) -> Vec<(usize, Candidate)> {
        let mut by_box: Vec<Vec<Candidate>> = vec![Vec::new(); boxes];
        for (target, candidate) in assigned {
            by_box[target].push(candidate);
        }
        let mut best = Vec::new();
        for (target, mut candidates) in by_box.into_iter().enumerate() {
            candidates.sort_by(best_first);
            candidates.truncate(self.keep);
            best.extend(candidates.into_iter().map(|candidate| (target, candidate)));
        }
        best.sort_by_key(|(_, candidate)| candidate.cell);
        best
    }

    /// Whether a place lies inside of a box, sides that are too small being widened about its
    /// centre.
    pub fn surrounds(&self, bbox: &BBox, [x, y]: [f32; 2]) -> bool {
        let inside = |low: f32, high: f32, place: f32| {
            let [low, high] = self.widened(low, high);
            (place - low).min(high - place) > EPSILON
        };
        inside(bbox.x1, bbox.x2, x) && inside(bbox.y1, bbox.y2, y)
    }

    /// Both ends of a side, which is widened about its middle if it is too small.
    pub(super) fn widened(&self, low: f32, high: f32) -> [f32; 2] {
        let (middle, half) = ((low + high) / 2.0, (high - low).max(self.least_side) / 2.0);
        [middle - half, middle + half]
    }

    /// The cells that a box surrounds.
    fn candidates(
        &self,
        predictions: Predictions,
        target: usize,
        (class, bbox): &(usize, BBox),
    ) -> Vec<Candidate> {
        let aligned = |cell: usize, overlap: f32| Candidate {
            cell,
            overlap,
            alignment: predictions.scores[cell * predictions.nc + class].powf(self.alpha)
                * overlap.powf(self.beta),
        };
        let cells = (0..predictions.centers.len())
            .filter(|cell| self.surrounds(bbox, predictions.centers[*cell]));
        let mut candidates: Vec<Candidate> = cells
            .map(|cell| aligned(cell, complete_iou(*bbox, predictions.boxes[cell]).max(0.0)))
            .collect();
        let Some(masks) = predictions.masks else {
            return candidates;
        };
        // Masks are dear: those of the best cells by their boxes alone.
        candidates.sort_by(best_first);
        for (rank, candidate) in candidates.iter_mut().enumerate() {
            let cell = candidate.cell;
            let masks = match rank < 3 * self.topk {
                true => masks.iou(target, cell, predictions.boxes[cell]),
                false => 0.0,
            };
            *candidate = aligned(cell, (candidate.overlap + masks) / 2.0);
        }
        candidates
    }
}

/// By alignment; the earlier of equals.
fn best_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.alignment
        .total_cmp(&a.alignment)
        .then(a.cell.cmp(&b.cell))
}

fn overlap(candidate: Option<&Candidate>) -> f32 {
    candidate.map_or(0.0, |candidate| candidate.overlap)
}

/// CIoU of two boxes: see [`super::complete_iou`], which is the same on tensors.
fn complete_iou(a: BBox, b: BBox) -> f32 {
    const EPSILON: f32 = 1e-7;
    let size = |b: BBox| (b.x2 - b.x1, b.y2 - b.y1 + EPSILON);
    let ((w1, h1), (w2, h2)) = (size(a), size(b));
    let intersection =
        (a.x2.min(b.x2) - a.x1.max(b.x1)).max(0.0) * (a.y2.min(b.y2) - a.y1.max(b.y1)).max(0.0);
    let iou = intersection / (w1 * h1 + w2 * h2 - intersection + EPSILON);
    let (width, height) = (
        a.x2.max(b.x2) - a.x1.min(b.x1),
        a.y2.max(b.y2) - a.y1.min(b.y1),
    );
    let diagonal = width * width + height * height + EPSILON;
    let (dx, dy) = (b.x1 + b.x2 - a.x1 - a.x2, b.y1 + b.y2 - a.y1 - a.y2);
    let aspect = 4.0 / (PI * PI) * ((w2 / h2).atan() - (w1 / h1).atan()).powi(2);
    iou - (dx * dx + dy * dy) / 4.0 / diagonal - aspect * aspect / (aspect - iou + 1.0 + EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbox(x1: f32, y1: f32, x2: f32, y2: f32) -> BBox {
        BBox { x1, y1, x2, y2 }
    }

    const ASSIGNER: TaskAlignedAssigner = TaskAlignedAssigner {
        topk: 2,
        keep: 2,
        alpha: 0.5,
        beta: 6.0,
        least_side: 0.0,
    };

    #[test]
    fn ciou_is_known_for_simple_boxes() {
        assert!(
            (complete_iou(bbox(0.0, 0.0, 4.0, 4.0), bbox(0.0, 0.0, 4.0, 4.0)) - 1.0).abs() < 1e-6
        );
        // Side by side: no overlap, centres 4 apart in a hull of 8 × 4.
        assert!(
            (complete_iou(bbox(0.0, 0.0, 4.0, 4.0), bbox(4.0, 0.0, 8.0, 4.0)) + 16.0 / 80.0).abs()
                < 1e-6
        );
    }

    #[test]
    fn a_box_takes_its_best_cells_and_no_more() {
        let centers = [[4.0, 4.0], [12.0, 4.0], [20.0, 4.0], [28.0, 4.0]];
        let target = bbox(0.0, 0.0, 24.0, 8.0);
        // The third predicts it exactly, the first almost; the second nothing of it, the fourth
        // lies outside.
        let boxes = [
            bbox(0.0, 0.0, 22.0, 8.0),
            bbox(12.0, 4.0, 12.5, 4.5),
            target,
            target,
        ];
        let scores = [0.5, 0.9, 0.5, 0.9];
        let found = ASSIGNER.assign(
            Predictions {
                centers: &centers,
                boxes: &boxes,
                scores: &scores,
                nc: 1,
                masks: None,
            },
            &[(0, target)],
        );
        assert_eq!(
            found.iter().map(|a| (a.cell, a.target)).collect::<Vec<_>>(),
            [(0, 0), (2, 0)]
        );
        assert!(
            (found[1].score - 1.0).abs() < 1e-5 && (0.1..0.99).contains(&found[0].score),
            "{found:?}"
        );
    }

    #[test]
    fn a_cell_that_two_boxes_ask_for_goes_to_the_one_that_it_overlaps_more() {
        let targets = [
            (0, bbox(0.0, 0.0, 8.0, 8.0)),
            (0, bbox(0.0, 0.0, 8.0, 10.0)),
        ];
        let found = ASSIGNER.assign(
            Predictions {
                centers: &[[4.0, 4.0]],
                boxes: &[bbox(0.0, 0.0, 8.0, 9.9)],
                scores: &[0.5],
                nc: 1,
                masks: None,
            },
            &targets,
        );
        assert_eq!(
            found.iter().map(|a| (a.cell, a.target)).collect::<Vec<_>>(),
            [(0, 1)]
        );
    }

    #[test]
    fn nothing_to_find_is_fine() {
        assert!(
            ASSIGNER
                .assign(
                    Predictions {
                        centers: &[[4.0, 4.0]],
                        boxes: &[bbox(0.0, 0.0, 8.0, 8.0)],
                        scores: &[0.5],
                        nc: 1,
                        masks: None,
                    },
                    &[]
                )
                .is_empty()
        );
    }
}
