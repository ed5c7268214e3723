//! YOLOv8's C2f.

use burn::{module::Module, tensor::Tensor};

use super::{
    block::{Block, only},
    bottleneck::{BottleneckConfig, Link},
    conv::{Conv, ConvConfig},
    csp::CspConfig,
    row::RowReader,
};
use crate::{
    fuse::Fuse,
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// YOLOv8's cross-stage partial block: one half of the channels goes through a chain of
/// bottlenecks, or of something in their place, and every step of the chain goes into the output.
/// Row: `[channels, shortcut, groups, expansion]`, no shortcut unless it says so; repeats are
/// bottlenecks.
/// Source: Wang et al., CSPNet, arXiv:1911.11929, and ELAN, arXiv:2211.04800, as YOLOv8 simplifies
/// them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C2fConfig<L = BottleneckConfig> {
    csp: CspConfig,
    link: L,
}

/// See [`C2fConfig`].
#[derive(Module, Debug)]
pub struct C2f<M: Module> {
    cv1: Conv,
    cv2: Conv,
    m: Vec<M>,
}

impl<M: Module + Fuse> Fuse for C2f<M> {
    fn fuse(&mut self) {
        [&mut self.cv1, &mut self.cv2]
            .into_iter()
            .for_each(Fuse::fuse);
        self.m.fuse();
    }
}

impl<L: Link> C2fConfig<L> {
    /// From the geometry of a cross-stage partial block.
    pub fn new(csp: CspConfig) -> Self {
        Self::chaining(csp, csp.link([3, 3]))
    }

    /// The same with a link that the geometry alone does not tell.
    pub(super) fn chaining(csp: CspConfig, link: L) -> Self {
        Self { csp, link }
    }

    /// The convolutions into the two halves, and out of all steps.
    fn ends(&self) -> [ConvConfig; 2] {
        let CspConfig {
            c_in,
            c_out,
            bottlenecks,
            ..
        } = self.csp;
        let hidden = self.csp.hidden();
        [
            ConvConfig::new(c_in, 2 * hidden, 1, 1),
            ConvConfig::new((2 + bottlenecks) * hidden, c_out, 1, 1),
        ]
    }
}

impl<M: Module> C2f<M> {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`, given a link's forward pass, if it has one.
    fn forward<F: FeatureMap>(&self, link: impl Fn(&M, F) -> Option<F>, x: F) -> Option<F> {
        let both = self.cv1.forward(x);
        let hidden = both.shape()[1] / 2;
        let mut last = both.clone().channels(hidden, hidden);
        let mut steps = vec![both];
        for m in &self.m {
            last = link(m, last)?;
            steps.push(last.clone());
        }
        Some(self.cv2.forward(F::concatenated(steps)))
    }
}

impl<L: Link> Block for C2fConfig<L> {
    type Layer = C2f<L::Layer>;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        CspConfig::read(row, false).map(Self::new)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.ends();
        let Shape { h, w, .. } = cv1.trace_one(inputs[0], tally);
        let half = Shape::new(self.csp.hidden(), h, w);
        (0..self.csp.bottlenecks).fold(half, |x, _| self.link.trace_one(x, tally));
        Ok(vec![cv2.trace_one(Shape::new(cv2.conv.c_in, h, w), tally)])
    }

    fn init(&self, init: &Initializer) -> C2f<L::Layer> {
        let [cv1, cv2] = self.ends().map(|conv| Conv::new(&conv, init));
        C2f {
            cv1,
            cv2,
            m: (0..self.csp.bottlenecks)
                .map(|_| self.link.init(init))
                .collect(),
        }
    }

    fn forward(layer: &C2f<L::Layer>, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let y = layer.forward(|m, x| Some(L::forward(m, x)), only(inputs));
        y.into_iter().collect()
    }

    fn lower(layer: &C2f<L::Layer>, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        Some(vec![layer.forward(L::lower, only(inputs))?])
    }

    fn arguments(&self) -> String {
        self.csp.printed()
    }
}
