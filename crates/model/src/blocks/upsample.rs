//! Upsampling.

use burn::{
    module::Module,
    tensor::{
        Tensor,
        module::interpolate,
        ops::{InterpolateMode, InterpolateOptions},
    },
};

use super::{
    block::{Block, only},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// Nearest-neighbour upsampling by a whole factor. Row: `[None, factor, nearest]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpsampleConfig {
    /// What both sides are multiplied by.
    pub factor: usize,
}

/// See [`UpsampleConfig`].
#[derive(Module, Debug)]
pub struct Upsample {
    factor: usize,
}

fuse!(Upsample:);

/// `[batch, c, h, w]` to `[batch, c, factor·h, factor·w]`, each pixel repeated.
pub(crate) fn upsample_nearest(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    interpolate(
        x,
        InterpolateOptions::new(InterpolateMode::Nearest)
            .with_output_size([height * factor, width * factor]),
    )
}

impl Block for UpsampleConfig {
    type Layer = Upsample;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(3, "None, factor, nearest")?;
        row.channels_in()?;
        match (row.optional(0, "size")?, row.word(2, "nearest", "mode")?) {
            (None, "nearest") => Ok(Self {
                factor: row.cells(1, 2, "factor")?,
            }),
            (Some(_), _) => Err("expected [None, factor, nearest], found a fixed size".into()),
            (_, mode) => Err(format!("mode: expected nearest, found '{mode}'")),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![tally.upsample(inputs[0].enlarged(self.factor))])
    }

    fn init(&self, _: &Initializer) -> Upsample {
        Upsample {
            factor: self.factor,
        }
    }

    fn forward(layer: &Upsample, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![upsample_nearest(only(inputs), layer.factor)]
    }

    fn arguments(&self) -> String {
        format!("[None, {}, nearest]", self.factor)
    }
}
