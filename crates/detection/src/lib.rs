//! Everything around a detector that is not the network: data sets, augmentation, suppression and metrics.

pub mod anchors;
pub mod augment;
pub mod dataset;
pub mod geometry;
pub mod loader;
pub mod mask;
pub mod metrics;
pub mod nms;
