//! YOLOv10's compact inverted block.

use burn::module::Module;

use super::{
    block::on_map,
    bottleneck::{BottleneckConfig, Link},
    branches::{self, BranchesConfig},
    conv::{Conv, ConvConfig},
};
use crate::{fuse::Fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// Depthwise and 1×1 convolutions in turn, over twice the channels between, and a residual
/// connection around them.
/// Source: Wang et al., YOLOv10, arXiv:2405.14458, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CibConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Whether the input is added to the output.
    pub shortcut: bool,
    /// Whether the middle convolution is 7×7 with a 3×3 branch beside it; else 3×3.
    pub large_kernel: bool,
}

/// See [`CibConfig`].
#[derive(Module, Debug)]
pub struct Cib {
    cv1: (Conv, Conv, Middle, Conv, Conv),
    #[module(skip)]
    shortcut: bool,
}

/// The convolution in the middle.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
enum Middle {
    Small(Conv),
    Large(LargeKernel),
}

/// A depthwise 7×7 convolution with a 3×3 branch beside it, which are one at inference. SiLU.
#[derive(Module, Debug)]
struct LargeKernel {
    conv: Conv,
    /// None once it is folded into the other.
    conv1: Option<Conv>,
}

impl Fuse for LargeKernel {
    fn fuse(&mut self) {
        branches::merge(&mut self.conv, &mut self.conv1);
    }
}

impl Fuse for Middle {
    fn fuse(&mut self) {
        match self {
            Self::Small(conv) => conv.fuse(),
            Self::Large(both) => both.fuse(),
        }
    }
}

impl Fuse for Cib {
    fn fuse(&mut self) {
        let (depthwise, widen, middle, narrow, last) = &mut self.cv1;
        [depthwise, widen, narrow, last]
            .into_iter()
            .for_each(Fuse::fuse);
        middle.fuse();
    }
}

impl CibConfig {
    fn depthwise(&self) -> ConvConfig {
        ConvConfig::depthwise(self.channels, 3, 1)
    }

    fn widen(&self) -> ConvConfig {
        ConvConfig::new(self.channels, 2 * self.channels, 1, 1)
    }

    fn narrow(&self) -> ConvConfig {
        ConvConfig::new(2 * self.channels, self.channels, 1, 1)
    }

    fn small(&self) -> ConvConfig {
        ConvConfig::depthwise(2 * self.channels, 3, 1)
    }

    fn large(&self) -> BranchesConfig {
        BranchesConfig {
            channels: 2 * self.channels,
            kernels: [7, 3],
            groups: 2 * self.channels,
        }
    }
}

impl Link for CibConfig {
    type Layer = Cib;

    fn new(bottleneck: BottleneckConfig) -> Self {
        Self {
            channels: bottleneck.c_in,
            shortcut: bottleneck.shortcut,
            large_kernel: false,
        }
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let x = self.depthwise().trace_one(x, tally);
        let x = self.widen().trace_one(x, tally);
        let x = match self.large_kernel {
            true => self.large().trace_one(x, tally),
            false => self.small().trace_one(x, tally),
        };
        let x = self.narrow().trace_one(x, tally);
        self.depthwise().trace_one(x, tally)
    }

    fn init(&self, init: &Initializer) -> Cib {
        let conv = |config: ConvConfig| Conv::new(&config, init);
        let first = (conv(self.depthwise()), conv(self.widen()));
        let middle = match self.large_kernel {
            true => {
                let [large, small] = self.large().convs().map(conv);
                Middle::Large(LargeKernel {
                    conv: large,
                    conv1: Some(small),
                })
            }
            false => Middle::Small(conv(self.small())),
        };
        let last = (conv(self.narrow()), conv(self.depthwise()));
        Cib {
            cv1: (first.0, first.1, middle, last.0, last.1),
            shortcut: self.shortcut,
        }
    }

    on_map!(layer: Cib, x => {
        let (depthwise, widen, middle, narrow, last) = &layer.cv1;
        let y = widen.forward(depthwise.forward(x.clone()));
        let y = match middle {
            Middle::Small(conv) => conv.forward(y),
            Middle::Large(LargeKernel { conv, conv1 }) => branches::forward(conv, conv1, y),
        };
        let y = last.forward(narrow.forward(y));
        if layer.shortcut { x + y } else { y }
    });
}
