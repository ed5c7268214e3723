//! SPD-Conv.

use burn::tensor::Tensor;

use super::{
    block::Block,
    conv::ConvConfig,
    focus::{Focus, FocusConfig},
    row::RowReader,
};
use crate::{inference::Traced, initializer::Initializer, shape::Shape, tally::Tally};

/// Space to depth, then a 3×3 Conv without stride: halves the sides without leaving a cell out.
/// Row: `[channels]`.
/// Source: Sunkara and Luo, No More Strided Convolutions or Pooling, arXiv:2208.03641, section 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpdConvConfig(FocusConfig);

impl Block for SpdConvConfig {
    type Layer = Focus;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "channels")?;
        let (c_in, c_out) = (4 * row.channels_in()?, row.channels_out()?);
        Ok(Self(FocusConfig::new(ConvConfig::new(c_in, c_out, 3, 1))))
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        self.0.trace(inputs, tally)
    }

    fn init(&self, init: &Initializer) -> Focus {
        Block::init(&self.0, init)
    }

    fn forward(layer: &Focus, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        FocusConfig::forward(layer, inputs)
    }

    fn lower(layer: &Focus, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        FocusConfig::lower(layer, inputs)
    }

    fn arguments(&self) -> String {
        self.0.arguments()
    }
}
