//! YOLO11's C3k2.

use burn::{module::Module, tensor::Tensor};

use super::{
    block::Block,
    bottleneck::{Bottleneck, BottleneckConfig, Link},
    c2f::{C2f, C2fConfig},
    c3::C3,
    c3k::C3kConfig,
    conv::Conv,
    csp::CspConfig,
    psa::{PsaBlock, PsaBlockConfig},
    row::RowReader,
};
use crate::{fuse::Fuse, inference::Traced, initializer::Initializer, shape::Shape, tally::Tally};

/// YOLO11's C2f: it chains bottlenecks of half the channels, or C3k blocks, or bottlenecks with an
/// attention block after each. Row: `[channels, c3k, expansion, attention, groups, shortcut]`, with
/// shortcuts unless it says otherwise; repeats are links of the chain. At scales m, l and x the
/// chain is of C3k blocks whatever the row says.
/// Source: Jocher and Qiu, Ultralytics YOLO11 and YOLO26, which have no paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C3k2Config(C2fConfig<C3k2LinkConfig>);

/// What a C3k2 chains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum C3k2LinkConfig {
    /// A bottleneck that halves its channels inside.
    Bottleneck(BottleneckConfig),
    /// A C3k.
    C3k(C3kConfig),
    /// The bottleneck and self-attention.
    Attention(BottleneckConfig, PsaBlockConfig),
}

/// See [`C3k2LinkConfig`].
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // burn's derive takes no boxes
pub enum C3k2Link {
    /// A bottleneck.
    Bottleneck(Bottleneck<Conv>),
    /// A C3k.
    C3k(C3<Bottleneck<Conv>>),
    /// A bottleneck and self-attention.
    Attention((Bottleneck<Conv>, PsaBlock)),
}

impl Fuse for C3k2Link {
    fn fuse(&mut self) {
        match self {
            Self::Bottleneck(link) => link.fuse(),
            Self::C3k(link) => link.fuse(),
            Self::Attention((link, attention)) => {
                link.fuse();
                attention.fuse();
            }
        }
    }
}

impl Link for C3k2LinkConfig {
    type Layer = C3k2Link;

    fn new(bottleneck: BottleneckConfig) -> Self {
        Self::Bottleneck(bottleneck)
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        match self {
            Self::Bottleneck(bottleneck) => bottleneck.trace_one(x, tally),
            Self::C3k(c3k) => c3k.trace_one(x, tally),
            Self::Attention(bottleneck, attention) => {
                let x = bottleneck.trace_one(x, tally);
                attention.trace_one(x, tally)
            }
        }
    }

    fn init(&self, init: &Initializer) -> C3k2Link {
        match self {
            Self::Bottleneck(bottleneck) => C3k2Link::Bottleneck(Link::init(bottleneck, init)),
            Self::C3k(c3k) => C3k2Link::C3k(c3k.init(init)),
            Self::Attention(bottleneck, attention) => {
                C3k2Link::Attention((Link::init(bottleneck, init), attention.init(init)))
            }
        }
    }

    fn forward(layer: &C3k2Link, x: Tensor<4>) -> Tensor<4> {
        let bottleneck = <BottleneckConfig as Link>::forward;
        match layer {
            C3k2Link::Bottleneck(link) => bottleneck(link, x),
            C3k2Link::C3k(link) => C3kConfig::forward(link, x),
            C3k2Link::Attention((link, attention)) => attention.forward(bottleneck(link, x)),
        }
    }

    fn lower(layer: &C3k2Link, x: Traced) -> Option<Traced> {
        match layer {
            C3k2Link::Bottleneck(link) => <BottleneckConfig as Link>::lower(link, x),
            C3k2Link::C3k(link) => C3kConfig::lower(link, x),
            C3k2Link::Attention((link, attention)) => {
                let x = <BottleneckConfig as Link>::lower(link, x)?;
                Some(attention.forward(x))
            }
        }
    }
}

/// Scales whose chains are always of C3k blocks.
const LARGE: [char; 3] = ['m', 'l', 'x'];

impl Block for C3k2Config {
    type Layer = C2f<C3k2Link>;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(6, "channels, c3k, expansion, attention, groups, shortcut")?;
        let csp = CspConfig {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            bottlenecks: row.repeats(),
            shortcut: row.flag(5, true, "shortcut")?,
            groups: row.positive(4, Some(1), "groups")?,
            expansion: row.number(2, 0.5, "expansion")?,
        };
        let hidden = csp.hidden();
        if hidden < 2
            || !hidden.is_multiple_of(csp.groups)
            || !(hidden / 2).is_multiple_of(csp.groups)
        {
            return Err(format!(
                "expected {hidden} hidden channels, and half of them, to divide into {} groups",
                csp.groups
            ));
        }
        let c3k = row.flag(1, false, "c3k")?
            || row
                .scale_letter()
                .is_some_and(|scale| LARGE.contains(&scale));
        let full: BottleneckConfig = csp.link([3, 3]);
        let bottleneck = BottleneckConfig {
            hidden: hidden / 2,
            ..full
        };
        let link = if row.flag(3, false, "attention")? {
            C3k2LinkConfig::Attention(bottleneck, PsaBlockConfig::new(hidden)?)
        } else if c3k {
            C3k2LinkConfig::C3k(C3kConfig::new(full))
        } else {
            C3k2LinkConfig::Bottleneck(bottleneck)
        };
        Ok(Self(C2fConfig::chaining(csp, link)))
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        self.0.trace(inputs, tally)
    }

    fn init(&self, init: &Initializer) -> C2f<C3k2Link> {
        self.0.init(init)
    }

    fn forward(layer: &C2f<C3k2Link>, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        C2fConfig::<C3k2LinkConfig>::forward(layer, inputs)
    }

    fn lower(layer: &C2f<C3k2Link>, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        C2fConfig::<C3k2LinkConfig>::lower(layer, inputs)
    }

    fn arguments(&self) -> String {
        self.0.arguments()
    }
}
