//! MobileNetV2's block.

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// MobileNetV2's block: 1×1 up, 3×3 depthwise, 1×1 down without activation; the first falls away at
/// expansion 1, and a residual connects where shape allows. Row:
/// `[channels, stride, expansion, activation]`, ReLU unless it says otherwise.
/// Source: Sandler et al., arXiv:1801.04381, table 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvertedResidualConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Hidden channels for each input channel.
    pub expansion: usize,
    /// The activation after it.
    pub activation: Activation,
}

/// See [`InvertedResidualConfig`].
#[derive(Module, Debug)]
pub struct InvertedResidual {
    conv: Vec<Conv>,
    #[module(skip)]
    residual: bool,
}

fuse!(InvertedResidual: conv);

impl InvertedResidualConfig {
    fn convs(&self) -> Vec<ConvConfig> {
        let hidden = self.c_in * self.expansion;
        let expand = ConvConfig::new(self.c_in, hidden, 1, 1).activation(self.activation);
        let depthwise = ConvConfig::depthwise(hidden, 3, self.stride).activation(self.activation);
        let project = ConvConfig::new(hidden, self.c_out, 1, 1).activation(Activation::Identity);
        match self.expansion {
            1 => vec![depthwise, project],
            _ => vec![expand, depthwise, project],
        }
    }
}

impl Block for InvertedResidualConfig {
    type Layer = InvertedResidual;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(4, "channels, stride, expansion, activation")?;
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            stride: row.cells(1, 1, "stride")?,
            expansion: row.positive(2, Some(6), "expansion")?,
            activation: row.activation(3)?.unwrap_or(Activation::Relu),
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![
            self.convs()
                .iter()
                .fold(inputs[0], |x, conv| conv.trace_one(x, tally)),
        ])
    }

    fn init(&self, init: &Initializer) -> InvertedResidual {
        InvertedResidual {
            conv: self
                .convs()
                .iter()
                .map(|conv| Conv::new(conv, init))
                .collect(),
            residual: self.stride == 1 && self.c_in == self.c_out,
        }
    }

    on_maps!(layer: InvertedResidual, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        let Self {
            c_in,
            c_out,
            stride,
            expansion,
            activation,
        } = self;
        format!("[{c_in}, {c_out}, {stride}, {expansion}, {activation}]")
    }
}

impl InvertedResidual {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let y = self.conv.iter().fold(x.clone(), |x, conv| conv.forward(x));
        if self.residual { x + y } else { y }
    }
}
