//! Concatenation by channel.

use burn::module::Module;

use super::{
    block::{Block, on_maps},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Feature maps of one size put one behind another by channel. Row: `[1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConcatConfig;

/// See [`ConcatConfig`].
#[derive(Module, Debug)]
pub struct Concat {}

impl Block for ConcatConfig {
    type Layer = Concat;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "1")?;
        match row.positive(0, Some(1), "dimension")? {
            1 => Ok(Self),
            other => Err(format!(
                "dimension: expected 1, the channels, found {other}"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        let first = inputs[0];
        if let Some(other) = inputs
            .iter()
            .find(|input| (input.h, input.w) != (first.h, first.w))
        {
            return Err(format!(
                "expected maps of one size, found {}×{} and {}×{}",
                first.h, first.w, other.h, other.w
            ));
        }
        Ok(vec![Shape::new(
            inputs.iter().map(|input| input.c).sum(),
            first.h,
            first.w,
        )])
    }

    fn init(&self, _: &Initializer) -> Concat {
        Concat {}
    }

    on_maps!(_layer: Concat, inputs => vec![FeatureMap::concatenated(inputs)]);

    fn arguments(&self) -> String {
        "[1]".into()
    }
}

fuse!(Concat:);
