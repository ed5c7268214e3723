//! CoordConv.

use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};

use super::{
    block::{Block, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

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

    fn forward(layer: &CoordConv, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.conv.forward(with_coordinates(only(inputs)))]
    }

    fn arguments(&self) -> String {
        self.conv.arguments()
    }
}

/// `[batch, c, h, w]` to `[batch, c + 2, h, w]`: the place of the row, then of the column.
fn with_coordinates(x: Tensor<4>) -> Tensor<4> {
    let [batch, _, h, w] = x.dims();
    let along = |side: usize, shape: [usize; 4]| {
        let place = |i: usize| 2.0 * i as f32 / (side - 1).max(1) as f32 - 1.0;
        let places = TensorData::new((0..side).map(place).collect::<Vec<f32>>(), shape);
        Tensor::<4>::from_data(places, &x.device()).expand([batch, 1, h, w])
    };
    let (rows, columns) = (along(h, [1, 1, h, 1]), along(w, [1, 1, 1, w]));
    let [rows, columns] = [rows, columns].map(|places| places.cast(x.dtype()));
    Tensor::cat(vec![x, rows, columns], 1)
}
