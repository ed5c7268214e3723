//! The Ghost bottleneck as the YOLO packages have it.

use burn::module::Module;

use super::{
    block::{Block, on_map, on_maps, only},
    bottleneck::{BottleneckConfig, Link},
    conv::{Conv, ConvConfig},
    ghost_conv::{GhostConv, GhostConvConfig},
    row::RowReader,
};
use crate::{
    fuse::Fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// A GhostConv down to half of the channels, a depthwise convolution at stride 2, and a GhostConv
/// up again without activation, with a residual around them, which is a depthwise and a 1×1
/// convolution at stride 2. Row: `[channels, kernel, stride]`, the kernel that of the depthwise
/// ones.
/// Source: Han et al., GhostNet, arXiv:1911.11907, figure 3, as YOLOv5 has it: GhostNet's own is
/// [`ghostnet_bottleneck`](super::ghostnet_bottleneck).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GhostBottleneckConfig {
    c_in: usize,
    c_out: usize,
    kernel: usize,
    /// Stride 2 rather than 1.
    strided: bool,
}

/// See [`GhostBottleneckConfig`].
#[derive(Module, Debug)]
pub struct GhostBottleneck {
    conv: (GhostConv, Option<Conv>, GhostConv),
    shortcut: Option<(Conv, Conv)>,
}

impl Fuse for GhostBottleneck {
    fn fuse(&mut self) {
        let (down, depthwise, up) = &mut self.conv;
        down.fuse();
        depthwise.fuse();
        up.fuse();
        if let Some((depthwise, pointwise)) = &mut self.shortcut {
            depthwise.fuse();
            pointwise.fuse();
        }
    }
}

impl GhostBottleneckConfig {
    /// Into half of the channels, and out of them.
    fn ghosts(&self) -> [GhostConvConfig; 2] {
        let half = self.c_out / 2;
        [
            GhostConvConfig::new(self.c_in, half),
            GhostConvConfig::new(half, self.c_out).linear(),
        ]
    }

    fn depthwise(&self, channels: usize) -> ConvConfig {
        ConvConfig::depthwise(channels, self.kernel, 2).linear()
    }

    fn pointwise(&self) -> ConvConfig {
        ConvConfig::new(self.c_in, self.c_out, 1, 1).linear()
    }

    /// Either GhostConv makes two halves: of the channels, and of their half.
    fn divides(channels: usize) -> Result<(), String> {
        match channels.is_multiple_of(4) && channels > 0 {
            true => Ok(()),
            false => Err(format!(
                "expected a multiple of 4 channels in a GhostBottleneck, found {channels}"
            )),
        }
    }
}

impl Block for GhostBottleneckConfig {
    type Layer = GhostBottleneck;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(3, "channels, kernel, stride")?;
        let config = Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            kernel: row.cells(1, 3, "kernel")?,
            strided: match row.cells(2, 1, "stride")? {
                1 => false,
                2 => true,
                stride => return Err(format!("stride: expected 1 or 2, found {stride}")),
            },
        };
        Self::divides(config.c_out)?;
        match config.strided || config.c_in == config.c_out {
            true => Ok(config),
            false => Err(format!(
                "expected as many channels as the input has, {}, at stride 1, found {}",
                config.c_in, config.c_out
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> GhostBottleneck {
        Link::init(self, init)
    }

    on_maps!(layer: GhostBottleneck, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        let stride = if self.strided { 2 } else { 1 };
        format!("[{}, {}, {}, {stride}]", self.c_in, self.c_out, self.kernel)
    }
}

/// In place of a bottleneck, whose kernels, shortcut and groups have no meaning here.
impl Link for GhostBottleneckConfig {
    type Layer = GhostBottleneck;

    fn new(bottleneck: BottleneckConfig) -> Self {
        Self {
            c_in: bottleneck.c_in,
            c_out: bottleneck.c_out,
            kernel: 3,
            strided: false,
        }
    }

    fn check(&self) -> Result<(), String> {
        Self::divides(self.c_out)
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let [down, up] = self.ghosts();
        let mut y = down.trace_one(x, tally);
        if self.strided {
            y = self.depthwise(y.c).trace_one(y, tally);
            let around = self.depthwise(self.c_in).trace_one(x, tally);
            self.pointwise().trace_one(around, tally);
        }
        up.trace_one(y, tally)
    }

    fn init(&self, init: &Initializer) -> GhostBottleneck {
        let [down, up] = self.ghosts().map(|ghost| GhostConv::new(&ghost, init));
        let depthwise = |channels| Conv::new(&self.depthwise(channels), init);
        GhostBottleneck {
            conv: (down, self.strided.then(|| depthwise(self.c_out / 2)), up),
            shortcut: self
                .strided
                .then(|| (depthwise(self.c_in), Conv::new(&self.pointwise(), init))),
        }
    }

    on_map!(layer: GhostBottleneck, x => layer.forward(x));
}

impl GhostBottleneck {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let (down, depthwise, up) = &self.conv;
        let y = down.forward(x.clone());
        let y = match depthwise {
            Some(conv) => conv.forward(y),
            None => y,
        };
        let around = match &self.shortcut {
            Some((depthwise, pointwise)) => pointwise.forward(depthwise.forward(x)),
            None => x,
        };
        up.forward(y) + around
    }
}
