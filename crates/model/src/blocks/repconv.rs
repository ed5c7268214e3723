//! RepConv, and the bottleneck that begins with one.

use burn::module::Module;

use super::{
    block::on_map,
    bottleneck::{Bottleneck, BottleneckConfig, Link},
    branches::{self, BranchesConfig},
    conv::Conv,
};
use crate::{
    fuse::Fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// A 3×3 convolution that trains as the sum of a 3×3 and a 1×1 branch, each under batch
/// normalisation, and is one convolution at inference. SiLU, whatever the table's activation.
/// Source: Ding et al., RepVGG, arXiv:2101.03697, as YOLOv6 and YOLOv9 have it, without identity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepConvConfig(BranchesConfig);

/// See [`RepConvConfig`].
#[derive(Module, Debug)]
pub struct RepConv {
    conv1: Conv,
    /// None once it is folded into the other.
    conv2: Option<Conv>,
}

impl Fuse for RepConv {
    fn fuse(&mut self) {
        branches::merge(&mut self.conv1, &mut self.conv2);
    }
}

impl RepConvConfig {
    /// Of as many input as output channels.
    pub fn new(channels: usize) -> Self {
        Self(BranchesConfig {
            channels,
            kernels: [3, 1],
            groups: 1,
        })
    }

    /// Output shape; the cost goes to the tally.
    pub(super) fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        self.0.trace_one(x, tally)
    }
}

impl RepConv {
    /// Fresh weights.
    pub fn new(config: &RepConvConfig, init: &Initializer) -> Self {
        let [conv1, conv2] = config.0.convs().map(|conv| Conv::new(&conv, init));
        Self {
            conv1,
            conv2: Some(conv2),
        }
    }

    /// `[batch, channels, h, w]` to the same shape.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        branches::forward(&self.conv1, &self.conv2, x)
    }
}

/// A bottleneck of a RepConv and a 3×3 convolution.
/// Source: Wang et al., YOLOv9, arXiv:2402.13616.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepBottleneckConfig(BottleneckConfig);

impl RepBottleneckConfig {
    fn first(&self) -> RepConvConfig {
        RepConvConfig::new(self.0.c_in)
    }
}

impl Link for RepBottleneckConfig {
    type Layer = Bottleneck<RepConv>;

    fn new(bottleneck: BottleneckConfig) -> Self {
        Self(BottleneckConfig {
            kernels: [[3; 2]; 2],
            ..bottleneck
        })
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let x = self.first().trace_one(x, tally);
        self.0.second().trace_one(x, tally)
    }

    fn init(&self, init: &Initializer) -> Bottleneck<RepConv> {
        self.0.around(RepConv::new(&self.first(), init), init)
    }

    on_map!(layer: Bottleneck<RepConv>, x => layer.forward(RepConv::forward, x));
}
