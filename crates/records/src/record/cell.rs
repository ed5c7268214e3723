//! What a sweep measures, and at which stages.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ImageSize;

/// The stages of a cell, in the order in which a sweep runs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Parameters and GFLOPs, by arithmetic.
    Cost,
    /// Times of a forward pass.
    Latency,
    /// Training on the train split.
    Train,
    /// COCO figures of the trained model.
    Eval,
    /// Times from an image to its boxes, by the trained model.
    Detect,
}

impl Stage {
    /// In order.
    pub const ALL: [Self; 5] = [
        Self::Cost,
        Self::Latency,
        Self::Train,
        Self::Eval,
        Self::Detect,
    ];

    /// `cost`, `latency`, `train`, `eval`, `detect`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Latency => "latency",
            Self::Train => "train",
            Self::Eval => "eval",
            Self::Detect => "detect",
        }
    }
}

/// One model × data set × seed × device of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Family, scale and variants: `yolov5n+gsconv`.
    pub model: String,
    /// `yolov5`.
    pub family: String,
    /// The variants without the family, `gsconv+asff`, or `baseline`.
    pub variant: String,
    /// `n`, `s`, `m`, `l` or `x`.
    pub scale: String,
    /// Number of classes of the detection head.
    pub nc: usize,
    /// Image sizes of its stages.
    pub imgsz: ImageSizes,
    /// The data set's name; None if the cell is neither trained nor evaluated.
    pub dataset: Option<String>,
    /// Seed of initial weights, augmentation and order; None if the cell is not trained.
    pub seed: Option<u64>,
    /// `flex`, `tch:cuda:0`.
    pub device: String,
    /// Batch size of the latency measurement.
    pub batch: usize,
    /// Number format of weights and feature maps in the latency measurement: `f32`, `f16` or
    /// `bf16`. The other stages use f32.
    #[serde(default = "f32", skip_serializing_if = "is_f32")]
    pub dtype: String,
    /// How the latency's forward pass runs: `eager`, operation by operation, or `graph`, captured
    /// once and replayed. The other stages are eager.
    #[serde(default = "eager", skip_serializing_if = "is_eager")]
    pub mode: String,
}

/// Batch size, number format and mode of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timing<'a> {
    /// Images per forward pass.
    pub batch: usize,
    /// `f16` or `bf16`; None for f32, the default.
    pub rounded_to: Option<&'a str>,
    /// `eager` or `graph`; None for `eager` on a device that knows no other.
    pub mode: Option<&'a str>,
}

impl Cell {
    /// The model without its variants: `yolov5n`, `mine:n`.
    pub fn without_variants(&self) -> &str {
        self.model.split('+').next().unwrap_or(&self.model)
    }

    /// Batch size, number format and mode of its latency.
    pub fn timing(&self) -> Timing<'_> {
        let has_modes = self.device.starts_with("tch");
        Timing {
            batch: self.batch,
            rounded_to: Some(self.dtype.as_str()).filter(|dtype| !is_f32(dtype)),
            mode: Some(self.mode.as_str()).filter(|mode| has_modes || !is_eager(mode)),
        }
    }
}

impl Timing<'_> {
    /// For a file's name: `batch1`, `batch1-f16`, `batch1-f16-graph`.
    pub fn word(&self) -> String {
        let mut word = format!("batch{}", self.batch);
        let mode = self.mode.filter(|mode| !is_eager(mode));
        for part in self.rounded_to.into_iter().chain(mode) {
            word += &format!("-{part}");
        }
        word
    }
}

impl fmt::Display for Timing<'_> {
    /// `batch 1`, `batch 1 in f16`, `batch 1, eager`, `batch 1 in f16, graph`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "batch {}", self.batch)?;
        if let Some(dtype) = self.rounded_to {
            write!(f, " in {dtype}")?;
        }
        match self.mode {
            Some(mode) => write!(f, ", {mode}"),
            None => Ok(()),
        }
    }
}

fn f32() -> String {
    "f32".into()
}

fn is_f32(dtype: &str) -> bool {
    dtype == "f32"
}

fn eager() -> String {
    "eager".into()
}

fn is_eager(mode: &str) -> bool {
    mode == "eager"
}

/// Height and width of the network's input in pixels, stage by stage: published costs are for 640
/// pixels, whatever a network is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ImageSizes {
    /// Of the cost.
    pub cost: ImageSize,
    /// Of the latency.
    pub latency: ImageSize,
    /// Of training and evaluation.
    pub train: ImageSize,
}

impl From<usize> for ImageSizes {
    /// The same at every stage.
    fn from(imgsz: usize) -> Self {
        let imgsz = ImageSize::from(imgsz);
        Self {
            cost: imgsz,
            latency: imgsz,
            train: imgsz,
        }
    }
}
