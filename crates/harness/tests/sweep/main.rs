//! Sweeps from end to end.

#[cfg(target_os = "linux")]
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod costs;
mod halving;
mod reports;
mod shared;
mod status;
mod support;
mod training;
