//! A fused network on the CPU, by a plan instead of operation by operation: the forward pass of its
//! blocks is run once on values of a graph in place of tensors, and compiled for the shape of the
//! images.

mod convolution;
mod feature_map;
mod graph;
mod map;
mod plans;
mod tensor;
mod traced;

pub use feature_map::{FeatureMap, Heads, Kernels};
pub use graph::Traced;
pub(crate) use map::Map;
pub use plans::Execution;
pub(crate) use plans::{Plans, Target};
