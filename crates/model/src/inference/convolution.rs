//! Convolutions, weights and activations in the engine's words.

use ablate_engine as engine;
use ablate_kernels::{self as kernels, Activation};
use burn::tensor::{DType, Tensor};

/// A convolution's output.
pub(super) fn convolved(
    [batch, _, height, width]: [usize; 4],
    kernel: [usize; 4],
    geometry: kernels::Conv2d,
) -> [usize; 4] {
    let side = |side: usize, axis: usize| {
        let reach = (kernel[2 + axis] - 1) * geometry.dilation + 1;
        let room = (side + 2 * geometry.padding[axis]).saturating_sub(reach);
        room / geometry.stride + 1
    };
    [batch, kernel[0], side(height, 0), side(width, 1)]
}

/// Multiply-accumulates of a convolution, for an image.
pub(super) fn convolution([_, c_out, height, width]: [usize; 4], kernel: [usize; 4]) -> usize {
    c_out * height * width * kernel[1..].iter().product::<usize>()
}

pub(super) fn of_geometry(
    geometry: kernels::Conv2d,
    weights: Vec<f32>,
    kernel: [usize; 4],
    bias: Vec<f32>,
    activation: Activation,
) -> engine::Conv2d {
    engine::Conv2d {
        stride: geometry.stride,
        padding: geometry.padding,
        dilation: geometry.dilation,
        groups: geometry.groups,
        activation: of_engine(activation),
        ..engine::Conv2d::new(weights, kernel, bias)
    }
}

pub(super) fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, String> {
    match tensor.dtype() {
        DType::F32 => tensor
            .into_data()
            .try_to_vec()
            .map_err(|error| format!("{error:?}")),
        other => Err(format!("weights in {other:?}")),
    }
}

pub(super) fn of_engine(activation: Activation) -> engine::Activation {
    match activation {
        Activation::Silu => engine::Activation::Silu,
        Activation::Relu => engine::Activation::Relu,
        Activation::Relu6 => engine::Activation::Relu6,
        Activation::LeakyRelu(slope) => engine::Activation::LeakyRelu(slope),
        Activation::Gelu => engine::Activation::Gelu,
        Activation::Hardswish => engine::Activation::Hardswish,
        Activation::Mish => engine::Activation::Mish,
        Activation::Elu(alpha) => engine::Activation::Elu(alpha),
        Activation::Sigmoid => engine::Activation::Sigmoid,
        Activation::Tanh => engine::Activation::Tanh,
        Activation::Identity => engine::Activation::Identity,
    }
}
