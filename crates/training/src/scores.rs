//! How good a network is while it trains.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use ablate_records::EpochLog;

/// COCO figures on the validation split; None if there was nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// mAP of boxes at IoU 0.5.
    pub map50: Option<f64>,
    /// mAP of boxes over IoU 0.5 to 0.95.
    pub map50_95: Option<f64>,
    /// mAP of masks at IoU 0.5.
    pub mask_map50: Option<f64>,
    /// mAP of masks over IoU 0.5 to 0.95.
    pub mask_map50_95: Option<f64>,
}

impl Scores {
    /// What the best epoch is chosen by, as in YOLOv5: a tenth of it mAP at IoU 0.5, the rest that
    /// over 0.5 to 0.95; of boxes, and the same of masks on top.
    pub fn fitness(&self) -> f64 {
        let of = |map50: Option<f64>, map50_95: Option<f64>| {
            0.1 * map50.unwrap_or(0.0) + 0.9 * map50_95.unwrap_or(0.0)
        };
        of(self.map50, self.map50_95) + of(self.mask_map50, self.mask_map50_95)
    }

    /// Those of an epoch; None if it was not evaluated.
    pub fn of(log: &EpochLog) -> Option<Self> {
        let &EpochLog {
            map50,
            map50_95,
            mask_map50,
            mask_map50_95,
            ..
        } = log;
        map50_95.is_some().then_some(Self {
            map50,
            map50_95,
            mask_map50,
            mask_map50_95,
        })
    }

    /// Without those of masks.
    pub fn of_boxes(self) -> Self {
        Self {
            mask_map50: None,
            mask_map50_95: None,
            ..self
        }
    }
}

/// Evaluates a network during training.
pub trait Evaluate<M> {
    /// Scores of the moving average's network, which is off the training device, after an epoch;
    /// None if it was `interrupted`, as it asks now and then.
    fn evaluate(
        &mut self,
        detector: &M,
        epoch: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Option<Scores>>;
}
