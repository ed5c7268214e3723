//! LibTorch's own operations: convolution, and batch normalisation, with the activation after it,
//! each with the gradient that LibTorch has of it; steps of many parameters at once; captured passes;
//! and what it has for GPUs alone: memory, uploads.
//!
//! Burn composes these of general steps, and takes a grouped convolution's weight gradient by a
//! convolution for each group. That is right everywhere and slow here. What this module does not
//! cover - another device, a dilated kernel - it leaves to Burn.

// burn-tch is deprecated in favour of Burn's own runtimes; it is kept here because what they are
// measured against is LibTorch.
#![cfg_attr(feature = "tch", allow(deprecated))]

#[cfg(not(feature = "tch"))]
mod absent;
#[cfg(feature = "tch")]
mod backward;
#[cfg(feature = "tch")]
mod called;
#[cfg(feature = "tch")]
mod captured;
#[cfg(feature = "tch")]
mod cuda_graph;
#[cfg(feature = "tch")]
mod gpu;
#[cfg(feature = "tch")]
mod layout;
#[cfg(feature = "tch")]
mod operations;
#[cfg(feature = "tch")]
mod recorded;
#[cfg(feature = "tch")]
mod script;
#[cfg(feature = "tch")]
mod steps;
#[cfg(feature = "tch")]
mod update;

#[cfg(not(feature = "tch"))]
pub use absent::*;
#[cfg(feature = "tch")]
pub use captured::CapturedPass;
#[cfg(feature = "tch")]
pub use gpu::{
    allow_tf32, cuda_index, forget_peak_memory, is_libtorch, libtorch_version, peak_memory, upload,
    upload_integers,
};
#[cfg(feature = "tch")]
pub use layout::arranged;
#[cfg(feature = "tch")]
pub use operations::{affine_act, conv2d_act, conv2d_each, norm_act};
#[cfg(feature = "tch")]
pub use steps::{Stepped, Steps};

#[cfg(all(test, feature = "tch", target_os = "linux", target_arch = "x86_64"))]
mod script_tests;
#[cfg(all(test, feature = "tch"))]
mod tests;
