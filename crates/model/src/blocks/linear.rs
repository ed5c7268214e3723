//! Layers over vectors, with PyTorch's names and shapes of weights.

use ablate_kernels::matmul;
use burn::{
    module::{Module, Param},
    tensor::{Tensor, module::layer_norm},
};

use crate::initializer::Initializer;

/// A linear layer over vectors. Burn's own keeps its weights the other way round.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[outputs, inputs]`
    pub(crate) weight: Param<Tensor<2>>,
    pub(crate) bias: Option<Param<Tensor<1>>>,
}

impl Dense {
    /// PyTorch's default weights, uniform within ±1/√inputs.
    pub fn new(inputs: usize, outputs: usize, bias: bool, init: &Initializer) -> Self {
        Self {
            weight: init.uniform([outputs, inputs], inputs),
            bias: bias.then(|| init.uniform([outputs], inputs)),
        }
    }

    /// Weights within the bound of Glorot and Bengio, √(6 / (inputs + outputs)); bias 0.
    pub fn balanced(inputs: usize, outputs: usize, init: &Initializer) -> Self {
        let bound = (6.0 / (inputs + outputs) as f32).sqrt();
        Self {
            weight: init.within([outputs, inputs], bound),
            bias: Some(init.constant([outputs], 0.0)),
        }
    }

    /// `[batch, positions, inputs]` to `[batch, positions, outputs]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        apply(
            x,
            self.weight.val(),
            self.bias.as_ref().map(|bias| bias.val()),
        )
    }
}

/// A linear layer with weights `[outputs, inputs]`.
pub(super) fn apply(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [batch, positions, inputs] = x.dims();
    let outputs = weight.dims()[0];
    let y = matmul(x.reshape([batch * positions, inputs]), weight.transpose());
    let y = match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    };
    y.reshape([batch, positions, outputs])
}

/// Layer normalisation of each vector, in PyTorch's names.
#[derive(Module, Debug)]
pub struct VectorNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl VectorNorm {
    /// Weight 1, bias 0.
    pub fn new(channels: usize, init: &Initializer) -> Self {
        Self {
            weight: init.constant([channels], 1.0),
            bias: init.constant([channels], 0.0),
        }
    }

    /// `[batch, positions, channels]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), EPSILON)
    }
}

/// Added to the variance: PyTorch's default.
const EPSILON: f64 = 1e-5;

/// `[batch, channels, h, w]` to vectors, `[batch, h · w, channels]`.
pub fn to_vectors(map: Tensor<4>) -> Tensor<3> {
    let [batch, channels, height, width] = map.dims();
    map.reshape([batch, channels, height * width])
        .swap_dims(1, 2)
}

/// Vectors back to `[batch, channels, h, w]`.
pub fn to_map(vectors: Tensor<3>, height: usize, width: usize) -> Tensor<4> {
    let [batch, _, channels] = vectors.dims();
    vectors
        .swap_dims(1, 2)
        .reshape([batch, channels, height, width])
}
