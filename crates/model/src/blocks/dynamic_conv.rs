//! Convolution with a kernel for each image.

use ablate_kernels::{conv2d_per_image, matmul};
use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::sigmoid},
};

use crate::{
    fuse::Fold,
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
    /// Its kernels are made for each image, so its normalisation stays.
    fn fold(&mut self, _: Tensor<1>, _: Tensor<1>) {}
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
            shape: conv,
        }
    }

    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let ConvShape {
            c_in,
            c_out,
            kernel: [height, width],
            groups,
            ..
        } = self.shape;
        let rows = x.dims()[0] * c_out;
        let kernels = self
            .kernels(&x)
            .reshape([rows, c_in / groups, height, width]);
        conv2d_per_image(x, kernels, self.shape.geometry())
    }

    /// Each image's kernel in a row, `[batch, c_out · c_in / groups · kernel²]`.
    fn kernels(&self, x: &Tensor<4>) -> Tensor<2> {
        let [batch, channels, height, width] = x.dims();
        let pooled: Tensor<2> = x
            .clone()
            .reshape([batch, channels, height * width])
            .mean_dim(2)
            .reshape([batch, channels]);
        let routing = matmul(pooled, self.routing.weight.val().transpose())
            + self.routing.bias.val().unsqueeze();
        matmul(sigmoid(routing), self.cond_conv.weight.val())
    }
}
