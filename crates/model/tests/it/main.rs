//! The model crate against figures of PyTorch and against itself.

// The references are Burn's own.
#![allow(clippy::disallowed_methods)]

mod absurd;
mod attention;
mod blocks;
mod catalog;
mod cost;
mod counted;
mod damaged_weights;
#[path = "../../../kernels/tests/support/device.rs"]
mod device;
mod fused;
mod grid;
mod heads;
mod inference;
mod layers;
mod models;
mod mutations;
mod older;
mod patches;
mod queries;
mod support;
mod tables;
mod tutorials;
mod weight_files;
mod weights;
