//! Zeros around a map.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Zeros around a map. Row: `[[left, right, top, bottom]]`, or `[all]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZeroPadConfig {
    /// Left, right, top, bottom.
    sides: [usize; 4],
}

/// See [`ZeroPadConfig`].
#[derive(Module, Debug)]
pub struct ZeroPad {
    #[module(skip)]
    config: ZeroPadConfig,
}

fuse!(ZeroPad:);

impl Block for ZeroPadConfig {
    type Layer = ZeroPad;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "[left, right, top, bottom]")?;
        row.channels_in()?;
        let found = row.numbers(0, "zeros")?.unwrap_or_default();
        let sides = match *found {
            [all] => [all; 4],
            [left, right, top, bottom] => [left, right, top, bottom],
            _ => {
                return Err(format!(
                    "zeros: expected [left, right, top, bottom], found {found:?}"
                ));
            }
        };
        Ok(Self { sides })
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        let Shape { c, h, w } = inputs[0];
        let [left, right, top, bottom] = self.sides;
        Ok(vec![Shape::new(c, h + top + bottom, w + left + right)])
    }

    fn init(&self, _: &Initializer) -> ZeroPad {
        ZeroPad { config: *self }
    }

    on_maps!(layer: ZeroPad, inputs => vec![only(inputs).padded(layer.config.sides)]);

    fn arguments(&self) -> String {
        format!("[{:?}]", self.sides)
    }
}
