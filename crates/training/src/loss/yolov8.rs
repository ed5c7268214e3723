//! The loss of YOLOv8: binary cross-entropy on task-aligned class scores, CIoU on the boxes, and the distribution focal loss on their sides.
//! Source of the last: Li et al., "Generalized Focal Loss", arXiv:2006.04388, equation 6.

use burn::Tensor;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Int, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::masks::{MaskMatch, mask_loss, object_numbers};
use super::matching::check_targets;
use super::task_aligned::{Assigned, Predictions, TaskAlignedAssigner};
use super::{
    DetectionLoss, LossError, LossOutput, Outputs, Targets, bce_with_logits, complete_iou, required,
};
use ablate_detection::geometry::BBox;

/// Gains of the loss under the names that YOLOv8's settings give them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Yolov8Hyp {
    /// Gain of the box loss.
    #[serde(rename = "box")]
    pub box_gain: f32,
    /// Gain of the class loss.
    pub cls: f32,
    /// Gain of the distribution focal loss.
    pub dfl: f32,
}

impl Default for Yolov8Hyp {
    /// The published values.
    fn default() -> Self {
        Self {
            box_gain: 7.5,
            cls: 0.5,
            dfl: 1.5,
        }
    }
}

impl Yolov8Hyp {
    /// Rejects values that the loss does not support, by key.
    pub fn check(&self) -> Result<(), LossError> {
        for (key, value) in [("box", self.box_gain), ("cls", self.cls), ("dfl", self.dfl)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(LossError::Hyp {
                    key,
                    value,
                    expected: "a finite number of at least 0",
                });
            }
        }
        Ok(())
    }
}

/// The loss of one network: its classes, the cells of its distributions and its strides, and the gains.
#[derive(Clone, Debug)]
pub struct Yolov8Loss {
    nc: usize,
    reg_max: usize,
    strides: Vec<f32>,
    hyp: Yolov8Hyp,
    assigner: TaskAlignedAssigner,
    /// Mask coefficients of each box; None without masks.
    coefficients: Option<usize>,
}

/// A distance at most this much below the last cell of a distribution, so that there is a cell on either side of it.
const MARGIN: f32 = 0.01;

impl Yolov8Loss {
    /// For `nc` classes, distances as distributions over `reg_max` cells, and a stride for each level, finest first.
    ///
    /// # Errors
    /// Gains that mean nothing.
    pub fn new(
        nc: usize,
        reg_max: usize,
        strides: &[usize],
        hyp: Yolov8Hyp,
    ) -> Result<Self, LossError> {
        hyp.check()?;
        let strides = strides.iter().map(|stride| *stride as f32).collect();
        Ok(Self {
            nc,
            reg_max,
            strides,
            hyp,
            assigner: TaskAlignedAssigner {
                topk: 10,
                alpha: 0.5,
                beta: 6.0,
            },
            coefficients: None,
        })
    }

    /// For a head whose logits end with so many coefficients of mask prototypes.
    pub fn with_masks(self, coefficients: Option<usize>) -> Self {
        Self {
            coefficients,
            ..self
        }
    }

    fn check_levels(&self, levels: &[Tensor<5>]) -> Result<usize, LossError> {
        if levels.len() != self.strides.len() {
            return Err(LossError::LevelCount {
                found: levels.len(),
                expected: self.strides.len(),
            });
        }
        let (batch, outputs) = (levels[0].dims()[0], self.outputs());
        for (level, logits) in levels.iter().enumerate() {
            let found = logits.dims();
            if [found[0], found[1], found[4]] != [batch, 1, outputs] || found.contains(&0) {
                return Err(LossError::Shape {
                    level,
                    found,
                    anchors: 1,
                    outputs,
                });
            }
        }
        Ok(batch)
    }

