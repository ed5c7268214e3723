//! Everything around a detector that is not the network: data sets, augmentation, suppression and
//! metrics.
//!
//! COCO metrics of one object and one detection of it, moved by a quarter of its width:
//!
//! ```
//! use ablate_detection::metrics::coco::{DetectionBox, GroundTruth, evaluate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let truth = GroundTruth::from_json(br#"{
//!     "images": [{"id": 1}],
//!     "categories": [{"id": 5, "name": "cell"}],
//!     "annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 10, 40, 40]}]
//! }"#)?;
//! let detections = DetectionBox::all_from_json(
//!     br#"[{"image_id": 1, "category_id": 5, "bbox": [20, 10, 40, 40], "score": 0.9}]"#,
//!     &truth,
//! )?;
//! let metrics = evaluate(&truth, &detections)?;
//! // IoU 0.6 meets the thresholds 0.50, 0.55 and 0.60 of ten.
//! assert!((metrics.ap.unwrap() - 0.3).abs() < 1e-9);
//! assert!((metrics.ap50.unwrap() - 1.0).abs() < 1e-9);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

pub mod anchors;
pub mod augment;
pub mod dataset;
pub mod geometry;
mod id;
mod json;
pub mod loader;
pub mod mask;
pub mod metrics;
pub mod nms;
mod vector;
