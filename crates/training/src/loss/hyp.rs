//! The settings of the loss.

use serde::{Deserialize, Serialize};

use super::LossError;

/// Hyper-parameters of the loss under the names that YOLOv5's recipes give them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Yolov5Hyp {
    /// Gain of the box loss.
    #[serde(rename = "box")]
    pub box_gain: f32,
    /// Gain of the class loss.
    pub cls: f32,
    /// Weight of a positive in the class loss.
    pub cls_pw: f32,
    /// Gain of the objectness loss.
    pub obj: f32,
    /// Weight of a positive in the objectness loss.
    pub obj_pw: f32,
    /// A box and an anchor match when no side is this many times the other's.
    pub anchor_t: f32,
    /// Focusing parameter of the focal loss; only 0, no focal loss, is supported.
    pub fl_gamma: f32,
    /// Class targets are `1 - label_smoothing / 2` and `label_smoothing / 2`.
    pub label_smoothing: f32,
}

impl Default for Yolov5Hyp {
    /// The published values for training from scratch (low augmentation).
    fn default() -> Self {
        Self {
            box_gain: 0.05,
            cls: 0.5,
            cls_pw: 1.0,
            obj: 1.0,
            obj_pw: 1.0,
            anchor_t: 4.0,
            fl_gamma: 0.0,
            label_smoothing: 0.0,
        }
    }
}

impl Yolov5Hyp {
    /// Rejects values that the loss does not support, by key.
    pub fn check(&self) -> Result<(), LossError> {
        if self.fl_gamma != 0.0 {
            return Err(LossError::FocalLoss(self.fl_gamma));
        }
        let require = |ok: bool, key, value, expected| {
            if ok {
                Ok(())
            } else {
                Err(LossError::Hyp {
                    key,
                    value,
                    expected,
                })
            }
        };
        for (key, value) in [
            ("box", self.box_gain),
            ("cls", self.cls),
            ("cls_pw", self.cls_pw),
            ("obj", self.obj),
            ("obj_pw", self.obj_pw),
        ] {
            require(
                value >= 0.0 && value.is_finite(),
                key,
                value,
                "a finite number of at least 0",
            )?;
        }
        require(
            self.anchor_t > 1.0,
            "anchor_t",
            self.anchor_t,
            "a number above 1",
        )?;
        let smoothing = self.label_smoothing;
        require(
            (0.0..1.0).contains(&smoothing),
            "label_smoothing",
            smoothing,
            "a number from 0 to below 1",
        )
    }
}