    /// CIoU loss and distribution focal loss of the boxes that cells answer for, each weighted by its cell's score and summed.
    fn box_losses(&self, rows: Tensor<2>, matched: &[Matched], device: &Device) -> [Tensor<1>; 2] {
        let (n, reg_max) = (matched.len(), self.reg_max);
        let column = |of: fn(&Matched) -> [f32; 2]| {
            let values: Vec<f32> = matched.iter().flat_map(of).collect();
            Tensor::<2>::from_data(TensorData::new(values, [n, 2]), device)
        };
        let weights: Vec<f32> = matched.iter().map(|m| m.score).collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [n, 1]), device);
        let sides = rows.narrow(1, 0, 4 * reg_max).reshape([n * 4, reg_max]);

        let distances = Tensor::<1, Int>::arange(0..reg_max as i64, device)
            .float()
            .reshape([reg_max, 1]);
        let expected = softmax(sides.clone(), 1).matmul(distances).reshape([n, 4]);
        let (near, far) = (expected.clone().narrow(1, 0, 2), expected.narrow(1, 2, 2));
        let centers = column(|m| m.cell) + (far.clone() - near.clone()).mul_scalar(0.5);
        let iou = complete_iou(
            centers,
            near + far,
            column(|m| m.target_center()),
            column(|m| m.target_size()),
        );
        let box_loss = (iou.neg().add_scalar(1.0) * weights.clone()).sum();

        // Each side's distance lies between two cells of its distribution: both are right, each as far as the other is off.
        let mut targets = vec![0.0f32; n * 4 * reg_max];
        for (side, targets) in matched
            .iter()
            .flat_map(Matched::distances)
            .zip(targets.chunks_exact_mut(reg_max))
        {
            let distance = side.clamp(0.0, (reg_max - 1) as f32 - MARGIN);
            let below = distance.floor();
            targets[below as usize] = below + 1.0 - distance;
            targets[below as usize + 1] = distance - below;
        }
        let targets = Tensor::<2>::from_data(TensorData::new(targets, [n * 4, reg_max]), device);
        let cross_entropy = (log_softmax(sides, 1) * targets)
            .sum_dim(1)
            .reshape([n, 4])
            .mean_dim(1)
            .neg();
        [box_loss, (cross_entropy * weights).sum()]
    }

    /// Who answers for what in every image, from the logits `batch · cells · outputs`.
    fn assign(
        &self,
        logits: &[f32],
        cells: &[Cell],
        batch: usize,
        size: [f32; 2],
        targets: &[[f32; 6]],
    ) -> Vec<Matched> {
        let centers: Vec<[f32; 2]> = cells
            .iter()
            .map(|cell| cell.center.map(|c| c * cell.stride))
            .collect();
        let image = |image: usize| {
            let own: Vec<usize> = (0..targets.len())
                .filter(|target| targets[*target][0] as usize == image)
                .collect();
            let boxes: Vec<(usize, BBox)> = own
                .iter()
                .map(|target| (targets[*target][1] as usize, pixels(targets[*target], size)))
                .collect();
            let logits =
                &logits[image * cells.len() * self.outputs()..][..cells.len() * self.outputs()];
            self.assign_image(logits, cells, &centers, &boxes)
                .into_iter()
                .map(
                    |Assigned {
                         cell,
                         target,
                         score,
                     }| {
                        let ((class, bbox), Cell { center, stride }) = (boxes[target], cells[cell]);
                        let corners =
                            [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(|side| side / stride);
                        Matched {
                            row: image * cells.len() + cell,
                            cell: center,
                            index: own[target],
                            target: corners,
                            class,
                            score,
                        }
                    },
                )
                .collect::<Vec<_>>()
        };
        (0..batch).into_par_iter().flat_map_iter(image).collect()
    }

    fn assign_image(
        &self,
        logits: &[f32],
        cells: &[Cell],
        centers: &[[f32; 2]],
        targets: &[(usize, BBox)],
    ) -> Vec<Assigned> {
        let mut boxes = vec![
            BBox {
                x1: 0.0,
                y1: 0.0,
                x2: 0.0,
                y2: 0.0
            };
            cells.len()
        ];
        let mut scores = vec![0.0; cells.len() * self.nc];
        for (i, logits) in logits.chunks_exact(self.outputs()).enumerate() {
            let [x, y] = centers[i];
            // A cell outside of all boxes answers for none.
            if !targets
                .iter()
                .any(|(_, b)| x > b.x1 && x < b.x2 && y > b.y1 && y < b.y2)
            {
                continue;
            }
            let (sides, classes) = logits.split_at(4 * self.reg_max);
            let classes = &classes[..self.nc];
            let mut distances = sides
                .chunks_exact(self.reg_max)
                .map(|logits| mean_distance(logits) * cells[i].stride);
            let [left, top, right, bottom] =
                std::array::from_fn(|_| distances.next().unwrap_or_default());
            boxes[i] = BBox {
                x1: x - left,
                y1: y - top,
                x2: x + right,
                y2: y + bottom,
            };
            let scores = &mut scores[i * self.nc..][..self.nc];
            scores
                .iter_mut()
                .zip(classes)
                .for_each(|(score, logit)| *score = 1.0 / (1.0 + (-logit).exp()));
        }
        self.assigner.assign(
            Predictions {
                centers,
                boxes: &boxes,
                scores: &scores,
                nc: self.nc,
            },
            targets,
        )
    }

    /// Numbers for each box.
    fn outputs(&self) -> usize {
        4 * self.reg_max + self.nc + self.coefficients.unwrap_or(0)
    }
}

