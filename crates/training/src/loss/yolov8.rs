//! The loss of Ultralytics' heads without anchors: binary cross-entropy on task-aligned class
//! scores, CIoU on the boxes, and a loss on their sides.

use burn::Tensor;
use burn::tensor::{DType, Int, TensorData};
use serde::{Deserialize, Serialize};

use super::box_targets::BoxTargets;
use super::cells::{BatchMasks, Cell, Logits, Matched, cells};
use super::distances::{box_losses, distances};
use super::masks::{MaskMatch, mask_loss, object_numbers};
use super::matching::check_targets;
use super::on_device::{self, Batch};
use super::semantic::semantic_loss;
use super::task_aligned::TaskAlignedAssigner;
use super::{
    DetectionLoss, LossError, LossOutput, Outputs, Targets, bce_with_logits_sum, required,
};
use ablate_detection::geometry::BBox;
use ablate_kernels::{channels, concatenated, cuda_index, with_elements};

/// Gains of the loss under the names that YOLOv8's settings give them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Yolov8Hyp {
    /// Gain of the box loss.
    #[serde(rename = "box")]
    pub box_gain: f32,
    /// Gain of the class loss.
    pub cls: f32,
    /// Gain of the loss on the distances: the distribution focal loss, or L1 for distances that are
    /// no distributions.
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

/// The loss of one network: its classes, the cells of its distributions and its strides, and the
/// gains.
#[derive(Clone, Debug)]
pub struct Yolov8Loss {
    nc: usize,
    reg_max: usize,
    strides: Vec<f32>,
    hyp: Yolov8Hyp,
    assigner: TaskAlignedAssigner,
    /// Mask coefficients of each box; None without masks.
    coefficients: Option<usize>,
    /// Whether masks are learnt as YOLO26 does it.
    yolo26: bool,
    /// Whether cells are assigned on the device; None: if that is LibTorch's GPU.
    on_device: Option<bool>,
}

impl Yolov8Loss {
    /// For `nc` classes, distances as distributions over `reg_max` cells (plain ones if that is 1),
    /// and a stride for each level, finest first.
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
        let strides: Vec<f32> = strides.iter().map(|stride| *stride as f32).collect();
        let least_side = strides.get(1).or(strides.first()).copied();
        Ok(Self {
            nc,
            reg_max,
            hyp,
            assigner: TaskAlignedAssigner {
                topk: 10,
                keep: 10,
                alpha: 0.5,
                beta: 6.0,
                least_side: least_side.unwrap_or(0.0),
            },
            strides,
            coefficients: None,
            yolo26: false,
            on_device: None,
        })
    }

    /// For a head whose logits end with so many coefficients of mask prototypes.
    pub fn with_masks(self, coefficients: Option<usize>) -> Self {
        Self {
            coefficients,
            ..self
        }
    }

    /// For a head that learns a map of classes beside its masks, YOLO26's: cells answer for objects
    /// by their masks, too.
    pub fn with_semantics(self) -> Self {
        Self {
            yolo26: true,
            ..self
        }
    }

    /// Whether cells are assigned to boxes by tensor operations, on the device of the logits, or on
    /// the host, which reads these back. Without this call it is the device if that is LibTorch's GPU.
    /// Heads with masks are always assigned on the host.
    pub fn assigning_on_device(self, on_device: bool) -> Self {
        Self {
            on_device: Some(on_device),
            ..self
        }
    }

    /// For one-to-one branches: a box asks for seven cells and keeps the best.
    pub fn answering_once(self) -> Self {
        let assigner = TaskAlignedAssigner {
            topk: 7,
            keep: 1,
            ..self.assigner
        };
        Self { assigner, ..self }
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

    /// Which cells answer for which targets, by the logits `[batch · cells, outputs]`.
    fn assign(
        &self,
        logits: &Tensor<2>,
        cells: &[Cell],
        size: [f32; 2],
        protos: Option<&Tensor<4>>,
        Targets { boxes, masks }: Targets,
    ) -> Result<Vec<Matched>, LossError> {
        if boxes.is_empty() {
            return Ok(Vec::new());
        }
        let protos = protos
            .filter(|_| self.yolo26)
            .map(|protos| protos.clone().detach().into_data());
        let protos = match (&protos, masks, self.coefficients) {
            (Some(protos), Some(targets), Some(coefficients)) => Some(BatchMasks {
                protos: protos.as_slice::<f32>().map_err(|_| LossError::NotFloat)?,
                coefficients,
                targets,
            }),
            _ => None,
        };
        let batch = logits.dims()[0] / cells.len();
        let assigned = |values: &[f32]| {
            let logits = Logits {
                values,
                cells,
                batch,
                outputs: self.outputs(),
                nc: self.nc,
                reg_max: self.reg_max,
                size,
                protos,
            };
            logits.assign(&self.assigner, boxes)
        };
        with_elements(logits, assigned).ok_or(LossError::NotFloat)
    }

    /// Numbers for each box.
    fn outputs(&self) -> usize {
        4 * self.reg_max + self.nc + self.coefficients.unwrap_or(0)
    }
}

