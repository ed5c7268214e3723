//! YOLOv9's spatial pyramid pooling.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    pool::pyramid,
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// Max pools one after another.
const POOLS: usize = 3;

/// SPPF with its hidden channels named: three max pools one after another between two 1×1
/// convolutions. Row: `[channels, hidden channels, kernel]`, the hidden ones as they are at every
/// width.
/// Source: Wang et al., YOLOv9, arXiv:2402.13616.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SppElanConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Channels that are pooled.
    pub hidden: usize,
    /// Side of the pools' windows.
    pub kernel: usize,
}

/// See [`SppElanConfig`].
#[derive(Module, Debug)]
pub struct SppElan {
    cv1: Conv,
    cv5: Conv,
    kernel: usize,
}

fuse!(SppElan: cv1, cv5);

impl SppElanConfig {
    fn convs(&self) -> [ConvConfig; 2] {
        [
            ConvConfig::new(self.c_in, self.hidden, 1, 1),
            ConvConfig::new((1 + POOLS) * self.hidden, self.c_out, 1, 1),
        ]
    }
}

impl Block for SppElanConfig {
    type Layer = SppElan;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(3, "channels, hidden channels, kernel")?;
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            hidden: row.positive(1, None, "hidden channels")?,
            kernel: row.odd_cells(2, 5, "kernel")?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv5] = self.convs();
        let Shape { h, w, .. } = cv1.trace_one(inputs[0], tally);
        Ok(vec![cv5.trace_one(Shape::new(cv5.conv.c_in, h, w), tally)])
    }

    fn init(&self, init: &Initializer) -> SppElan {
        let [cv1, cv5] = self.convs().map(|conv| Conv::new(&conv, init));
        SppElan {
            cv1,
            cv5,
            kernel: self.kernel,
        }
    }

    on_maps!(layer: SppElan, inputs => {
        let x = layer.cv1.forward(only(inputs));
        vec![layer.cv5.forward(pyramid(x, layer.kernel, POOLS))]
    });

    fn arguments(&self) -> String {
        let Self {
            c_in,
            c_out,
            hidden,
            kernel,
        } = self;
        format!("[{c_in}, {c_out}, {hidden}, {kernel}]")
    }
}
