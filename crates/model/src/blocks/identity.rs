//! Nothing.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// The input as it is: a row that others can read, such as the image itself. Row: `[]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdentityConfig;

/// See [`IdentityConfig`].
#[derive(Module, Debug)]
pub struct Identity {}

fuse!(Identity:);

impl Block for IdentityConfig {
    type Layer = Identity;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(0, "")?;
        row.channels_in()?;
        Ok(Self)
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn init(&self, _: &Initializer) -> Identity {
        Identity {}
    }

    on_maps!(_layer: Identity, inputs => vec![only(inputs)]);

    fn arguments(&self) -> String {
        "[]".into()
    }
}
