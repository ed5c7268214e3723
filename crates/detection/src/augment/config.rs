//! The settings of augmentation.

use serde::{Deserialize, Serialize};

use crate::dataset::DataError;

/// YOLOv5's augmentation hyper-parameters, under its names; the defaults are its `hyp.scratch-low`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Largest factor on the hue, less 1: it is multiplied by 1 ± hsv_h, as YOLOv5 does.
    pub hsv_h: f64,
    /// The same for the saturation.
    pub hsv_s: f64,
    /// The same for the value (brightness).
    pub hsv_v: f64,
    /// Largest turn, in degrees either way.
    pub degrees: f64,
    /// Largest shift, as a share of the side.
    pub translate: f64,
    /// Largest change of size: factors 1 ± scale.
    pub scale: f64,
    /// Largest shear, in degrees either way, of each axis.
    pub shear: f64,
    /// Largest perspective term, 0 to 0.001.
    pub perspective: f64,
    /// Probability of an image upside down.
    pub flipud: f64,
    /// Probability of left and right swapped.
    pub fliplr: f64,
    /// Probability of a mosaic.
    pub mosaic: f64,
    /// Probability that two mosaics are mixed.
    pub mixup: f64,
    /// Share of the objects with a mask that are pasted again, mirrored.
    pub copy_paste: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            hsv_h: 0.015,
            hsv_s: 0.7,
            hsv_v: 0.4,
            degrees: 0.0,
            translate: 0.1,
            scale: 0.5,
            shear: 0.0,
            perspective: 0.0,
            flipud: 0.0,
            fliplr: 0.5,
            mosaic: 1.0,
            mixup: 0.0,
            copy_paste: 0.0,
        }
    }
}

impl AugmentConfig {
    /// No augmentation: images are letterboxed only.
    pub fn none() -> Self {
        Self {
            hsv_h: 0.0,
            hsv_s: 0.0,
            hsv_v: 0.0,
            translate: 0.0,
            scale: 0.0,
            fliplr: 0.0,
            mosaic: 0.0,
            ..Self::default()
        }
    }

    /// Names the first setting out of its range.
    pub fn validate(&self) -> Result<(), DataError> {
        let ranges = [
            ("hsv_h", self.hsv_h, 1.0),
            ("hsv_s", self.hsv_s, 1.0),
            ("hsv_v", self.hsv_v, 1.0),
            ("degrees", self.degrees, 180.0),
            ("translate", self.translate, 1.0),
            ("scale", self.scale, 0.99),
            ("shear", self.shear, 80.0),
            ("perspective", self.perspective, 0.001),
            ("flipud", self.flipud, 1.0),
            ("fliplr", self.fliplr, 1.0),
            ("mosaic", self.mosaic, 1.0),
            ("mixup", self.mixup, 1.0),
            ("copy_paste", self.copy_paste, 1.0),
        ];
        match ranges
            .into_iter()
            .find(|(_, value, most)| !(0.0..=*most).contains(value))
        {
            Some((key, value, most)) => Err(DataError::setting(
                key,
                format!("expected 0 to {most}, found {value}"),
            )),
            None => Ok(()),
        }
    }

    /// Does the affine step change nothing?
    pub(super) fn is_still(&self) -> bool {
        [
            self.degrees,
            self.translate,
            self.scale,
            self.shear,
            self.perspective,
        ]
        .iter()
        .all(|&most| most == 0.0)
    }
}
