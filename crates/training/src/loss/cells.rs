//! The cells of a head without anchors, and which of them answer for which box.

use ablate_detection::geometry::BBox;
use ablate_detection::mask::MaskTargets;
use rayon::prelude::*;

use super::masks::object_numbers;
use super::predicted_masks::PredictedMasks;
use super::task_aligned::{Assigned, Predictions, TaskAlignedAssigner};

/// A place on a level's map.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// In cells.
    pub center: [f32; 2],
    pub stride: f32,
}

/// A cell that answers for a box.
pub(super) struct Matched {
    /// Of the logits.
    pub row: usize,
    pub cell: Cell,
    /// Row of the target.
    pub index: usize,
    /// The box's left, top, right and bottom, in cells.
    pub target: [f32; 4],
    pub class: usize,
    pub score: f32,
}

impl Matched {
    pub fn target_center(&self) -> [f32; 2] {
        let [x1, y1, x2, y2] = self.target;
        [(x1 + x2) / 2.0, (y1 + y2) / 2.0]
    }

    pub fn target_size(&self) -> [f32; 2] {
        let [x1, y1, x2, y2] = self.target;
        [x2 - x1, y2 - y1]
    }

    /// From the cell's centre to the box's left, top, right and bottom.
    pub fn distances(&self) -> [f32; 4] {
        let ([x, y], [x1, y1, x2, y2]) = (self.cell.center, self.target);
        [x - x1, y - y1, x2 - x, y2 - y]
    }
}

/// The cells of a level's logits, row by row.
pub(super) fn cells(
    [_, _, height, width, _]: [usize; 5],
    stride: f32,
) -> impl Iterator<Item = Cell> {
    let places = (0..height)
        .flat_map(move |row| (0..width).map(move |column| [column as f32 + 0.5, row as f32 + 0.5]));
    places.map(move |center| Cell { center, stride })
}

/// The logits of a batch on the host, and what is needed to read them.
pub(super) struct Logits<'a> {
    /// `batch · cells · outputs`.
    pub values: &'a [f32],
    /// Of all levels, finest first.
    pub cells: &'a [Cell],
    pub batch: usize,
    /// Numbers of a cell: sides, classes, mask coefficients.
    pub outputs: usize,
    pub nc: usize,
    pub reg_max: usize,
    /// The images' width and height in pixels.
    pub size: [f32; 2],
    /// For an assigner that looks at the predicted masks, too.
    pub protos: Option<BatchMasks<'a>>,
}

/// Mask prototypes of a batch on the host, and the masks to be found.
#[derive(Clone, Copy)]
pub(super) struct BatchMasks<'a> {
    /// `batch · coefficients · height · width`.
    pub protos: &'a [f32],
    pub coefficients: usize,
    pub targets: &'a MaskTargets,
}

impl Logits<'_> {
    /// Who answers for what in every image, by row of the logits.
    pub fn assign(&self, assigner: &TaskAlignedAssigner, targets: &[[f32; 6]]) -> Vec<Matched> {
        let centers: Vec<[f32; 2]> = self
            .cells
            .iter()
            .map(|cell| cell.center.map(|c| c * cell.stride))
            .collect();
        let objects = object_numbers(targets, self.batch);
        let image = |image: usize| {
            let own: Vec<usize> = (0..targets.len())
                .filter(|target| targets[*target][0] as usize == image)
                .collect();
            let boxes: Vec<(usize, BBox)> = own
                .iter()
                .map(|target| {
                    let class = targets[*target][1] as usize;
                    (class, pixels(targets[*target], self.size))
                })
                .collect();
            let objects: Vec<u16> = own.iter().map(|target| objects[*target]).collect();
            let assigned = self.assign_image(image, assigner, &centers, &boxes, &objects);
            let matched = assigned.into_iter().map(|assigned| {
                let Assigned {
                    cell,
                    target,
                    score,
                } = assigned;
                let ((class, bbox), stride) = (boxes[target], self.cells[cell].stride);
                Matched {
                    row: image * self.cells.len() + cell,
                    cell: self.cells[cell],
                    index: own[target],
                    target: [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(|side| side / stride),
                    class,
                    score,
                }
            });
            matched.collect::<Vec<_>>()
        };
        (0..self.batch)
            .into_par_iter()
            .flat_map_iter(image)
            .collect()
    }

    fn assign_image(
        &self,
        image: usize,
        assigner: &TaskAlignedAssigner,
        centers: &[[f32; 2]],
        targets: &[(usize, BBox)],
        objects: &[u16],
    ) -> Vec<Assigned> {
        let numbers = self.cells.len() * self.outputs;
        let logits = &self.values[image * numbers..][..numbers];
        let mut boxes = vec![BBox::default(); self.cells.len()];
        let mut scores = vec![0.0; self.cells.len() * self.nc];
        for (i, logits) in logits.chunks_exact(self.outputs).enumerate() {
            // A cell outside of all boxes answers for none.
            if !targets
                .iter()
                .any(|(_, bbox)| assigner.surrounds(bbox, centers[i]))
            {
                continue;
            }
            let (sides, rest) = logits.split_at(4 * self.reg_max);
            boxes[i] = self.bbox(sides, centers[i], self.cells[i].stride);
            let scores = &mut scores[i * self.nc..][..self.nc];
            scores
                .iter_mut()
                .zip(rest)
                .for_each(|(score, logit)| *score = 1.0 / (1.0 + (-logit).exp()));
        }
        let masks = self.protos.map(|masks| {
            let BatchMasks {
                protos,
                coefficients,
                targets,
            } = masks;
            let MaskTargets { height, width, .. } = *targets;
            let area = height * width;
            PredictedMasks {
                protos: &protos[image * coefficients * area..][..coefficients * area],
                logits,
                outputs: self.outputs,
                coefficients,
                objects: &targets.objects[image * area..][..area],
                numbers: objects,
                width,
                scale: height as f32 / self.size[1],
            }
        });
        let predictions = Predictions {
            centers,
            boxes: &boxes,
            scores: &scores,
            nc: self.nc,
            masks: masks.as_ref(),
        };
        assigner.assign(predictions, targets)
    }

    /// In pixels.
    fn bbox(&self, sides: &[f32], [x, y]: [f32; 2], stride: f32) -> BBox {
        let distance = |logits: &[f32]| match logits {
            [distance] => *distance,
            logits => mean_distance(logits),
        };
        let mut distances = sides
            .chunks_exact(self.reg_max)
            .map(|logits| distance(logits) * stride);
        let [left, top, right, bottom] =
            std::array::from_fn(|_| distances.next().unwrap_or_default());
        BBox {
            x1: x - left,
            y1: y - top,
            x2: x + right,
            y2: y + bottom,
        }
    }
}

/// A target's box in pixels of an image of `size`, width and height.
pub(super) fn pixels([_, _, x, y, w, h]: [f32; 6], [width, height]: [f32; 2]) -> BBox {
    let (x, y, half_w, half_h) = (x * width, y * height, w * width / 2.0, h * height / 2.0);
    BBox {
        x1: x - half_w,
        y1: y - half_h,
        x2: x + half_w,
        y2: y + half_h,
    }
}

/// The mean of a distribution over distances of 0, 1, 2 … cells.
fn mean_distance(logits: &[f32]) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut moment) = (0.0, 0.0);
    for (distance, logit) in logits.iter().enumerate() {
        let share = (logit - largest).exp();
        sum += share;
        moment += share * distance as f32;
    }
    moment / sum
}
