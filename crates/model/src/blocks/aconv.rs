//! YOLOv9's plain downsampling.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    pool::smoothed,
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// The mean of each 2×2 window, then a 3×3 convolution of stride 2. Row: `[channels]`.
/// Source: Wang et al., YOLOv9, arXiv:2402.13616.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AConvConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
}

/// See [`AConvConfig`].
#[derive(Module, Debug)]
pub struct AConv {
    cv1: Conv,
}

fuse!(AConv: cv1);

impl AConvConfig {
    fn conv(&self) -> ConvConfig {
        ConvConfig::new(self.c_in, self.c_out, 3, 2)
    }
}

impl Block for AConvConfig {
    type Layer = AConv;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "channels")?;
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.conv().trace_one(smoothed(inputs[0]), tally)])
    }

    fn init(&self, init: &Initializer) -> AConv {
        AConv {
            cv1: Conv::new(&self.conv(), init),
        }
    }

    on_maps!(layer: AConv, inputs => vec![layer.cv1.forward(only(inputs).smoothed())]);

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.c_in, self.c_out)
    }
}
