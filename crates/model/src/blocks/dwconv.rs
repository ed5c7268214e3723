//! Depthwise convolution.

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig, auto_padding},
    row::RowReader,
};
use crate::{initializer::Initializer, shape::Shape, tally::Tally};

/// A Conv of as many groups as divide its input and its output: depthwise where both have as many
/// channels. Row: `[channels, kernel, stride, dilation, activation]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DwConvConfig(pub ConvConfig);

impl Block for DwConvConfig {
    type Layer = Conv;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "channels, kernel, stride, dilation, activation")?;
        let (c_in, c_out) = (row.channels_in()?, row.channels_out()?);
        let (kernel, dilation) = (row.cells(1, 1, "kernel")?, row.cells(3, 1, "dilation")?);
        let mut config = ConvConfig::new(c_in, c_out, kernel, row.cells(2, 1, "stride")?)
            .groups(gcd(c_in, c_out));
        config.conv.dilation = dilation;
        config.conv = config.conv.padding(auto_padding(kernel, dilation));
        config.activation = row.activation(4)?;
        Ok(Self(config))
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.0.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> Conv {
        Conv::new(&self.0, init)
    }

    on_maps!(layer: Conv, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        self.0.arguments()
    }
}

pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
