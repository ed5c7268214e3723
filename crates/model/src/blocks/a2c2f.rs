//! YOLOv12's A2C2f.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use super::{
    area_attention::{AreaBlock, AreaBlockConfig},
    block::{Block, only},
    bottleneck::{Bottleneck, Link},
    c3::C3,
    c3k::C3kConfig,
    conv::{Conv, ConvConfig},
    csp::CspConfig,
    row::RowReader,
};
use crate::{
    fuse::{Fuse, fuse},
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::Shape,
    spec::Arg,
    tally::Tally,
};

/// YOLOv12's residual efficient layer aggregation: a chain, every step of which goes into the
/// output, of pairs of area attention blocks, or of C3k blocks. Row: `[channels, attention, areas,
/// residual, ratio, expansion, groups, shortcut]`; attention unless it says otherwise, in 1 area,
/// with perceptrons of 2 × the channels; repeats are links of the chain. A residual connection
/// around the whole is scaled by weights that start at 0.01. At scales l and x a row has three
/// arguments, and is read as if `True, 1.2` followed.
/// Source: Tian et al., YOLOv12, arXiv:2502.12524, section 3.3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct A2C2fConfig {
    csp: CspConfig,
    link: A2C2fLinkConfig,
    residual: bool,
}

/// What an A2C2f chains.
#[derive(Clone, Copy, Debug, PartialEq)]
enum A2C2fLinkConfig {
    Attention(AreaBlockConfig),
    C3k(C3kConfig),
}

/// See [`A2C2fConfig`].
#[derive(Module, Debug)]
pub struct A2C2f {
    cv1: Conv,
    cv2: Conv,
    gamma: Option<Param<Tensor<1>>>,
    m: Vec<A2C2fLink>,
}

fuse!(A2C2f: cv1, cv2, m);

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // burn's derive takes no boxes
enum A2C2fLink {
    Attention((AreaBlock, AreaBlock)),
    C3k(C3<Bottleneck<Conv>>),
}

impl Fuse for A2C2fLink {
    fn fuse(&mut self) {
        match self {
            Self::Attention((first, second)) => {
                first.fuse();
                second.fuse();
            }
            Self::C3k(link) => link.fuse(),
        }
    }
}

/// Scales that are residual, with smaller perceptrons.
const LARGE: [char; 2] = ['l', 'x'];
/// What they are read with.
const LARGE_RATIO: f64 = 1.2;
/// What the chain's output is multiplied by before anything is learnt, if it is residual.
const GAMMA: f32 = 0.01;

impl A2C2fConfig {
    /// The convolutions into the chain and out of all its steps.
    fn ends(&self) -> [ConvConfig; 2] {
        let hidden = self.csp.hidden();
        let steps = (1 + self.csp.bottlenecks).saturating_mul(hidden);
        [
            ConvConfig::new(self.csp.c_in, hidden, 1, 1),
            ConvConfig::new(steps, self.csp.c_out, 1, 1),
        ]
    }
}

impl Block for A2C2fConfig {
    type Layer = A2C2f;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        let large = row
            .scale_letter()
            .is_some_and(|scale| LARGE.contains(&scale));
        match large {
            false => row.at_most(
                8,
                "channels, attention, areas, residual, ratio, expansion, groups, shortcut",
            )?,
            true if row.arg(2).is_none() || row.arg(3).is_some() => {
                return Err("expected [channels, attention, areas] at scales l and x, whose rows are read with more of their own".into());
            }
            true => {}
        }
        let attention = row.flag(1, true, "attention")?;
        let csp = CspConfig {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            bottlenecks: row.repeats(),
            shortcut: row.flag(7, true, "shortcut")?,
            groups: row.positive(6, Some(1), "groups")?,
            expansion: row.number(5, 0.5, "expansion")?,
        };
        let areas = match row.arg(2) {
            // Rows of C3k blocks have -1 here.
            Some(Arg::Int(areas)) if *areas < 1 => 1,
            _ => row.positive(2, Some(1), "areas")?,
        };
        let ratio = match large {
            true => LARGE_RATIO,
            false => row.number(4, 2.0, "ratio")?,
        };
        let hidden = csp.hidden();
        let link = match attention {
            true => A2C2fLinkConfig::Attention(AreaBlockConfig::new(hidden, ratio, areas)?),
            false if hidden < 2 || !(hidden / 2).is_multiple_of(csp.groups) => {
                return Err(format!(
                    "expected half of {hidden} hidden channels to divide into {} groups",
                    csp.groups
                ));
            }
            false => A2C2fLinkConfig::C3k(C3kConfig::new(csp.link([3, 3]))),
        };
        let residual = attention && (large || row.flag(3, false, "residual")?);
        match residual && csp.c_in != csp.c_out {
            true => Err(format!(
                "expected as many output as input channels under a residual connection, found {} and {}",
                csp.c_out, csp.c_in
            )),
            false => Ok(Self {
                csp,
                link,
                residual,
            }),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.ends();
        let mut x = cv1.trace_one(inputs[0], tally);
        for _ in 0..self.csp.bottlenecks {
            x = match &self.link {
                A2C2fLinkConfig::Attention(block) => {
                    let x = block.trace_one(x, tally)?;
                    block.trace_one(x, tally)?
                }
                A2C2fLinkConfig::C3k(c3k) => c3k.trace_one(x, tally),
            };
        }
        if self.residual {
            tally.parameters(self.csp.c_out as u64);
        }
        Ok(vec![
            cv2.trace_one(Shape::new(cv2.conv.c_in, x.h, x.w), tally),
        ])
    }

    fn init(&self, init: &Initializer) -> A2C2f {
        let [cv1, cv2] = self.ends().map(|conv| Conv::new(&conv, init));
        let link = |_| match &self.link {
            A2C2fLinkConfig::Attention(block) => {
                A2C2fLink::Attention((block.init(init), block.init(init)))
            }
            A2C2fLinkConfig::C3k(c3k) => A2C2fLink::C3k(c3k.init(init)),
        };
        A2C2f {
            cv1,
            cv2,
            gamma: self
                .residual
                .then(|| init.constant([self.csp.c_out], GAMMA)),
            m: (0..self.csp.bottlenecks).map(link).collect(),
        }
    }

    fn forward(layer: &A2C2f, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let y = layer.forward(|m, x| Some(C3kConfig::forward(m, x)), only(inputs));
        y.into_iter().collect()
    }

    fn lower(layer: &A2C2f, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        Some(vec![layer.forward(C3kConfig::lower, only(inputs))?])
    }

    fn arguments(&self) -> String {
        self.csp.printed()
    }
}

impl A2C2f {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`, given a C3k's forward pass, if it has one.
    fn forward<M: FeatureMap>(
        &self,
        link: impl Fn(&C3<Bottleneck<Conv>>, M) -> Option<M>,
        x: M,
    ) -> Option<M> {
        let mut last = self.cv1.forward(x.clone());
        let mut steps = vec![last.clone()];
        for m in &self.m {
            last = match m {
                A2C2fLink::Attention((first, second)) => second.forward(first.forward(last)),
                A2C2fLink::C3k(c3k) => link(c3k, last)?,
            };
            steps.push(last.clone());
        }
        let y = self.cv2.forward(M::concatenated(steps));
        Some(match &self.gamma {
            Some(gamma) => x + y.scaled(gamma.val()),
            None => y,
        })
    }
}
