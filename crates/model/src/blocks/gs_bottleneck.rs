//! Slim-neck's bottleneck.

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    gsconv::{GsConv, GsConvConfig},
    row::RowReader,
};
use crate::{
    fuse::Fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Two GSConvs, 1×1 and 3×3, and a 1×1 convolution around them. Row: `[channels, expansion]`.
/// Source: Li et al., Slim-neck by GSConv, arXiv:2206.02424, figure 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GsBottleneckConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Channels between the two.
    pub hidden: usize,
}

/// See [`GsBottleneckConfig`].
#[derive(Module, Debug)]
pub struct GsBottleneck {
    conv_lighting: (GsConv, GsConv),
    shortcut: Conv,
}

impl Fuse for GsBottleneck {
    fn fuse(&mut self) {
        let (first, second) = &mut self.conv_lighting;
        first.fuse();
        second.fuse();
        self.shortcut.fuse();
    }
}

impl GsBottleneckConfig {
    fn main(&self) -> [GsConvConfig; 2] {
        let Self {
            c_in,
            c_out,
            hidden,
        } = *self;
        [
            GsConvConfig::new(c_in, hidden, 1, 1),
            GsConvConfig::new(hidden, c_out, 3, 1).activation(Activation::Identity),
        ]
    }

    fn shortcut(&self) -> ConvConfig {
        ConvConfig::new(self.c_in, self.c_out, 1, 1).activation(Activation::Identity)
    }

    /// Output shape; the cost goes to the tally.
    pub(super) fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        self.shortcut().trace_one(x, tally);
        self.main()
            .iter()
            .fold(x, |x, conv| conv.trace_one(x, tally))
    }
}

impl Block for GsBottleneckConfig {
    type Layer = GsBottleneck;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "channels, expansion")?;
        let (c_in, c_out) = (row.channels_in()?, row.channels_out()?);
        let hidden = (c_out as f64 * row.number(1, 0.5, "expansion")?) as usize;
        match [hidden, c_out]
            .iter()
            .all(|c| *c > 0 && c.is_multiple_of(2))
        {
            true => Ok(Self {
                c_in,
                c_out,
                hidden,
            }),
            false => Err(format!(
                "expected even numbers of hidden and output channels, found {hidden} and {c_out}"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> GsBottleneck {
        let [first, second] = self.main().map(|conv| GsConv::new(&conv, init));
        GsBottleneck {
            conv_lighting: (first, second),
            shortcut: Conv::new(&self.shortcut(), init),
        }
    }

    on_maps!(layer: GsBottleneck, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        format!("[{}, {}, {}]", self.c_in, self.c_out, self.hidden)
    }
}

impl GsBottleneck {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let (first, second) = &self.conv_lighting;
        second.forward(first.forward(x.clone())) + self.shortcut.forward(x)
    }
}
