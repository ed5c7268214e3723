//! YOLOv5's first stem.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
    space_to_depth::deepened,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Space to depth, then a Conv: the stem of YOLOv5 up to version 5. Row:
/// `[channels, kernel, stride, padding, groups, activation]`, those of the Conv.
/// Source: Jocher, YOLOv5, release 1.0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FocusConfig {
    /// On four times the channels of the input.
    conv: ConvConfig,
}

/// See [`FocusConfig`].
#[derive(Module, Debug)]
pub struct Focus {
    conv: Conv,
}

fuse!(Focus: conv);

impl FocusConfig {
    /// From the Conv after space to depth.
    pub(super) fn new(conv: ConvConfig) -> Self {
        Self { conv }
    }
}

impl Block for FocusConfig {
    type Layer = Focus;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(6, "channels, kernel, stride, padding, groups, activation")?;
        let (c_in, c_out) = (4 * row.channels_in()?, row.channels_out()?);
        let (kernel, stride) = (row.cells(1, 1, "kernel")?, row.cells(2, 1, "stride")?);
        let groups = row.groups(4, c_in, c_out)?;
        let mut conv = ConvConfig::new(c_in, c_out, kernel, stride).groups(groups);
        if let Some(padding) = row.optional(3, "padding")? {
            conv.conv = conv.conv.padding(padding);
        }
        conv.activation = row.activation(5)?;
        Ok(Self { conv })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.conv.trace_one(deepened(inputs[0])?, tally)])
    }

    fn init(&self, init: &Initializer) -> Focus {
        Focus {
            conv: Conv::new(&self.conv, init),
        }
    }

    on_maps!(layer: Focus, inputs => {
        vec![layer.conv.forward(FeatureMap::deepened(only(inputs)))]
    });

    fn arguments(&self) -> String {
        self.conv.arguments()
    }
}
