//! Training losses of the detectors.

mod box_targets;
mod cells;
mod ciou;
mod distances;
mod end_to_end;
mod hyp;
mod masks;
mod matching;
mod on_device;
mod overlaps;
mod predicted_masks;
mod scene;
mod semantic;
mod task_aligned;
mod tensor_assigner;
mod yolov5;
mod yolov8;

pub use ablate_kernels::{bce_with_logits, bce_with_logits_sum};
pub use ciou::complete_iou;
pub use end_to_end::EndToEndLoss;
pub use hyp::Yolov5Hyp;
pub use matching::{AnchorMatcher, Match};
pub use predicted_masks::PredictedMasks;
pub use task_aligned::{Assigned, Predictions, TaskAlignedAssigner};
pub use yolov5::Yolov5Loss;
pub use yolov8::{Yolov8Hyp, Yolov8Loss};

use burn::Tensor;

use ablate_detection::mask::MaskTargets;
pub use ablate_model::Outputs;

/// What it should have emitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Targets<'a> {
    /// Rows of (image in the batch, class, cx, cy, w, h), the box as fractions of the image; may be
    /// empty.
    pub boxes: &'a [[f32; 6]],
    /// Of the same objects, for a head that makes masks.
    pub masks: Option<&'a MaskTargets>,
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

    /// Is told the epoch, from 0, before its first batch.
    fn start_epoch(&mut self, _epoch: usize) {}

    /// The loss of a batch.
    ///
    /// # Errors
    /// Logits of another shape than the head's, targets of an unknown class or image, a head with
    /// masks without prototypes or target masks.
    fn forward(&self, outputs: Outputs, targets: Targets) -> Result<LossOutput, LossError>;
}

/// Prototypes and target masks of one size, which a loss on masks needs both.
fn required(
    protos: Option<Tensor<4>>,
    masks: Option<&MaskTargets>,
    coefficients: usize,
) -> Result<(Tensor<4>, &MaskTargets), LossError> {
    let (Some(protos), Some(masks)) = (protos, masks) else {
        return Err(LossError::NoMasks);
    };
    let [batch, found, height, width] = protos.dims();
    if found != coefficients {
        return Err(LossError::Protos {
            found,
            expected: coefficients,
        });
    }
    let pixels = batch * height * width;
    match (masks.height, masks.width, masks.objects.len()) == (height, width, pixels) {
        true => Ok((protos, masks)),
        false => Err(LossError::MaskSize {
            found: [masks.height, masks.width],
            height,
            width,
        }),
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
#[expect(missing_docs, reason = "the messages describe variants and fields")]
pub enum LossError {
    #[error("fl_gamma: expected 0, found {0}; focal loss is not supported")]
    FocalLoss(f32),
    #[error("{key}: expected {expected}, found {value}")]
    Hyp {
        key: &'static str,
        value: f32,
        expected: &'static str,
    },
    #[error(
        "expected 1 to 5 levels with one stride each, found {anchors} levels of anchors and {strides} strides"
    )]
    Levels { anchors: usize, strides: usize },
    #[error("level {level}: expected {expected} anchors, as many on every level, found {found}")]
    Anchors {
        level: usize,
        found: usize,
        expected: usize,
    },
    #[error(
        "level {level}: expected logits [batch, {anchors}, height, width, {outputs}], found {found:?}"
    )]
    Shape {
        level: usize,
        found: [usize; 5],
        anchors: usize,
        outputs: usize,
    },
    #[error("expected {expected} levels of logits, found {found}")]
    LevelCount { found: usize, expected: usize },
    #[error("a head with masks requires mask prototypes and target masks")]
    NoMasks,
    #[error("a head with one-to-one branches requires the logits of its one-to-many ones, too")]
    NoOneToMany,
    #[error("a head that learns a map of classes requires its logits")]
    NoSemantics,
    #[error("expected {expected} mask prototypes, one for each coefficient, found {found}")]
    Protos { found: usize, expected: usize },
    #[error(
        "expected target masks of height and width [{height}, {width}], as the prototypes, found {found:?}"
    )]
    MaskSize {
        found: [usize; 2],
        height: usize,
        width: usize,
    },
    #[error("expected logits of 32-bit floats")]
    NotFloat,
    #[error("target {row}: expected a class from 0 to below {nc}, found {class}")]
    Class { row: usize, class: f32, nc: usize },
    #[error("target {row}: expected an image from 0 to below {batch}, found {image}")]
    Image {
        row: usize,
        image: f32,
        batch: usize,
    },
}
