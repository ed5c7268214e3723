//! Detectors of the YOLO family: what the user wrote ([`spec`]) becomes a [`graph`], and the graph
//! a [`cost`] by arithmetic or a [`detector`] that runs.
//!
//! The modules from bottom to top, each of which knows only those before it: [`spec`], [`shape`],
//! [`tally`], [`coding`], [`initializer`], `fuse`, [`inference`], [`outputs`], [`blocks`], [`heads`],
//! [`registry`], [`graph`], [`catalog`], [`cost`], `layout`, `predictions`, [`detector`], `precision`,
//! [`weights`]. A test holds them to it.
//!
//! ```
//! use ablate_model::{Catalog, Cost, Detector, ModelName};
//! use burn::tensor::{Device, Tensor};
//!
//! let name: ModelName = "yolov5n+gsconv".parse()?;
//! let graph = Catalog::builtin().resolve(&name)?.graph(Some(3))?;
//! println!("{} parameters", Cost::of(&graph, 640, 640)?.params());
//!
//! let device = Device::flex();
//! let detector = Detector::new(&graph, 0, &device).fuse();
//! let raw = detector.forward(Tensor::zeros([1, 3, 64, 64], &device));
//! // Three levels of three anchors in a cell; a box, objectness and three classes.
//! assert_eq!(detector.decode(raw).dims(), [1, 3 * (64 + 16 + 4), 5 + 3]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]

pub mod blocks;
pub mod catalog;
pub mod coding;
mod constants;
pub mod cost;
pub mod detector;
mod fuse;
pub mod graph;
pub mod heads;
pub mod inference;
pub mod initializer;
mod layout;
pub mod outputs;
mod precision;
mod predictions;
pub mod registry;
pub mod shape;
pub mod spec;
pub mod tally;
pub mod weights;

pub use catalog::Catalog;
pub use cost::Cost;
pub use detector::Detector;
pub use graph::Graph;
pub use initializer::Initializer;
pub use outputs::Outputs;
pub use spec::ModelName;
