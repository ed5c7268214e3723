//! Sweeps from end to end.

#[path = "../common/mod.rs"]
mod common;
mod costs;
mod halving;
mod reports;
mod shared;
mod status;
mod support;
mod training;
