//! The cross-stage partial block of YOLOv5's first versions.

use ablate_kernels::Activation;
use burn::{module::Module, nn::conv::Conv2d, tensor::Tensor};

use super::{
    batch_norm::BatchNorm2d,
    block::{Block, on_maps, only},
    bottleneck::{Bottleneck, BottleneckConfig, Link, usual_kernels},
    conv::{Conv, ConvConfig, conv2d, convolve, convolve_act},
    csp::CspConfig,
    row::RowReader,
};
use crate::{
    fuse::{Fold, Fuse},
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// The cross-stage partial block as its paper has it: a chain of bottlenecks and a bypass, each
/// under a bare convolution, then one batch normalisation and SiLU over both. Row:
/// `[channels, shortcut, groups, expansion]`; repeats are bottlenecks. Their first kernels are 1×1
/// in YOLOv5's tables, which have anchors, and 3×3 in Ultralytics' ones.
/// Source: Wang et al., CSPNet, arXiv:1911.11929.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BottleneckCspConfig {
    csp: CspConfig,
    kernels: [usize; 2],
}

/// See [`BottleneckCspConfig`].
#[derive(Module, Debug)]
pub struct BottleneckCsp {
    cv1: Conv,
    cv2: Conv2d,
    cv3: Conv2d,
    cv4: Conv,
    /// Over the chain and the bypass.
    bn: BatchNorm2d,
    m: Vec<Bottleneck<Conv>>,
}

impl Fuse for BottleneckCsp {
    /// The normalisation falls in two, one for each convolution before it.
    fn fuse(&mut self) {
        self.cv1.fuse();
        self.cv4.fuse();
        self.m.fuse();
        let (scale, shift) = self.bn.affine();
        let hidden = scale.dims()[0] / 2;
        let part = |of: &Tensor<1>, start| of.clone().narrow(0, start, hidden);
        self.cv3.fold(part(&scale, 0), part(&shift, 0));
        self.cv2.fold(part(&scale, hidden), part(&shift, hidden));
    }
}

impl BottleneckCspConfig {
    fn link(&self) -> BottleneckConfig {
        self.csp.link(self.kernels)
    }

    /// Into the chain, and out of the block.
    fn convs(&self) -> [ConvConfig; 2] {
        let [into, _, out] = self.csp.branches();
        [into, out]
    }

    /// The bypass, and after the chain.
    fn bare(&self) -> [ConvShape; 2] {
        let hidden = self.csp.hidden();
        [
            ConvShape::new(self.csp.c_in, hidden, 1, 1),
            ConvShape::new(hidden, hidden, 1, 1),
        ]
    }
}

impl Block for BottleneckCspConfig {
    type Layer = BottleneckCsp;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        Ok(Self {
            csp: CspConfig::read(row, true)?,
            kernels: usual_kernels(row),
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let ([cv1, cv4], [cv2, cv3]) = (self.convs(), self.bare());
        let chain = cv1.trace_one(inputs[0], tally);
        let chain = (0..self.csp.bottlenecks).fold(chain, |x, _| self.link().trace_one(x, tally));
        tally.conv(cv3, false, chain);
        let bypass = tally.conv(cv2, false, inputs[0]);
        let both = tally.batch_norm(Shape::new(2 * bypass.c, bypass.h, bypass.w));
        Ok(vec![cv4.trace_one(both, tally)])
    }

    fn init(&self, init: &Initializer) -> BottleneckCsp {
        let [cv1, cv4] = self.convs().map(|conv| Conv::new(&conv, init));
        let [cv2, cv3] = self.bare().map(|conv| conv2d(conv, false, init));
        BottleneckCsp {
            cv1,
            cv2,
            cv3,
            cv4,
            bn: BatchNorm2d::new(2 * self.csp.hidden(), init),
            m: (0..self.csp.bottlenecks)
                .map(|_| Link::init(&self.link(), init))
                .collect(),
        }
    }

    on_maps!(layer: BottleneckCsp, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        self.csp.printed()
    }
}

impl BottleneckCsp {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let bottleneck = |x, m: &Bottleneck<Conv>| m.forward(Conv::forward, x);
        let chain = self.m.iter().fold(self.cv1.forward(x.clone()), bottleneck);
        let both = |both: [M; 2]| M::concatenated(both.into());
        let y = match self.cv3.bias.is_some() {
            true => both(
                [(&self.cv3, chain), (&self.cv2, x)]
                    .map(|(conv, x)| convolve_act(conv, Activation::Silu, x)),
            ),
            false => {
                let both = both([convolve(&self.cv3, chain), convolve(&self.cv2, x)]);
                self.bn.forward_activated(both, Activation::Silu)
            }
        };
        self.cv4.forward(y)
    }
}
