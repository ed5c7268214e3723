//! HGNetV2's block.

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    hg_stem::hidden_and_out,
    row::RowReader,
};
use crate::{
    fuse::{Fuse, fuse},
    inference::FeatureMap,
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// HGNetV2's block: a chain of convolutions, every step of which goes, with the input, through two
/// 1×1; all under ReLU. Light ones are a 1×1 and a depthwise one. Row: `[hidden, channels, kernel,
/// light, shortcut]`, channels that don't scale with width; repeats are convolutions of the chain.
/// Source: Cui et al., PP-HGNetV2, as RT-DETR has it, arXiv:2304.08069.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HgBlockConfig {
    /// Input channels.
    pub c_in: usize,
    /// Channels of the chain.
    pub hidden: usize,
    /// Output channels.
    pub c_out: usize,
    /// Side of the chain's kernels.
    pub kernel: usize,
    /// Convolutions of the chain.
    pub convs: usize,
    /// Whether they are light.
    pub light: bool,
    /// Whether the input is added to the output.
    pub shortcut: bool,
}

/// See [`HgBlockConfig`].
#[derive(Module, Debug)]
pub struct HgBlock {
    m: Vec<HgLink>,
    sc: Conv,
    ec: Conv,
    #[module(skip)]
    shortcut: bool,
}

fuse!(HgBlock: m, sc, ec);

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // burn's derive takes no boxes
enum HgLink {
    Conv(Conv),
    Light(LightConv),
}

#[derive(Module, Debug)]
struct LightConv {
    conv1: Conv,
    conv2: Conv,
}

impl Fuse for HgLink {
    fn fuse(&mut self) {
        match self {
            Self::Conv(conv) => conv.fuse(),
            Self::Light(LightConv { conv1, conv2 }) => {
                conv1.fuse();
                conv2.fuse();
            }
        }
    }
}

impl HgBlockConfig {
    /// The convolutions of one step of the chain.
    fn link(&self, step: usize) -> Vec<ConvConfig> {
        let c_in = if step == 0 { self.c_in } else { self.hidden };
        match self.light {
            true => vec![
                ConvConfig::new(c_in, self.hidden, 1, 1).linear(),
                ConvConfig::depthwise(self.hidden, self.kernel, 1).activation(Activation::Relu),
            ],
            false => vec![
                ConvConfig::new(c_in, self.hidden, self.kernel, 1).activation(Activation::Relu),
            ],
        }
    }

    /// The convolutions out of all steps.
    fn ends(&self) -> [ConvConfig; 2] {
        let steps = self.convs.saturating_mul(self.hidden);
        let squeezed = self.c_out / 2;
        [
            ConvConfig::new(self.c_in.saturating_add(steps), squeezed, 1, 1),
            ConvConfig::new(squeezed, self.c_out, 1, 1),
        ]
        .map(|conv| conv.activation(Activation::Relu))
    }
}

impl Block for HgBlockConfig {
    type Layer = HgBlock;
    const REPEATS_INSIDE: bool = true;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "hidden, channels, kernel, light, shortcut")?;
        let [hidden, c_out] = hidden_and_out(row)?;
        let c_in = row.channels_in()?;
        let kernel = row.cells(2, 3, "kernel")?;
        if kernel.is_multiple_of(2) {
            return Err(format!(
                "kernel: expected an odd number, so that the steps keep their size, found {kernel}"
            ));
        }
        Ok(Self {
            c_in,
            hidden,
            c_out,
            kernel,
            convs: row.repeats(),
            light: row.flag(3, false, "light")?,
            shortcut: row.flag(4, false, "shortcut")? && c_in == c_out,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let x = inputs[0];
        (0..self.convs).fold(x, |x, step| {
            let link = self.link(step);
            link.iter().fold(x, |x, conv| conv.trace_one(x, tally))
        });
        let [squeeze, excite] = self.ends();
        let all = Shape::new(squeeze.conv.c_in, x.h, x.w);
        let y = squeeze.trace_one(all, tally);
        Ok(vec![excite.trace_one(y, tally)])
    }

    fn init(&self, init: &Initializer) -> HgBlock {
        let link = |step| match self.link(step).as_slice() {
            [conv1, conv2] => HgLink::Light(LightConv {
                conv1: Conv::new(conv1, init),
                conv2: Conv::new(conv2, init),
            }),
            convs => HgLink::Conv(Conv::new(&convs[0], init)),
        };
        let m = (0..self.convs).map(link).collect();
        let [sc, ec] = self.ends().map(|conv| Conv::new(&conv, init));
        HgBlock {
            m,
            sc,
            ec,
            shortcut: self.shortcut,
        }
    }

    on_maps!(layer: HgBlock, inputs => {
        let x = only(inputs);
        let mut steps = vec![x.clone()];
        for link in &layer.m {
            let last = steps[steps.len() - 1].clone();
            steps.push(match link {
                HgLink::Conv(conv) => conv.forward(last),
                HgLink::Light(LightConv { conv1, conv2 }) => conv2.forward(conv1.forward(last)),
            });
        }
        let y = layer.ec.forward(layer.sc.forward(FeatureMap::concatenated(steps)));
        vec![if layer.shortcut { x + y } else { y }]
    });

    fn arguments(&self) -> String {
        let Self {
            c_in,
            hidden,
            c_out,
            kernel,
            convs,
            ..
        } = self;
        let light = if self.light { ", light" } else { "" };
        format!("[{c_in}, {hidden}, {c_out}, {kernel}, {convs}{light}]")
    }
}
