//! The model crate against figures of PyTorch and against itself.

mod absurd;
mod blocks;
mod catalog;
mod cost;
#[path = "../../../kernels/tests/support/device.rs"]
mod device;
mod models;
mod mutations;
mod support;
mod weights;
