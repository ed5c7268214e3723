//! Detectors of the YOLO family: what the user wrote ([`spec`]) becomes a [`graph`], and the graph a [`cost`] by arithmetic
//! or a [`detector`] that runs.

pub mod blocks;
pub mod cost;
pub mod detector;
mod fuse;
pub mod graph;
pub mod heads;
pub mod initializer;
mod layout;
mod precision;
pub mod registry;
pub mod spec;
pub mod weights;

pub use cost::Cost;
pub use detector::Detector;
pub use graph::Graph;
pub use initializer::Initializer;
pub use spec::{Catalog, ModelName};
