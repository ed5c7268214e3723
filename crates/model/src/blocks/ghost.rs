use burn::{module::Module, tensor::Tensor};

use super::{Activation, BatchNorm2d, DynamicConv, DynamicConvConfig};
use crate::{
    Initializer,
    cost::{ConvShape, Shape, Tally},
};

/// Half of the channels by a 1×1 convolution, the other half from those by a 3×3 depthwise one; both dynamic, each under
/// batch normalisation and ReLU. An odd number of output channels is cut from the even one above it.
/// Source: Han et al., GhostNet, arXiv:1911.11907, figure 2b.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GhostModuleConfig {
    pub c_in: usize,
    pub c_out: usize,
}

/// See [`GhostModuleConfig`].
#[derive(Module, Debug)]
pub struct GhostModule {
    primary_conv: (DynamicConv, BatchNorm2d),
    cheap_operation: (DynamicConv, BatchNorm2d),
    c_out: usize,
}

impl GhostModuleConfig {
    /// The primary and the cheap convolution.
    fn convs(&self) -> [DynamicConvConfig; 2] {
        let half = self.c_out.div_ceil(2);
        let primary = ConvShape::new(self.c_in, half, 1, 1);
        let cheap = ConvShape::new(half, half, 3, 1).groups(half);
        [primary, cheap].map(|conv| DynamicConvConfig { conv })
    }

    /// Output shape; the cost goes to the tally.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let y = self.convs().iter().fold(x, |x, conv| {
            let y = conv.trace_one(x, tally);
            tally.batch_norm(y)
        });
        Shape::new(self.c_out, y.h, y.w)
    }
}

impl GhostModule {
    pub fn new(config: &GhostModuleConfig, init: &Initializer) -> Self {
        let [primary_conv, cheap_operation] =
            config.convs().map(|conv| (DynamicConv::new(&conv, init), BatchNorm2d::new(conv.conv.c_out, init)));
        Self { primary_conv, cheap_operation, c_out: config.c_out }
    }

    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let step = |(conv, bn): &(DynamicConv, BatchNorm2d), x: Tensor<4>| bn.forward_activated(conv.forward(x), Activation::Relu);
        let primary = step(&self.primary_conv, x);
        let cheap = step(&self.cheap_operation, primary.clone());
        let both = Tensor::cat(vec![primary, cheap], 1);
        match both.dims()[1] > self.c_out {
            true => both.narrow(1, 0, self.c_out),
            false => both,
        }
    }
}