impl DetectionLoss for Yolov8Loss {
    fn items(&self) -> &'static [&'static str] {
        match (self.reg_max, self.coefficients, self.yolo26) {
            (1, None, _) => &["box", "cls", "l1"],
            (1, Some(_), false) => &["box", "cls", "l1", "seg"],
            (1, Some(_), true) => &["box", "cls", "l1", "seg", "sem"],
            (_, None, _) => &["box", "cls", "dfl"],
            (_, Some(_), false) => &["box", "cls", "dfl", "seg"],
            (_, Some(_), true) => &["box", "cls", "dfl", "seg", "sem"],
        }
    }

    /// The levels' logits are `[batch, 1, height, width, outputs]` each: left, top, right, bottom,
    /// classes, mask coefficients.
    fn forward(&self, outputs: Outputs, targets: Targets) -> Result<LossOutput, LossError> {
        let Outputs {
            levels,
            protos,
            semantic,
            ..
        } = outputs;
        let batch = self.check_levels(&levels)?;
        check_targets(targets.boxes, batch, self.nc)?;
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
        let logits = concatenated(levels.into_iter().map(flat).collect())
            .reshape([batch * cells.len(), outputs]);

        let Yolov8Hyp { box_gain, cls, dfl } = self.hyp;
        let by_tensors = || cuda_index(&device).is_some();
        if self.coefficients.is_none() && self.on_device.unwrap_or_else(by_tensors) {
            if !targets.boxes.is_empty() && logits.dtype() != DType::F32 {
                return Err(LossError::NotFloat);
            }
            let of = Batch {
                images: batch,
                nc: self.nc,
                reg_max: self.reg_max,
                cells: &cells,
                size,
                assigner: &self.assigner,
            };
            let losses = on_device::losses(logits, &of, targets.boxes);
            let items = losses.into_iter().zip([box_gain, cls, dfl]);
            let items = items.map(|(loss, gain)| loss.mul_scalar(gain));
            return Ok(LossOutput::of(items.collect(), batch));
        }

        // Prototypes and masks that fit, if there is an object.
        let masks = match self.coefficients {
            Some(count) if !targets.boxes.is_empty() => {
                Some(required(protos, targets.masks, count)?)
            }
            _ => None,
        };
        let protos = masks.as_ref().map(|(protos, _)| protos);
        let matched = self.assign(&logits, &cells, size, protos, targets)?;
        let mut scores = vec![0.0f32; batch * cells.len() * self.nc];
        matched
            .iter()
            .for_each(|m| scores[m.row * self.nc + m.class] = m.score);
        let sum = matched.iter().map(|m| m.score).sum::<f32>().max(1.0);
        let scores = Tensor::<2>::from_data(
            TensorData::new(scores, [batch * cells.len(), self.nc]),
            &device,
        );
        let class_logits = channels(logits.clone(), 4 * self.reg_max, self.nc);
        let class_loss = bce_with_logits_sum(class_logits, scores, 1.0);

        let zero = || Tensor::<1>::zeros([1], &device);
        let mask_items = self.items().len() - 3;
        let mut mask_losses: Vec<Tensor<1>> = (0..mask_items).map(|_| zero()).collect();
        let mut box_losses_of = [zero(), zero()];
        if !matched.is_empty() {
            let rows: Vec<i32> = matched.iter().map(|m| m.row as i32).collect();
            let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [matched.len()]), &device);
            let rows = logits.select(0, rows);
            let sides = rows.clone().narrow(1, 0, 4 * self.reg_max);
            let boxes = distances(sides.clone(), self.reg_max);
            let of = BoxTargets::of_matches(&matched, self.reg_max, size, &device);
            box_losses_of = box_losses(sides, boxes, of);
            if let Some((protos, masks)) = masks {
                let first = 4 * self.reg_max + self.nc;
                let coefficients = rows.narrow(1, first, outputs - first);
                let matches = mask_matches(&matched, targets.boxes, batch);
                mask_losses[0] = mask_loss(protos, coefficients, &matches, masks);
                if self.yolo26 {
                    let semantic = semantic.ok_or(LossError::NoSemantics)?;
                    mask_losses[1] = semantic_loss(semantic, masks, targets.boxes);
                }
            }
        }
        let [box_loss, distance_loss] = box_losses_of;
        let items = [
            box_loss.mul_scalar(box_gain / sum),
            class_loss.mul_scalar(cls / sum),
            distance_loss.mul_scalar(dfl / sum),
        ];
        let mask_losses = mask_losses
            .into_iter()
            .map(|loss| loss.mul_scalar(box_gain));
        Ok(LossOutput::of(
            items.into_iter().chain(mask_losses).collect(),
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
