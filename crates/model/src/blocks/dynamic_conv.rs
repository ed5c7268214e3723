//! Convolution with a kernel for each image.

use ablate_kernels::Activation;
use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{
    fuse::Fold,
    inference::{FeatureMap, Kernels},
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Kernels that are mixed for each image.
const EXPERTS: usize = 4;

/// A convolution whose kernel is a weighted sum of four, with weights computed from the globally
/// pooled input by a linear layer and a sigmoid: one kernel for each image.
/// Source: Yang et al., CondConv, arXiv:1904.04971, equation 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DynamicConvConfig {
    /// The convolution's geometry.
    pub conv: ConvShape,
}

/// See [`DynamicConvConfig`].
#[derive(Module, Debug)]
pub struct DynamicConv {
    routing: Routing,
    cond_conv: Experts,
    /// That of a normalisation after it, once it is folded.
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    shape: ConvShape,
}

/// Linear layer from channels to experts.
#[derive(Module, Debug)]
struct Routing {
    /// `[experts, channels]`
    weight: Param<Tensor<2>>,
    /// `[experts]`
    bias: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Experts {
    /// Each expert's kernel laid out in a row, `[experts, c_out · c_in / groups · kernel²]`.
    weight: Param<Tensor<2>>,
}

impl Fold for DynamicConv {
    /// What scales the kernels' outputs scales the experts'.
    fn fold(&mut self, scale: Tensor<1>, shift: Tensor<1>) {
        if self.bias.is_none() {
            let weight = self.cond_conv.weight.val();
            let [experts, all] = weight.dims();
            let (c_out, scale) = (self.shape.c_out, scale.reshape([1, -1, 1]));
            let scaled = weight.reshape([experts, c_out, all / c_out]) * scale;
            self.cond_conv.weight = Param::from_tensor(scaled.reshape([experts, all]));
            self.bias = Some(Param::from_tensor(shift));
        }
    }
}

impl DynamicConvConfig {
    /// Output shape; the cost goes to the tally. A profiler of modules sees the routing alone.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let kernels = EXPERTS as u64 * self.conv.weights();
        tally.linear(self.conv.c_in, EXPERTS, true, 1);
        tally.parameters(kernels);
        tally.functional_macs(kernels);
        tally.functional_conv(self.conv, x)
    }
}

impl DynamicConv {
    /// Fresh kernels and routing, uniform within ±1/√(fan in).
    pub fn new(config: &DynamicConvConfig, init: &Initializer) -> Self {
        let conv = config.conv;
        Self {
            routing: Routing {
                weight: init.uniform([EXPERTS, conv.c_in], conv.c_in),
                bias: init.uniform([EXPERTS], conv.c_in),
            },
            cond_conv: Experts {
                weight: init.uniform([EXPERTS, conv.weights() as usize], conv.fan_in()),
            },
            bias: None,
            shape: conv,
        }
    }

    /// Whether it has the normalisation after it folded into it.
    pub(super) fn is_folded(&self) -> bool {
        self.bias.is_some()
    }

    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`, with an activation after
    /// it.
    pub fn forward<M: FeatureMap>(&self, activation: Activation, x: M) -> M {
        let kernels = Kernels {
            shape: self.shape,
            weight: self.cond_conv.weight.val(),
            bias: self.bias.as_ref().map(|bias| bias.val()),
        };
        let Routing { weight, bias } = &self.routing;
        let means = x.clone().means();
        let shares = means.linear(weight.val(), Some(bias.val()), Activation::Sigmoid);
        x.convolved_each(shares, kernels, activation)
    }
}
