//! YOLOv10's downsampling.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// A 1×1 convolution to the output's channels, then a depthwise one without activation that makes
/// the map smaller. Row: `[channels, kernel, stride]`.
/// Source: Wang et al., YOLOv10, arXiv:2405.14458, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScDownConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
}

/// See [`ScDownConfig`].
#[derive(Module, Debug)]
pub struct ScDown {
    cv1: Conv,
    cv2: Conv,
}

fuse!(ScDown: cv1, cv2);

impl ScDownConfig {
    fn convs(&self) -> [ConvConfig; 2] {
        [
            ConvConfig::new(self.c_in, self.c_out, 1, 1),
            ConvConfig::depthwise(self.c_out, self.kernel, self.stride).linear(),
        ]
    }
}

impl Block for ScDownConfig {
    type Layer = ScDown;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(3, "channels, kernel, stride")?;
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            kernel: row.cells(1, 3, "kernel")?,
            stride: row.cells(2, 2, "stride")?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.convs();
        let x = cv1.trace_one(inputs[0], tally);
        Ok(vec![cv2.trace_one(x, tally)])
    }

    fn init(&self, init: &Initializer) -> ScDown {
        let [cv1, cv2] = self.convs().map(|conv| Conv::new(&conv, init));
        ScDown { cv1, cv2 }
    }

    on_maps!(layer: ScDown, inputs => vec![layer.cv2.forward(layer.cv1.forward(only(inputs)))]);

    fn arguments(&self) -> String {
        let Self {
            c_in,
            c_out,
            kernel,
            stride,
        } = self;
        format!("[{c_in}, {c_out}, {kernel}, {stride}]")
    }
}
