//! How long a sweep times, and how precisely: the keys `latency` and `detect`.

use ablate_records::ImageSize;
use serde::Deserialize;

use super::{
    Scale,
    numbers::{at_least_one, count, image_size, maybe_seconds, percent, probability, seconds},
    words::{dtypes, modes},
};
use crate::measure::{mode::Mode, precision::Precision, timing::Aim};

/// The key `latency`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyConfig {
    /// The scales that are measured; None: all.
    pub scales: Option<Vec<Scale>>,
    /// Height and width of the images, in pixels; one number for squares.
    #[serde(deserialize_with = "image_size")]
    pub imgsz: ImageSize,
    /// Images in a batch.
    #[serde(deserialize_with = "at_least_one")]
    pub batch: usize,
    /// Timed work per model, in seconds.
    #[serde(deserialize_with = "seconds")]
    pub budget_s: f64,
    /// Timing goes on until the ratio of each model to its baseline is known within ± so many
    /// percent; 0 ends it with the budget.
    #[serde(deserialize_with = "percent")]
    pub within: f64,
    /// Timed work per model at most, in seconds [default: 4 × the budget].
    #[serde(deserialize_with = "maybe_seconds")]
    pub limit_s: Option<f64>,
    /// Number of untimed iterations per model.
    #[serde(deserialize_with = "count")]
    pub warmup: usize,
    /// Minimum number of timed iterations per model.
    #[serde(deserialize_with = "at_least_one")]
    pub min_iterations: usize,
    /// Number formats of weights and activations: `f32`, `tf32`, `f16`, `bf16`, or a list of them. The
    /// rounding error of the outputs is measured too.
    #[serde(deserialize_with = "dtypes")]
    pub dtype: Vec<Precision>,
    /// How a forward pass runs: `eager`, operation by operation, `graph`, captured once and replayed,
    /// or a list of both. Devices that can't capture are skipped.
    #[serde(deserialize_with = "modes")]
    pub mode: Vec<Mode>,
}

/// The key `detect`. The images have the size of the key `train`, and are taken one by one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionConfig {
    /// Number of images of the evaluated split, taken evenly.
    #[serde(deserialize_with = "at_least_one")]
    pub images: usize,
    /// Detections are as sure as this at least, 0 to 1.
    #[serde(deserialize_with = "probability")]
    pub confidence: f64,
    /// Timed work per model, in seconds.
    #[serde(deserialize_with = "seconds")]
    pub budget_s: f64,
    /// As of `latency`.
    #[serde(deserialize_with = "percent")]
    pub within: f64,
    /// As of `latency`.
    #[serde(deserialize_with = "maybe_seconds")]
    pub limit_s: Option<f64>,
}

impl Default for LatencyConfig {
    fn default() -> Self {
        Self {
            scales: None,
            imgsz: 640.into(),
            batch: 1,
            budget_s: 5.0,
            within: 2.0,
            limit_s: None,
            warmup: 3,
            min_iterations: 10,
            dtype: vec![Precision::F32],
            mode: vec![Mode::Eager],
        }
    }
}

impl LatencyConfig {
    /// Timed work per model at most, in seconds.
    pub fn limit_s(&self) -> f64 {
        Aim::limit_s(self.limit_s, self.budget_s)
    }
}

impl Default for DetectionConfig {
    fn default() -> Self {
        let latency = LatencyConfig::default();
        Self {
            images: 10,
            confidence: 0.25,
            budget_s: latency.budget_s,
            within: latency.within,
            limit_s: latency.limit_s,
        }
    }
}

impl DetectionConfig {
    /// Timed work per model at most, in seconds.
    pub fn limit_s(&self) -> f64 {
        Aim::limit_s(self.limit_s, self.budget_s)
    }
}
