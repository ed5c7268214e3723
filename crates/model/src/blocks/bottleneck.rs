//! The residual bottleneck, and what can stand in its place in a chain.

use burn::{
    module::{Module, ModuleDisplay},
    tensor::Tensor,
};

use super::conv::{Conv, ConvConfig};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// What a C3 or a C2f chains: a block that keeps its channels. The plain one is
/// [`BottleneckConfig`].
pub trait Link: Copy + std::fmt::Debug + PartialEq {
    /// The burn module.
    type Layer: Module + ModuleDisplay;

    /// In place of this bottleneck; it may ignore its kernels, shortcut and groups.
    fn new(bottleneck: BottleneckConfig) -> Self;

    /// Output shape; the cost goes to the tally.
    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape;

    /// The module with fresh weights.
    fn init(&self, init: &Initializer) -> Self::Layer;

    /// `[batch, channels, h, w]` to the same shape.
    fn forward(layer: &Self::Layer, x: Tensor<4>) -> Tensor<4>;
}

/// Two convolutions with a residual connection around them.
/// Source: He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385, as YOLO has
/// it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BottleneckConfig {
    /// Channels in, between and out.
    pub channels: usize,
    /// Sides of the two kernels.
    pub kernels: [usize; 2],
    /// Whether the input is added to the output.
    pub shortcut: bool,
    /// Of the second convolution.
    pub groups: usize,
}

/// See [`BottleneckConfig`].
#[derive(Module, Debug)]
pub struct Bottleneck {
    cv1: Conv,
    cv2: Conv,
    #[module(skip)]
    shortcut: bool,
}

fuse!(Bottleneck: cv1, cv2);

impl BottleneckConfig {
    fn convs(&self) -> [ConvConfig; 2] {
        let conv = |kernel| ConvConfig::new(self.channels, self.channels, kernel, 1);
        let [first, second] = self.kernels.map(conv);
        [first, second.groups(self.groups)]
    }
}

impl Link for BottleneckConfig {
    type Layer = Bottleneck;

    fn new(bottleneck: BottleneckConfig) -> Self {
        bottleneck
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        self.convs()
            .iter()
            .fold(x, |x, conv| conv.trace_one(x, tally))
    }

    fn init(&self, init: &Initializer) -> Bottleneck {
        Bottleneck::new(self.convs(), self.shortcut, init)
    }

    fn forward(layer: &Bottleneck, x: Tensor<4>) -> Tensor<4> {
        layer.forward(x)
    }
}

impl Bottleneck {
    /// Fresh weights; with a shortcut, the second convolution gives as many channels as the first
    /// takes.
    pub(super) fn new(convs: [ConvConfig; 2], shortcut: bool, init: &Initializer) -> Self {
        let [cv1, cv2] = convs.map(|conv| Conv::new(&conv, init));
        Self { cv1, cv2, shortcut }
    }

    /// `[batch, channels, h, w]`; height and width stay.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.cv2.forward(self.cv1.forward(x.clone()));
        if self.shortcut { x + y } else { y }
    }
}
