//! The twelve figures that people quote.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::AREA_RANGES;
use super::accumulate::{Curve, PerThreshold};
use super::types::GroundTruth;
use crate::id::Id;

/// COCO's twelve figures in 0..=1, and average precision per category. A figure is None if there is
/// no object to measure it on (pycocotools prints -1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CocoMetrics {
    /// Average precision over IoU 0.50:0.05:0.95, all sizes, 100 detections an image and category:
    /// mAP50-95.
    #[serde(rename = "AP")]
    pub ap: Option<f64>,
    /// At IoU 0.50: mAP50.
    #[serde(rename = "AP50")]
    pub ap50: Option<f64>,
    /// At IoU 0.75.
    #[serde(rename = "AP75")]
    pub ap75: Option<f64>,
    /// Objects below 32 × 32 pixels.
    #[serde(rename = "AP_small")]
    pub ap_small: Option<f64>,
    /// Objects of 32 × 32 to 96 × 96 pixels.
    #[serde(rename = "AP_medium")]
    pub ap_medium: Option<f64>,
    /// Objects above 96 × 96 pixels.
    #[serde(rename = "AP_large")]
    pub ap_large: Option<f64>,
    /// Recall over IoU 0.50:0.05:0.95 with one detection an image and category.
    #[serde(rename = "AR_1")]
    pub ar_1: Option<f64>,
    /// The same with 10.
    #[serde(rename = "AR_10")]
    pub ar_10: Option<f64>,
    /// The same with 100.
    #[serde(rename = "AR_100")]
    pub ar_100: Option<f64>,
    /// With 100, of objects below 32 × 32 pixels.
    #[serde(rename = "AR_small")]
    pub ar_small: Option<f64>,
    /// With 100, of objects of 32 × 32 to 96 × 96 pixels.
    #[serde(rename = "AR_medium")]
    pub ar_medium: Option<f64>,
    /// With 100, of objects above 96 × 96 pixels.
    #[serde(rename = "AR_large")]
    pub ar_large: Option<f64>,
    /// Number of images.
    pub images: usize,
    /// Objects that count: crowds left out.
    pub instances: usize,
    /// Ascending by category id.
    pub per_category: Vec<CategoryAp>,
}

/// Average precision of one category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryAp {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Objects that count: crowds left out.
    pub instances: usize,
    /// Over IoU 0.50:0.05:0.95. None if there is no object to measure it on.
    #[serde(rename = "AP")]
    pub ap: Option<f64>,
    /// At IoU 0.50.
    #[serde(rename = "AP50")]
    pub ap50: Option<f64>,
}

/// Positions in `IOU_THRESHOLDS`.
const IOU_50: usize = 0;
const IOU_75: usize = 5;

/// Positions in `AREA_RANGES`.
const ALL: usize = 0;
const SMALL: usize = 1;
const MEDIUM: usize = 2;
const LARGE: usize = 3;

type Curves = [Option<Curve>; AREA_RANGES.len()];

impl CocoMetrics {
    /// The twelve figures by COCO's names, in COCO's order.
    pub fn figures(&self) -> [(&'static str, Option<f64>); 12] {
        [
            ("AP", self.ap),
            ("AP50", self.ap50),
            ("AP75", self.ap75),
            ("AP_small", self.ap_small),
            ("AP_medium", self.ap_medium),
            ("AP_large", self.ap_large),
            ("AR_1", self.ar_1),
            ("AR_10", self.ar_10),
            ("AR_100", self.ar_100),
            ("AR_small", self.ar_small),
            ("AR_medium", self.ar_medium),
            ("AR_large", self.ar_large),
        ]
    }

    /// `curves` are those of `truth`'s categories, in their order.
    pub(super) fn summarize(truth: &GroundTruth, curves: &[Curves]) -> Self {
        let over = |area: usize, figure: fn(&Curve) -> f64| {
            mean(curves.iter().filter_map(|c| c[area].as_ref()).map(figure))
        };
        // Looked up, not looked for: a data set may have a hundred thousand classes.
        let mut instances: HashMap<u64, usize> = HashMap::new();
        for object in truth.boxes().iter().filter(|object| !object.crowd) {
            *instances.entry(object.category_id).or_default() += 1;
        }
        let ids = truth.category_ids.by_number();
        let per_category = truth
            .categories()
            .iter()
            .zip(curves)
            .map(|(category, curves)| CategoryAp {
                id: (ids.get(&category.id)).map_or_else(|| category.id.into(), |id| (*id).clone()),
                name: category.name.clone(),
                instances: instances.get(&category.id).copied().unwrap_or_default(),
                ap: curves[ALL].as_ref().map(precision),
                ap50: curves[ALL].as_ref().map(|curve| curve.precision[IOU_50]),
            })
            .collect::<Vec<_>>();
        Self {
            ap: over(ALL, precision),
            ap50: over(ALL, |curve| curve.precision[IOU_50]),
            ap75: over(ALL, |curve| curve.precision[IOU_75]),
            ap_small: over(SMALL, precision),
            ap_medium: over(MEDIUM, precision),
            ap_large: over(LARGE, precision),
            ar_1: over(ALL, |curve| over_thresholds(&curve.recall[0])),
            ar_10: over(ALL, |curve| over_thresholds(&curve.recall[1])),
            ar_100: over(ALL, recall),
            ar_small: over(SMALL, recall),
            ar_medium: over(MEDIUM, recall),
            ar_large: over(LARGE, recall),
            images: truth.images().len(),
            instances: per_category.iter().map(|category| category.instances).sum(),
            per_category,
        }
    }
}

fn precision(curve: &Curve) -> f64 {
    over_thresholds(&curve.precision)
}

/// At 100 detections.
fn recall(curve: &Curve) -> f64 {
    over_thresholds(&curve.recall[2])
}

fn over_thresholds(figures: &PerThreshold) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

/// None if there is no value.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| {
        (sum + value, count + 1)
    });
    (count > 0).then(|| sum / count as f64)
}
