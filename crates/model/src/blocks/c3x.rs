//! The bottlenecks of C3x.

use super::{
    block::on_map,
    bottleneck::{Bottleneck, BottleneckConfig, Link},
    conv::Conv,
};
use crate::{initializer::Initializer, shape::Shape, tally::Tally};

/// A bottleneck whose kernels are a line of three and a column of three: a C3 of these is a C3x.
/// Source: Ultralytics, YOLOv5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossBottleneckConfig(BottleneckConfig);

impl Link for CrossBottleneckConfig {
    type Layer = Bottleneck<Conv>;

    fn new(bottleneck: BottleneckConfig) -> Self {
        Self(BottleneckConfig {
            kernels: [[1, 3], [3, 1]],
            ..bottleneck
        })
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        self.0.trace_one(x, tally)
    }

    fn init(&self, init: &Initializer) -> Bottleneck<Conv> {
        Link::init(&self.0, init)
    }

    on_map!(layer: Bottleneck<Conv>, x => layer.forward(Conv::forward, x));
}
