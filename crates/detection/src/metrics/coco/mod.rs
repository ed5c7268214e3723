//! The COCO detection metrics, figure for figure those of pycocotools' `COCOeval` for boxes and for
//! masks.
//!
//! Lin et al., "Microsoft COCO: Common Objects in Context", 2014, and
//! <https://cocodataset.org/#detection-eval>. Boxes and masks go one way: read → grouped by
//! category → matched image by image → accumulated to a precision and recall curve per category,
//! object size and IoU threshold → summarised.

mod accumulate;
mod bootstrap;
mod counted;
mod error;
mod evaluate;
mod matching;
mod read;
mod read_mask;
mod repeated;
mod shape;
mod summary;
mod types;

pub use crate::id::Id;
pub use bootstrap::bootstrap;
pub use error::MetricsError;
pub use evaluate::{evaluate, evaluate_masks};
pub use summary::{CategoryAp, CocoMetrics};
pub use types::{Category, DetectionBox, GroundTruth, GroundTruthBox};

/// IoU thresholds 0.50:0.05:0.95. Those of `np.linspace(.5, .95, 10)` to the last bit, which is why
/// the ninth is not 0.9.
const IOU_THRESHOLDS: [f64; 10] = [
    0.5,
    0.55,
    0.6,
    0.65,
    0.7,
    0.75,
    0.8,
    0.85,
    0.899_999_999_999_999_9,
    0.95,
];

/// Object sizes in square pixels, both ends included: all, small, medium, large.
const AREA_RANGES: [(f64, f64); 4] = [(0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)];

/// Detections an image and category that count, best first.
const MAX_DETECTIONS: [usize; 3] = [1, 10, 100];
