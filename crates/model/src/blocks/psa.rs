//! Position-sensitive attention.

use burn::module::Module;

use super::{
    attention::{MapAttention, MapAttentionConfig},
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Channels of a head.
const HEAD: usize = 64;

/// Self-attention and a perceptron of two 1×1 convolutions, a residual connection around either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PsaBlockConfig {
    attention: MapAttentionConfig,
}

/// See [`PsaBlockConfig`].
#[derive(Module, Debug)]
pub struct PsaBlock {
    attn: MapAttention,
    ffn: Vec<Conv>,
}

fuse!(PsaBlock: attn, ffn);

impl PsaBlockConfig {
    /// A head for each 64 channels, queries and keys of half as many as values.
    ///
    /// # Errors
    /// Channels that don't divide into the heads.
    pub fn new(channels: usize) -> Result<Self, String> {
        let heads = (channels / HEAD).max(1);
        let keys = channels / heads / 2;
        if !channels.is_multiple_of(heads) || keys == 0 {
            return Err(format!(
                "expected at least 2 hidden channels that divide into {heads} heads, found {channels}"
            ));
        }
        Ok(Self {
            attention: MapAttentionConfig {
                channels,
                heads,
                keys,
                kernel: 3,
                areas: 1,
            },
        })
    }

    fn perceptron(&self) -> [ConvConfig; 2] {
        let c = self.attention.channels;
        [
            ConvConfig::new(c, 2 * c, 1, 1),
            ConvConfig::new(2 * c, c, 1, 1).linear(),
        ]
    }

    /// Output shape; the cost goes to the tally.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let x = self.attention.trace_one(x, tally);
        self.perceptron()
            .iter()
            .fold(x, |x, conv| conv.trace_one(x, tally))
    }

    /// The module with fresh weights.
    pub fn init(&self, init: &Initializer) -> PsaBlock {
        PsaBlock {
            attn: self.attention.init(|conv| Conv::new(&conv, init)),
            ffn: self
                .perceptron()
                .iter()
                .map(|conv| Conv::new(conv, init))
                .collect(),
        }
    }
}

impl PsaBlock {
    /// `[batch, channels, h, w]` to the same shape.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        attended(&self.attn, &self.ffn, x)
    }
}

/// Attention, then a perceptron, each added to what it reads.
pub(super) fn attended<M: FeatureMap>(attention: &MapAttention, perceptron: &[Conv], x: M) -> M {
    let x = x.clone() + attention.forward(x);
    let y = perceptron.iter().fold(x.clone(), |x, conv| conv.forward(x));
    x + y
}

/// YOLOv10's partial self-attention: one half of the channels is attended, the other bypasses it.
/// Row: `[channels, expansion]`, as many channels as it reads.
/// Source: Wang et al., YOLOv10, arXiv:2405.14458, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PsaConfig {
    /// Channels in and out.
    pub(super) channels: usize,
    /// Channels of either half.
    pub(super) hidden: usize,
    pub(super) block: PsaBlockConfig,
}

/// See [`PsaConfig`].
#[derive(Module, Debug)]
pub struct Psa {
    cv1: Conv,
    cv2: Conv,
    attn: MapAttention,
    ffn: Vec<Conv>,
}

fuse!(Psa: cv1, cv2, attn, ffn);

impl PsaConfig {
    /// The convolutions into the two halves and out of them.
    pub(super) fn ends(&self) -> [ConvConfig; 2] {
        [
            ConvConfig::new(self.channels, 2 * self.hidden, 1, 1),
            ConvConfig::new(2 * self.hidden, self.channels, 1, 1),
        ]
    }

    /// The output's shape with so many blocks in a chain.
    pub(super) fn trace_chain(&self, blocks: usize, x: Shape, tally: &mut Tally) -> Shape {
        let [cv1, cv2] = self.ends();
        let both = cv1.trace_one(x, tally);
        let half = Shape::new(self.hidden, both.h, both.w);
        (0..blocks).fold(half, |x, _| self.block.trace_one(x, tally));
        cv2.trace_one(both, tally)
    }
}

/// The half that bypasses attention, and the other.
pub(super) fn halves<M: FeatureMap>(both: M) -> [M; 2] {
    let hidden = both.shape()[1] / 2;
    [
        both.clone().channels(0, hidden),
        both.channels(hidden, hidden),
    ]
}

impl Block for PsaConfig {
    type Layer = Psa;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "channels, expansion")?;
        let (c_in, channels) = (row.channels_in()?, row.channels_out()?);
        if c_in != channels {
            return Err(format!(
                "expected as many output as input channels, found {channels} and {c_in}"
            ));
        }
        let hidden = (channels as f64 * row.number(1, 0.5, "expansion")?) as usize;
        Ok(Self {
            channels,
            hidden,
            block: PsaBlockConfig::new(hidden)?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_chain(1, inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> Psa {
        let [cv1, cv2] = self.ends().map(|conv| Conv::new(&conv, init));
        let PsaBlock { attn, ffn } = self.block.init(init);
        Psa {
            cv1,
            cv2,
            attn,
            ffn,
        }
    }

    on_maps!(layer: Psa, inputs => {
        let [bypass, half] = halves(layer.cv1.forward(only(inputs)));
        let half = attended(&layer.attn, &layer.ffn, half);
        vec![layer.cv2.forward(FeatureMap::concatenated(vec![bypass, half]))]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.channels, self.channels)
    }
}
