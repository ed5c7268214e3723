use burn::{module::Module, tensor::Tensor};

use super::{Block, Conv, ConvConfig, RowReader, only};
use crate::{
    Initializer,
    cost::{Shape, Tally},
};

/// YOLOv5's cross-stage partial block with three convolutions: a chain of bottlenecks beside a 1×1 bypass.
/// Row: `[channels, shortcut, groups, expansion]`; repeats are bottlenecks.
/// Source: Wang et al., CSPNet, arXiv:1911.11929, as YOLOv5 simplifies it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C3Config {
    pub c_in: usize,
    pub c_out: usize,
    pub bottlenecks: usize,
    pub shortcut: bool,
    pub groups: usize,
    pub expansion: f64,
}

/// See [`C3Config`].
#[derive(Module, Debug)]
pub struct C3 {
    cv1: Conv,
    cv2: Conv,
    cv3: Conv,
    m: Vec<Bottleneck>,
}

/// 1×1 and 3×3 convolution with a residual connection.
#[derive(Module, Debug)]
pub struct Bottleneck {
    cv1: Conv,
    cv2: Conv,
    #[module(skip)]
    shortcut: bool,
}

impl C3Config {
    /// Reads the row of a block that is shaped like a C3.
    pub(super) fn read_row(row: &RowReader) -> Result<Self, String> {
        row.at_most(4, "channels, shortcut, groups, expansion")?;
        let config = Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            bottlenecks: row.repeats(),
            shortcut: row.flag(1, true, "shortcut")?,
            groups: row.positive(2, Some(1), "groups")?,
            expansion: row.number(3, 0.5, "expansion")?,
        };
        let hidden = config.hidden();
        match hidden > 0 && hidden.is_multiple_of(config.groups) {
            true => Ok(config),
            false => Err(format!("{hidden} hidden channels don't divide into {} groups", config.groups)),
        }
    }

    /// Channels of either branch.
    pub fn hidden(&self) -> usize {
        (self.c_out as f64 * self.expansion) as usize
    }

    /// The convolutions into the chain, into the bypass, and out of both.
    pub(super) fn branches(&self) -> [ConvConfig; 3] {
        let hidden = self.hidden();
        [ConvConfig::new(self.c_in, hidden, 1, 1), ConvConfig::new(self.c_in, hidden, 1, 1), ConvConfig::new(2 * hidden, self.c_out, 1, 1)]
    }

    fn bottleneck(&self) -> [ConvConfig; 2] {
        let hidden = self.hidden();
        [ConvConfig::new(hidden, hidden, 1, 1), ConvConfig::new(hidden, hidden, 3, 1).groups(self.groups)]
    }

    /// The arguments in the order of a printed table.
    pub(super) fn printed(&self) -> String {
        let shortcut = if self.shortcut { "" } else { ", False" };
        format!("[{}, {}, {}{shortcut}]", self.c_in, self.c_out, self.bottlenecks)
    }
}

impl Block for C3Config {
    type Layer = C3;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        Self::read_row(row)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2, cv3] = self.branches();
        let mut chain = cv1.trace_one(inputs[0], tally);
        for _ in 0..self.bottlenecks {
            for conv in self.bottleneck() {
                chain = conv.trace_one(chain, tally);
            }
        }
        cv2.trace_one(inputs[0], tally);
        let both = Shape::new(2 * self.hidden(), chain.h, chain.w);
        Ok(vec![cv3.trace_one(both, tally)])
    }

    fn init(&self, init: &Initializer) -> C3 {
        let [cv1, cv2, cv3] = self.branches().map(|conv| Conv::new(&conv, init));
        let bottleneck = || {
            let [cv1, cv2] = self.bottleneck().map(|conv| Conv::new(&conv, init));
            Bottleneck { cv1, cv2, shortcut: self.shortcut }
        };
        C3 { cv1, cv2, cv3, m: (0..self.bottlenecks).map(|_| bottleneck()).collect() }
    }

    fn forward(layer: &C3, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn arguments(&self) -> String {
        self.printed()
    }
}

impl C3 {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let bypass = self.cv2.forward(x.clone());
        let chain = self.m.iter().fold(self.cv1.forward(x), |x, m| m.forward(x));
        self.cv3.forward(Tensor::cat(vec![chain, bypass], 1))
    }
}

impl Bottleneck {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self.shortcut {
            true => self.cv2.forward(self.cv1.forward(x.clone())) + x,
            false => self.cv2.forward(self.cv1.forward(x)),
        }
    }
}
