//! What this module is in a build without LibTorch: it covers nothing.

use burn::tensor::Tensor;

use crate::{Activation, RunningStatistics};

pub fn conv2d_act(
    _: &Tensor<4>,
    _: &Tensor<4>,
    _: Option<&Tensor<1>>,
    _: [usize; 3],
    _: Activation,
) -> Option<Tensor<4>> {
    None
}

pub fn conv2d_each(_: &Tensor<4>, _: &Tensor<4>, _: [usize; 3]) -> Option<Tensor<4>> {
    None
}

/// The weights as they are: only LibTorch prefers an order.
pub fn arranged<const D: usize>(weight: Tensor<D>) -> Tensor<D> {
    weight
}

pub fn affine_act(_: &Tensor<4>, _: &Tensor<1>, _: &Tensor<1>, _: Activation) -> Option<Tensor<4>> {
    None
}

pub fn norm_act(
    _: &Tensor<4>,
    _: &Tensor<1>,
    _: &Tensor<1>,
    _: &RunningStatistics,
    _: [f64; 2],
    _: Activation,
) -> Option<(Tensor<4>, RunningStatistics)> {
    None
}
