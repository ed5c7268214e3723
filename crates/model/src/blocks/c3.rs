//! YOLOv5's C3.

use burn::{module::Module, tensor::Tensor};

use super::{
    block::{Block, only},
    bottleneck::{BottleneckConfig, Link},
    conv::Conv,
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

/// YOLOv5's cross-stage partial block with three convolutions: a chain of bottlenecks, or of
/// something in their place, beside a 1×1 bypass. Row: `[channels, shortcut, groups, expansion]`;
/// repeats are bottlenecks.
/// Source: Wang et al., CSPNet, arXiv:1911.11929, as YOLOv5 simplifies it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C3Config<L = BottleneckConfig> {
    csp: CspConfig,
    link: L,
}

/// See [`C3Config`].
#[derive(Module, Debug)]
pub struct C3<M: Module> {
    cv1: Conv,
    cv2: Conv,
    cv3: Conv,
    m: Vec<M>,
}

impl<M: Module + Fuse> Fuse for C3<M> {
    fn fuse(&mut self) {
        [&mut self.cv1, &mut self.cv2, &mut self.cv3]
            .into_iter()
            .for_each(Fuse::fuse);
        self.m.fuse();
    }
}

impl<M: Module> C3<M> {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`, given a link's forward pass, if it has one.
    pub(super) fn forward<F: FeatureMap>(
        &self,
        link: impl Fn(&M, F) -> Option<F>,
        x: F,
    ) -> Option<F> {
        let bypass = self.cv2.forward(x.clone());
        let chain = (self.m.iter()).try_fold(self.cv1.forward(x), |x, m| link(m, x))?;
        Some(self.cv3.forward(F::concatenated(vec![chain, bypass])))
    }
}

impl<L: Link> C3Config<L> {
    /// From the geometry of a cross-stage partial block.
    pub fn new(csp: CspConfig) -> Self {
        Self::chaining(csp, csp.link([1, 3]))
    }

    /// The same with a link of one's own, which keeps the hidden channels.
    pub(super) fn chaining(csp: CspConfig, link: L) -> Self {
        Self { csp, link }
    }

    /// Output shape; the cost goes to the tally.
    pub(super) fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let [cv1, cv2, cv3] = self.csp.branches();
        let chain = cv1.trace_one(x, tally);
        let chain = (0..self.csp.bottlenecks).fold(chain, |x, _| self.link.trace_one(x, tally));
        cv2.trace_one(x, tally);
        let both = Shape::new(2 * self.csp.hidden(), chain.h, chain.w);
        cv3.trace_one(both, tally)
    }
}

impl<L: Link> Block for C3Config<L> {
    type Layer = C3<L::Layer>;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        let config = Self::new(CspConfig::read(row, true)?);
        config.link.check()?;
        Ok(config)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> C3<L::Layer> {
        let [cv1, cv2, cv3] = self.csp.branches().map(|conv| Conv::new(&conv, init));
        C3 {
            cv1,
            cv2,
            cv3,
            m: (0..self.csp.bottlenecks)
                .map(|_| self.link.init(init))
                .collect(),
        }
    }

    fn forward(layer: &C3<L::Layer>, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let y = layer.forward(|m, x| Some(L::forward(m, x)), only(inputs));
        y.into_iter().collect()
    }

    fn lower(layer: &C3<L::Layer>, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        Some(vec![layer.forward(L::lower, only(inputs))?])
    }

    fn arguments(&self) -> String {
        self.csp.printed()
    }
}
