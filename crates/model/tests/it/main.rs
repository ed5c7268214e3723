//! The model crate against figures of PyTorch and against itself.

mod absurd;
mod blocks;
mod catalog;
mod cost;
mod models;
mod mutations;
mod support;
mod weights;
