//! Spatial pyramid pooling.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    pool::pyramid,
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Spatial pyramid pooling, fast: three max pools one after another, which see as far as three of
/// growing size side by side. Row: `[channels, kernel, pools, shortcut]`; a row that says how many
/// pools, as YOLO26's do, has no activation before them.
/// Source: He et al., SPP-net, arXiv:1406.4729, as YOLOv5 v6 arranges it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SppfConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Side of the pools' windows.
    pub kernel: usize,
    /// Max pools.
    pub pools: usize,
    /// Whether the input is added to the output, if that has as many channels.
    pub shortcut: bool,
    /// Whether what is pooled is activated.
    pub activated: bool,
}

/// See [`SppfConfig`].
#[derive(Module, Debug)]
pub struct Sppf {
    cv1: Conv,
    cv2: Conv,
    kernel: usize,
    pools: usize,
    #[module(skip)]
    shortcut: bool,
}

fuse!(Sppf: cv1, cv2);

impl SppfConfig {
    fn convs(&self) -> [ConvConfig; 2] {
        let hidden = self.c_in / 2;
        let first = ConvConfig::new(self.c_in, hidden, 1, 1);
        [
            if self.activated {
                first
            } else {
                first.linear()
            },
            ConvConfig::new((1 + self.pools) * hidden, self.c_out, 1, 1),
        ]
    }
}

impl Block for SppfConfig {
    type Layer = Sppf;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(4, "channels, kernel, pools, shortcut")?;
        let c_in = row.channels_in()?;
        if c_in < 2 {
            return Err(format!("expected at least 2 input channels, found {c_in}"));
        }
        Ok(Self {
            c_in,
            c_out: row.channels_out()?,
            kernel: row.odd_cells(1, 5, "kernel")?,
            pools: row.cells(2, 3, "pools")?,
            shortcut: row.flag(3, false, "shortcut")?,
            activated: row.arg(2).is_none(),
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.convs();
        let Shape { h, w, .. } = cv1.trace_one(inputs[0], tally);
        Ok(vec![cv2.trace_one(Shape::new(cv2.conv.c_in, h, w), tally)])
    }

    fn init(&self, init: &Initializer) -> Sppf {
        let [cv1, cv2] = self.convs().map(|conv| Conv::new(&conv, init));
        Sppf {
            cv1,
            cv2,
            kernel: self.kernel,
            pools: self.pools,
            shortcut: self.shortcut && self.c_in == self.c_out,
        }
    }

    on_maps!(layer: Sppf, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        let Self {
            c_in,
            c_out,
            kernel,
            pools,
            ..
        } = self;
        match self.activated {
            true => format!("[{c_in}, {c_out}, {kernel}]"),
            false => format!("[{c_in}, {c_out}, {kernel}, {pools}]"),
        }
    }
}

impl Sppf {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let pooled = pyramid(self.cv1.forward(x.clone()), self.kernel, self.pools);
        let y = self.cv2.forward(pooled);
        if self.shortcut { x + y } else { y }
    }
}