impl DetectionLoss for Yolov8Loss {
    fn items(&self) -> &'static [&'static str] {
        match self.coefficients {
            None => &["box", "cls", "dfl"],
            Some(_) => &["box", "cls", "dfl", "seg"],
        }
    }

    /// The levels' logits are `[batch, 1, height, width, outputs]` each: left, top, right, bottom, classes, mask coefficients.
    fn forward(
        &self,
        Outputs { levels, protos }: Outputs,
        Targets {
            boxes: targets,
            masks,
        }: Targets,
    ) -> Result<LossOutput, LossError> {
        let batch = self.check_levels(&levels)?;
        check_targets(targets, batch, self.nc)?;
        let device = levels[0].device();
        let [_, _, height, width, _] = levels[0].dims();
        let size = [width, height].map(|cells| cells as f32 * self.strides[0]);
        let cells: Vec<Cell> = levels
            .iter()
            .zip(&self.strides)
            .flat_map(|(level, stride)| cells(level.dims(), *stride))
            .collect();
        let outputs = self.outputs();
        let flat = |level: Tensor<5>| -> Tensor<3> {
            let [_, _, height, width, _] = level.dims();
            level.reshape([batch, height * width, outputs])
        };
        let logits = Tensor::cat(levels.into_iter().map(flat).collect(), 1)
            .reshape([batch * cells.len(), outputs]);

        let matched = match targets {
            [] => Vec::new(),
            _ => {
                let values = logits.clone().detach().into_data();
                let values = values.as_slice::<f32>().map_err(|_| LossError::NotFloat)?;
                self.assign(values, &cells, batch, size, targets)
            }
        };
        let mut scores = vec![0.0f32; batch * cells.len() * self.nc];
        matched
            .iter()
            .for_each(|m| scores[m.row * self.nc + m.class] = m.score);
        let sum = matched.iter().map(|m| m.score).sum::<f32>().max(1.0);
        let scores = Tensor::<2>::from_data(
            TensorData::new(scores, [batch * cells.len(), self.nc]),
            &device,
        );
        let class_loss = bce_with_logits(
            logits.clone().narrow(1, 4 * self.reg_max, self.nc),
            scores,
            1.0,
        )
        .sum();
        let Yolov8Hyp { box_gain, cls, dfl } = self.hyp;
        let mut seg_loss = self.coefficients.map(|_| Tensor::zeros([1], &device));
        let [box_loss, distribution_loss] = match matched.is_empty() {
            true => std::array::from_fn(|_| Tensor::zeros([1], &device)),
            false => {
                let rows: Vec<i32> = matched.iter().map(|m| m.row as i32).collect();
                let rows = logits.select(
                    0,
                    Tensor::<1, Int>::from_data(TensorData::new(rows, [matched.len()]), &device),
                );
                if let Some(count) = self.coefficients {
                    let (protos, masks) = required(protos, masks, count)?;
                    let coefficients = rows.clone().narrow(1, 4 * self.reg_max + self.nc, count);
                    let loss = mask_loss(
                        protos,
                        coefficients,
                        &mask_matches(&matched, targets, batch),
                        masks,
                    )?;
                    seg_loss = Some(loss.mul_scalar(box_gain));
                }
                self.box_losses(rows, &matched, &device)
            }
        };

        let items = [
            box_loss.mul_scalar(box_gain / sum),
            class_loss.mul_scalar(cls / sum),
            distribution_loss.mul_scalar(dfl / sum),
        ];
        Ok(LossOutput::of(
            items.into_iter().chain(seg_loss).collect(),
            batch,
        ))
    }
}

/// The cells' objects, each cell counting the same.
fn mask_matches(matched: &[Matched], targets: &[[f32; 6]], batch: usize) -> Vec<MaskMatch> {
    let objects = object_numbers(targets, batch);
    let of = |m: &Matched| {
        let [image, _, x, y, w, h] = targets[m.index];
        MaskMatch {
            image: image as usize,
            object: objects[m.index],
            bbox: BBox::from_cxcywh(x, y, w, h),
            weight: 1.0 / matched.len() as f32,
        }
    };
    matched.iter().map(of).collect()
}

/// A place on a level's map.
#[derive(Clone, Copy)]
struct Cell {
    /// In cells.
    center: [f32; 2],
    stride: f32,
}

/// A cell that answers for a box.
struct Matched {
    /// Of the logits.
    row: usize,
    /// The cell's centre, in cells.
    cell: [f32; 2],
    /// Row of the target.
    index: usize,
    /// The box's left, top, right and bottom, in cells.
    target: [f32; 4],
    class: usize,
    score: f32,
}

impl Matched {
    fn target_center(&self) -> [f32; 2] {
        let [x1, y1, x2, y2] = self.target;
        [(x1 + x2) / 2.0, (y1 + y2) / 2.0]
    }

    fn target_size(&self) -> [f32; 2] {
        let [x1, y1, x2, y2] = self.target;
        [x2 - x1, y2 - y1]
    }

    /// From the cell's centre to the box's left, top, right and bottom.
    fn distances(&self) -> [f32; 4] {
        let ([x, y], [x1, y1, x2, y2]) = (self.cell, self.target);
        [x - x1, y - y1, x2 - x, y2 - y]
    }
}

fn cells([_, _, height, width, _]: [usize; 5], stride: f32) -> impl Iterator<Item = Cell> {
    let places = (0..height)
        .flat_map(move |row| (0..width).map(move |column| [column as f32 + 0.5, row as f32 + 0.5]));
    places.map(move |center| Cell { center, stride })
}

/// A target's box in pixels of an image of `size`, width and height.
fn pixels([_, _, x, y, w, h]: [f32; 6], [width, height]: [f32; 2]) -> BBox {
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
