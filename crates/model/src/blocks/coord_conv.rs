//! CoordConv.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// A Conv that sees where it is: two more channels hold the row and the column, from -1 to 1. Row:
/// that of a Conv, `[channels, kernel, stride, padding, groups, dilation, activation]`.
/// Source: Liu et al., An Intriguing Failing of Convolutional Neural Networks and the CoordConv
/// Solution, arXiv:1807.03247, figure 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoordConvConfig {
    /// On two channels more than the input has.
    conv: ConvConfig,
}

/// See [`CoordConvConfig`].
#[derive(Module, Debug)]
pub struct CoordConv {
    conv: Conv,
}

fuse!(CoordConv: conv);

impl Block for CoordConvConfig {
    type Layer = CoordConv;

    fn read(row: &RowReader) -> Result<Self, String> {
        let (c_in, c_out) = (row.channels_in()? + 2, row.channels_out()?);
        Ok(Self {
            conv: ConvConfig::read_geometry(row, c_in, c_out)?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let Shape { c, h, w } = inputs[0];
        Ok(vec![self.conv.trace_one(Shape::new(c + 2, h, w), tally)])
    }

    fn init(&self, init: &Initializer) -> CoordConv {
        CoordConv {
            conv: Conv::new(&self.conv, init),
        }
    }

    on_maps!(layer: CoordConv, inputs => vec![layer.conv.forward(only(inputs).with_places())]);

    fn arguments(&self) -> String {
        self.conv.arguments()
    }
}
