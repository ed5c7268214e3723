//! YOLO11's C3k, a link of a chain.

use burn::tensor::Tensor;

use super::{
    block::{Block, only},
    bottleneck::{Bottleneck, BottleneckConfig, Link},
    c3::{C3, C3Config},
    conv::Conv,
    csp::CspConfig,
};
use crate::{inference::Traced, initializer::Initializer, shape::Shape, tally::Tally};

/// A C3 of two bottlenecks whose kernels are both 3×3, in place of a bottleneck: C3k2 and A2C2f
/// chain it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C3kConfig(C3Config);

impl Link for C3kConfig {
    type Layer = C3<Bottleneck<Conv>>;

    fn new(bottleneck: BottleneckConfig) -> Self {
        let BottleneckConfig {
            c_out,
            shortcut,
            groups,
            ..
        } = bottleneck;
        let csp = CspConfig {
            c_in: c_out,
            c_out,
            bottlenecks: 2,
            shortcut,
            groups,
            expansion: 0.5,
        };
        Self(C3Config::chaining(csp, csp.link([3, 3])))
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        self.0.trace_one(x, tally)
    }

    fn init(&self, init: &Initializer) -> C3<Bottleneck<Conv>> {
        self.0.init(init)
    }

    fn forward(layer: &C3<Bottleneck<Conv>>, x: Tensor<4>) -> Tensor<4> {
        only(C3Config::<BottleneckConfig>::forward(layer, vec![x]))
    }

    fn lower(layer: &C3<Bottleneck<Conv>>, x: Traced) -> Option<Traced> {
        C3Config::<BottleneckConfig>::lower(layer, vec![x]).map(only)
    }
}
