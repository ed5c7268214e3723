//! Sweeps from end to end.

#[path = "../common/mod.rs"]
mod common;
mod costs;
mod halving;
mod support;
mod training;
