//! Slim-neck's cross-stage partial block.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    csp::CspConfig,
    gs_bottleneck::{GsBottleneck, GsBottleneckConfig},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Slim-neck's cross-stage partial block: a chain of GS bottlenecks beside a 1×1 bypass. Row: as of
/// C3; a shortcut and groups have no meaning.
///
/// As its authors publish it, the block also holds a 3×3 convolution that its forward pass never
/// uses, and the published parameter counts include it. It is kept: parameters count it, FLOPs
/// don't.
/// Source: Li et al., Slim-neck by GSConv, arXiv:2206.02424, figure 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VovGsCspConfig {
    /// Its geometry.
    pub csp: CspConfig,
}

/// See [`VovGsCspConfig`].
#[derive(Module, Debug)]
pub struct VovGsCsp {
    cv1: Conv,
    cv2: Conv,
    gsb: Vec<GsBottleneck>,
    res: Conv,
    cv3: Conv,
}

fuse!(VovGsCsp: cv1, cv2, gsb, cv3);

impl VovGsCspConfig {
    fn bottleneck(&self) -> GsBottleneckConfig {
        let hidden = self.csp.hidden();
        GsBottleneckConfig {
            c_in: hidden,
            c_out: hidden,
            hidden,
        }
    }

    fn unused(&self) -> ConvConfig {
        ConvConfig::new(self.csp.hidden(), self.csp.hidden(), 3, 1)
    }
}

impl Block for VovGsCspConfig {
    type Layer = VovGsCsp;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        let csp = CspConfig::read(row, true)?;
        match csp.hidden().is_multiple_of(2) {
            true => Ok(Self { csp }),
            false => Err(format!(
                "expected an even number of hidden channels, found {}",
                csp.hidden()
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2, cv3] = self.csp.branches();
        let chain = cv1.trace_one(inputs[0], tally);
        let chain =
            (0..self.csp.bottlenecks).fold(chain, |x, _| self.bottleneck().trace_one(x, tally));
        cv2.trace_one(inputs[0], tally);
        let unused = self.unused().conv;
        tally.parameters(unused.weights() + 2 * unused.c_out as u64);
        Ok(vec![cv3.trace_one(
            Shape::new(2 * chain.c, chain.h, chain.w),
            tally,
        )])
    }

    fn init(&self, init: &Initializer) -> VovGsCsp {
        let [cv1, cv2, cv3] = self.csp.branches().map(|conv| Conv::new(&conv, init));
        let gsb = (0..self.csp.bottlenecks)
            .map(|_| self.bottleneck().init(init))
            .collect();
        VovGsCsp {
            cv1,
            cv2,
            gsb,
            res: Conv::new(&self.unused(), init),
            cv3,
        }
    }

    on_maps!(layer: VovGsCsp, inputs => {
        let x = only(inputs);
        let bypass = layer.cv2.forward(x.clone());
        let chain = layer
            .gsb
            .iter()
            .fold(layer.cv1.forward(x), |x, bottleneck| bottleneck.forward(x));
        vec![layer.cv3.forward(FeatureMap::concatenated(vec![bypass, chain]))]
    });

    fn arguments(&self) -> String {
        self.csp.printed()
    }
}
