//! Convolution, pooling, batch normalisation, activation, maps joined, cut and rearranged, binary cross-entropy and
//! steps of optimizers: one call for each, which finds the fastest way on its tensor's device: the CPU's own kernels (`cpu`), LibTorch's
//! (`libtorch`), a grouped gradient of ours on CubeCL's backends (`grouped`), or else Burn's. Every way gives the
//! same figures to float precision, and so do their gradients.
//!
//! What multiplies and accumulates runs through here, so that [`multiply_accumulates`] can count
//! it. It and the engine have unsafe code; the only crate with C++.
//!
//! ```
//! use ablate_kernels::{Activation, Conv2d, conv2d};
//! use burn::tensor::{Device, Tensor};
//!
//! let device = Device::flex();
//! let (x, weight) = (Tensor::ones([1, 3, 8, 8], &device), Tensor::ones([16, 3, 3, 3], &device));
//! let geometry = Conv2d { stride: 2, padding: [1; 2], ..Conv2d::default() };
//! let y = conv2d(x, weight, None, geometry, Activation::Silu);
//! assert_eq!(y.dims(), [1, 16, 4, 4]);
//! ```

#![warn(missing_docs)]

mod activation;
mod allocator;
mod bce;
mod captured;
mod channels;
mod channels_last;
#[cfg(test)]
mod compare;
mod conv;
mod count;
mod cpu;
mod elements;
mod gpu;
mod grouped;
mod libtorch;
mod max_pool;
mod norm;
mod product;
mod transposed;
mod update;
mod updates;

pub use activation::Activation;
pub use allocator::{keep_freed_memory, release_freed_memory};
pub use bce::{bce_with_logits, bce_with_logits_sum};
pub use captured::CapturedPass;
pub use channels::{channels, concatenated};
pub use channels_last::channels_last;
pub use conv::{Conv2d, conv2d, conv2d_per_image};
pub use count::{add as count_multiply_accumulates, multiply_accumulates};
pub use elements::with_elements;
pub use gpu::{
    allow_tf32, cuda_index, forget_peak_memory, is_gpu, is_libtorch, libtorch_version, peak_memory,
    uploaded, uploaded_integers,
};
pub use libtorch::arranged;
pub use max_pool::max_pool2d;
pub use norm::{RunningStatistics, batch_norm, scale_shift};
pub use product::matmul;
pub use transposed::{ConvTranspose2d, conv_transpose2d};
pub use update::{Adam, Average, Sgd, adam, moving_average, sgd};
pub use updates::{Clip, Stepped, Steps};
