//! What a training reached, epoch by epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PeakMemory;
use crate::DataAccount;

/// A finished training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainMeasurement {
    /// All epochs, in order.
    pub epochs: Vec<EpochLog>,
    /// Wall-clock seconds of all epochs, including evaluation; summed over resumed runs.
    pub train_s: f64,
    /// Training images per second, including data loading and augmentation, excluding evaluation.
    pub images_per_s: f64,
    /// Zero-based epoch of the best checkpoint.
    pub best_epoch: usize,
    /// Checkpoint of the best epoch, relative to the sweep's folder.
    pub best_weights: String,
    /// Of the content of that file, so that no other is taken for it; None in records of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_hash: Option<String>,
    /// Checkpoint of the last epoch, relative to the sweep's folder.
    pub last_weights: String,
    /// Number of images of the training split.
    pub train_images: usize,
    /// Number of images of the validation split.
    pub val_images: usize,
    /// What the training and the validation split hold, and what was left out of them; empty in
    /// records of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataAccount>,
    /// The file of weights that the training started from; None if all weights were random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<FirstWeights>,
    /// How the anchors fit the training split; None for a head without anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<Box<AnchorFit>>,
    /// Peak memory.
    #[serde(default)]
    pub memory: PeakMemory,
}

/// How well anchors fit a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnchorFit {
    /// Share of boxes that at least one anchor matches, 0 to 1.
    pub best_possible_recall: f64,
    /// Mean number of anchors that match a box.
    pub anchors_per_box: f64,
    /// Width and height of the anchors in pixels, level by level; None if they are those of the
    /// model's table.
    pub replaced: Option<Vec<Vec<[f64; 2]>>>,
}

/// A file of weights that a training started from, and how much of it fits the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirstWeights {
    /// The file's name, without its folder.
    pub file: String,
    /// Number of the model's tensors that the file filled.
    pub taken: usize,
    /// Number of the model's tensors.
    pub total: usize,
    /// Number of the file's tensors that do not fit the model.
    pub unused: usize,
}

/// One epoch of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// Zero-based number; people see epochs counted from 1.
    pub epoch: usize,
    /// Learning rate of the weights at the epoch's last step.
    pub lr: f64,
    /// Mean losses by name: `box`, `obj`, `cls`; `box`, `cls`, `dfl` for a head without anchors.
    pub losses: BTreeMap<String, f64>,
    /// mAP50 (0 to 1) of the moving average of the weights on the validation split; None if the
    /// epoch was not evaluated.
    pub map50: Option<f64>,
    /// mAP50-95, as `map50`.
    pub map50_95: Option<f64>,
    /// mAP50 of the masks; None also for a model without masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_map50: Option<f64>,
    /// mAP50-95 of the masks, as `mask_map50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_map50_95: Option<f64>,
    /// Wall-clock seconds, including evaluation.
    pub seconds: f64,
}
