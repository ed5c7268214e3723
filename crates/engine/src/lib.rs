//! Inference of folded convolutional networks on the CPU. A graph of convolutions and what stands
//! between them is compiled to a [`Plan`] for one shape of its input, which runs as often as wanted.
//!
//! Maps are kept in blocks of as many channels as a vector has lanes, from the input to the
//! outputs. Where a channel is, is part of a map's view: concatenations, slices and shuffles of
//! channels move nothing, and the convolution that reads them has its weights packed in that order.
//! Bias, activation and residual sum are the end of the convolution before them. Memory is planned
//! ahead. The kernels are written once over vectors of any width, and compiled for AVX2, AVX-512, NEON
//! and plain floats; the machine chooses at run time, or the variable `ABLATE_ISA`.
//!
//! [`Dense`], [`Planar3x3`] and [`add_dots`] are apart from that: convolutions of training and their gradients, of
//! maps in the order that tensors have.

#![warn(missing_docs)]

mod activation;
mod bilinear;
mod builder;
mod conv2d;
mod dense;
mod dots;
mod fuse;
mod geometry;
mod heads;
mod kernels;
mod lower;
mod memory;
mod ops;
mod peak;
mod plan;
mod planar;
mod pool;
mod run;
mod shared;
mod simd;
mod transposed;
mod view;

pub use activation::Activation;
pub use builder::{Binary, Builder, Value};
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use dots::{Rows, add_dots};
pub use heads::Attention;
pub use peak::multiply_adds;
pub use plan::{Options, Order, Plan};
pub use planar::Planar3x3;
pub use pool::{Pool, PoolKind};
pub use simd::Isa;
