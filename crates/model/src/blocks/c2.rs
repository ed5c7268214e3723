//! A cross-stage partial block with two convolutions.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    bottleneck::{Bottleneck, BottleneckConfig, Link},
    conv::{Conv, ConvConfig},
    csp::CspConfig,
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// One half of the channels goes through a chain of bottlenecks, the other past it. Row:
/// `[channels, shortcut, groups, expansion]`; repeats are bottlenecks.
/// Source: Wang et al., CSPNet, arXiv:1911.11929, as Ultralytics simplifies it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C2Config(CspConfig);

/// See [`C2Config`].
#[derive(Module, Debug)]
pub struct C2 {
    cv1: Conv,
    cv2: Conv,
    m: Vec<Bottleneck<Conv>>,
}

fuse!(C2: cv1, cv2, m);

impl C2Config {
    /// The convolutions into the two halves, and out of them.
    fn ends(&self) -> [ConvConfig; 2] {
        let both = 2 * self.0.hidden();
        [
            ConvConfig::new(self.0.c_in, both, 1, 1),
            ConvConfig::new(both, self.0.c_out, 1, 1),
        ]
    }

    fn link(&self) -> BottleneckConfig {
        self.0.link([3, 3])
    }
}

impl Block for C2Config {
    type Layer = C2;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        CspConfig::read(row, true).map(Self)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.ends();
        let both = cv1.trace_one(inputs[0], tally);
        let half = Shape::new(self.0.hidden(), both.h, both.w);
        (0..self.0.bottlenecks).fold(half, |x, _| self.link().trace_one(x, tally));
        Ok(vec![cv2.trace_one(both, tally)])
    }

    fn init(&self, init: &Initializer) -> C2 {
        let [cv1, cv2] = self.ends().map(|conv| Conv::new(&conv, init));
        let m = (0..self.0.bottlenecks).map(|_| Link::init(&self.link(), init));
        C2 {
            cv1,
            cv2,
            m: m.collect(),
        }
    }

    on_maps!(layer: C2, inputs => {
        let both = layer.cv1.forward(only(inputs));
        let hidden = both.shape()[1] / 2;
        let half = both.clone().channels(0, hidden);
        let chain = (layer.m.iter()).fold(half, |x, m| m.forward(Conv::forward, x));
        let bypass = both.channels(hidden, hidden);
        vec![layer.cv2.forward(FeatureMap::concatenated(vec![chain, bypass]))]
    });

    fn arguments(&self) -> String {
        self.0.printed()
    }
}
