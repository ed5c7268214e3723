//! Everything around a detector that is not the network: data sets, augmentation, losses, suppression and metrics.

pub mod anchors;
pub mod augment;
pub mod dataset;
pub mod geometry;
pub mod loader;
pub mod loss;
pub mod mask;
pub mod metrics;
pub mod nms;
