//! Training losses of the detectors.

mod bce;
mod ciou;
mod hyp;
mod masks;
mod matching;
mod task_aligned;
mod yolov5;
mod yolov8;

pub use bce::bce_with_logits;
pub use ciou::complete_iou;
pub use hyp::Yolov5Hyp;
pub use matching::{AnchorMatcher, Match};
pub use task_aligned::{Assigned, Predictions, TaskAlignedAssigner};
pub use yolov5::Yolov5Loss;
pub use yolov8::{Yolov8Hyp, Yolov8Loss};

use burn::Tensor;

use ablate_detection::mask::MaskTargets;

/// What a network emits for a batch.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The head's logits, finest level first.
    pub levels: Vec<Tensor<5>>,
    /// Mask prototypes `[batch, coefficients, height, width]` of a head that makes masks.
    pub protos: Option<Tensor<4>>,
}

/// What it should have emitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Targets<'a> {
    /// Rows of (image in the batch, class, cx, cy, w, h), the box as fractions of the image; none is fine.
    pub boxes: &'a [[f32; 6]],
    /// Of the same objects, for a head that makes masks.
    pub masks: Option<&'a MaskTargets>,
}

impl From<Vec<Tensor<5>>> for Outputs {
    /// Of a head without masks.
    fn from(levels: Vec<Tensor<5>>) -> Self {
        Self {
            levels,
            protos: None,
        }
    }
}

impl<'a> From<&'a [[f32; 6]]> for Targets<'a> {
    /// Without masks.
    fn from(boxes: &'a [[f32; 6]]) -> Self {
        Self { boxes, masks: None }
    }
}

/// What a network of a family is trained on.
pub trait DetectionLoss {
    /// Names of the parts, in the order of [`LossOutput::items`].
    fn items(&self) -> &'static [&'static str];

    /// The loss of a batch.
    ///
    /// # Errors
    /// Logits of another shape than the head's, targets of an unknown class or image, a head with masks without prototypes or target masks.
    fn forward(&self, outputs: Outputs, targets: Targets) -> Result<LossOutput, LossError>;
}

/// Prototypes and target masks, which a loss on masks needs both.
fn required(
    protos: Option<Tensor<4>>,
    masks: Option<&MaskTargets>,
    coefficients: usize,
) -> Result<(Tensor<4>, &MaskTargets), LossError> {
    match (protos, masks) {
        (Some(protos), Some(masks)) if protos.dims()[1] == coefficients => Ok((protos, masks)),
        (Some(protos), Some(_)) => Err(LossError::Protos {
            found: protos.dims()[1],
            expected: coefficients,
        }),
        _ => Err(LossError::NoMasks),
    }
}

/// A loss and its parts, on the device of the logits.
#[derive(Clone, Debug)]
pub struct LossOutput {
    /// What is to be differentiated: the sum of the parts times the batch size.
    pub total: Tensor<1>,
    /// Each with its gain, a mean over the batch; detached.
    pub items: Vec<Tensor<1>>,
}

impl LossOutput {
    /// Of the parts, each with its gain, in a batch of so many images.
    fn of(items: Vec<Tensor<1>>, batch: usize) -> Self {
        let total = items
            .iter()
            .cloned()
            .reduce(|sum, item| sum + item)
            .expect("a loss has parts");
        Self {
            total: total.mul_scalar(batch as f32),
            items: items.into_iter().map(Tensor::detach).collect(),
        }
    }
}

/// Why a loss cannot be built, or what in its input does not fit the network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossError {
    #[error("fl_gamma is {0}: focal loss is not supported, only 0 (plain binary cross-entropy) is")]
    FocalLoss(f32),
    #[error("{key} is {value}: it must be {expected}")]
    Hyp {
        key: &'static str,
        value: f32,
        expected: &'static str,
    },
    #[error(
        "the head has {anchors} levels of anchors and {strides} strides: the loss needs one stride a level, 1 to 5 levels"
    )]
    Levels { anchors: usize, strides: usize },
    #[error(
        "level {level} of the head has {found} anchors: every level needs the same number, here {expected}"
    )]
    Anchors {
        level: usize,
        found: usize,
        expected: usize,
    },
    #[error(
        "level {level} has logits of shape {found:?}: [batch, {anchors}, height, width, {outputs}] was expected"
    )]
    Shape {
        level: usize,
        found: [usize; 5],
        anchors: usize,
        outputs: usize,
    },
    #[error("{found} levels of logits: the head has {expected}")]
    LevelCount { found: usize, expected: usize },
    #[error("the head makes masks: its prototypes and the targets' masks are needed")]
    NoMasks,
    #[error("the head has {found} mask prototypes: each box has {expected} coefficients for them")]
    Protos { found: usize, expected: usize },
    #[error(
        "the targets' masks are of height and width {found:?}: {height} and {width}, those of the prototypes, for each image were expected"
    )]
    MaskSize {
        found: [usize; 2],
        height: usize,
        width: usize,
    },
    #[error("the logits are not of 32-bit floats")]
    NotFloat,
    #[error("target {row} is of class {class}: the network has {nc} classes, from 0")]
    Class { row: usize, class: f32, nc: usize },
    #[error("target {row} is of image {image}: the batch has {batch} images, from 0")]
    Image {
        row: usize,
        image: f32,
        batch: usize,
    },
}
