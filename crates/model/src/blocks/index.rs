//! One output of several.

use burn::module::Module;

use super::{
    block::{Block, on_maps},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// One output of a block that has several, such as a whole backbone. Row: `[which]`, from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexConfig {
    /// The output, from 0.
    pub which: usize,
}

/// See [`IndexConfig`].
#[derive(Module, Debug)]
pub struct Index {
    which: usize,
}

fuse!(Index:);

impl Block for IndexConfig {
    type Layer = Index;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "which output")?;
        let outputs = row.inputs().len();
        match row.optional(0, "which output")? {
            Some(which) if which < outputs => Ok(Self { which }),
            which => Err(format!(
                "expected an output from 0 to {}, found {}",
                outputs.saturating_sub(1),
                which.map_or("nothing".into(), |which| which.to_string())
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[self.which]])
    }

    fn init(&self, _: &Initializer) -> Index {
        Index { which: self.which }
    }

    on_maps!(layer: Index, inputs => {
        let mut inputs = inputs;
        vec![inputs.swap_remove(layer.which)]
    });

    fn arguments(&self) -> String {
        format!("[{}]", self.which)
    }
}
