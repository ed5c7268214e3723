//! Space to depth.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Each 2×2 cells of a map as one cell of four times the channels; nothing is lost. Row: `[1]`, the
/// dimension of the channels.
/// Source: Sunkara and Luo, No More Strided Convolutions or Pooling, arXiv:2208.03641, section 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpaceToDepthConfig;

/// See [`SpaceToDepthConfig`].
#[derive(Module, Debug)]
pub struct SpaceToDepth {}

fuse!(SpaceToDepth:);

/// The shape of [`FeatureMap::deepened`]'s output.
///
/// # Errors
/// Odd sides: their last cells have no neighbour.
pub(super) fn deepened(x: Shape) -> Result<Shape, String> {
    match x.h.is_multiple_of(2) && x.w.is_multiple_of(2) {
        true => Ok(Shape::new(4 * x.c, x.h / 2, x.w / 2)),
        false => Err(format!("expected even sides, found {}×{}", x.h, x.w)),
    }
}

impl Block for SpaceToDepthConfig {
    type Layer = SpaceToDepth;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "1")?;
        row.channels_in()?;
        match row.positive(0, Some(1), "dimension")? {
            1 => Ok(Self),
            other => Err(format!(
                "dimension: expected 1, the channels, found {other}"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![deepened(inputs[0])?])
    }

    fn init(&self, _: &Initializer) -> SpaceToDepth {
        SpaceToDepth {}
    }

    on_maps!(_layer: SpaceToDepth, inputs => vec![FeatureMap::deepened(only(inputs))]);

    fn arguments(&self) -> String {
        "[1]".into()
    }
}
