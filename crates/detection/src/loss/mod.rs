//! Training losses of the detectors.

mod bce;
mod ciou;
mod hyp;
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

/// What a network of a family is trained on.
pub trait DetectionLoss {
    /// Names of the parts, in the order of [`LossOutput::items`].
    fn items(&self) -> [&'static str; 3];

    /// The loss of a batch. `levels` are the head's logits, finest first. `targets` are rows of (image in the batch, class, cx, cy, w, h), the
    /// box as fractions of the image; none is fine.
    ///
    /// # Errors
    /// Logits of another shape than the head's, targets of an unknown class or image.
    fn forward(&self, levels: Vec<Tensor<5>>, targets: &[[f32; 6]]) -> Result<LossOutput, LossError>;
}

/// A loss and its parts, on the device of the logits.
#[derive(Clone, Debug)]
pub struct LossOutput {
    /// What is to be differentiated: the sum of the parts times the batch size.
    pub total: Tensor<1>,
    /// Each with its gain, a mean over the batch; detached.
    pub items: [Tensor<1>; 3],
}

/// Why a loss cannot be built, or what in its input does not fit the network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossError {
    #[error("fl_gamma is {0}: focal loss is not supported, only 0 (plain binary cross-entropy) is")]
    FocalLoss(f32),
    #[error("{key} is {value}: it must be {expected}")]
    Hyp { key: &'static str, value: f32, expected: &'static str },
    #[error("the head has {anchors} levels of anchors and {strides} strides: the loss needs one stride a level, 1 to 5 levels")]
    Levels { anchors: usize, strides: usize },
    #[error("level {level} of the head has {found} anchors: every level needs the same number, here {expected}")]
    Anchors { level: usize, found: usize, expected: usize },
    #[error("level {level} has logits of shape {found:?}: [batch, {anchors}, height, width, {outputs}] was expected")]
    Shape { level: usize, found: [usize; 5], anchors: usize, outputs: usize },
    #[error("{found} levels of logits: the head has {expected}")]
    LevelCount { found: usize, expected: usize },
    #[error("the logits are not of 32-bit floats")]
    NotFloat,
    #[error("target {row} is of class {class}: the network has {nc} classes, from 0")]
    Class { row: usize, class: f32, nc: usize },
    #[error("target {row} is of image {image}: the batch has {batch} images, from 0")]
    Image { row: usize, image: f32, batch: usize },
}
