//! Average precision and recall of a trained model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::DataAccount;

/// COCO figures of a trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalMeasurement {
    /// The split that was evaluated: `val`, `test`.
    pub split: String,
    /// Number of its images.
    pub images: usize,
    /// Number of objects in them.
    pub instances: usize,
    /// What the split holds, and what was left out of it; None in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataAccount>,
    /// Figures of the boxes.
    #[serde(flatten)]
    pub boxes: ApFigures,
    /// Figures of the masks; None if the model makes none or the data set has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<ApFigures>,
    /// mAP50-95 of boxes (0 to 1) on resampled images, the same for every model on the same images;
    /// None if no drawn image has an object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bootstrap: Vec<Option<f64>>,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Average precision and recall, of boxes or of masks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApFigures {
    /// The twelve COCO figures (0 to 1) by name: AP, AP50, AP75, AP_small … AR_large; None if there
    /// is nothing to measure (pycocotools prints -1).
    pub coco: BTreeMap<String, Option<f64>>,
    /// AP by class, in the data set's order.
    pub per_class: Vec<ClassAp>,
}

impl ApFigures {
    /// A COCO figure by name, 0 to 1; `AR_100`, `AR@100` and `ar100` are the same name. None if
    /// there is nothing to measure.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let normalized = |text: &str| {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_lowercase()
        };
        self.coco
            .iter()
            .find(|(key, _)| normalized(key) == normalized(name))
            .and_then(|(_, figure)| *figure)
    }
}

/// Average precision of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAp {
    /// The class's name.
    pub name: String,
    /// Number of its objects in the split.
    pub instances: usize,
    /// AP over IoU 0.50 to 0.95, 0 to 1; None if there are no objects.
    pub ap: Option<f64>,
    /// AP at IoU 0.50, 0 to 1; None if there are no objects.
    pub ap50: Option<f64>,
}
