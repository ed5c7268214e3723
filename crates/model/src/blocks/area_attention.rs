//! YOLOv12's area attention.

use burn::module::Module;

use super::{
    attention::{MapAttention, MapAttentionConfig},
    conv::{Conv, ConvConfig},
    psa::attended,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Channels of a head.
pub(super) const HEAD: usize = 32;
/// Standard deviation of fresh weights, as published.
const WEIGHT_STD: f32 = 0.02;

/// Self-attention within areas of the map, stretches of rows, and a perceptron of two 1×1
/// convolutions, a residual connection around either.
/// Source: Tian et al., YOLOv12, arXiv:2502.12524, figure 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AreaBlockConfig {
    /// Channels in and out.
    channels: usize,
    /// Channels inside the perceptron.
    hidden: usize,
    /// Areas of the map.
    areas: usize,
}

/// See [`AreaBlockConfig`].
#[derive(Module, Debug)]
pub struct AreaBlock {
    attn: MapAttention,
    mlp: Vec<Conv>,
}

fuse!(AreaBlock: attn, mlp);

impl AreaBlockConfig {
    /// `ratio` is of the perceptron's channels to the block's.
    ///
    /// # Errors
    /// Channels that are no multiple of a head's.
    pub fn new(channels: usize, ratio: f64, areas: usize) -> Result<Self, String> {
        let hidden = (channels as f64 * ratio) as usize;
        if channels == 0 || !channels.is_multiple_of(HEAD) {
            return Err(format!(
                "expected hidden channels in a multiple of {HEAD}, found {channels}"
            ));
        }
        if hidden == 0 {
            return Err(format!(
                "expected a perceptron of 1 channel or more, found a ratio of {ratio}"
            ));
        }
        Ok(Self {
            channels,
            hidden,
            areas,
        })
    }

    fn attention(&self) -> MapAttentionConfig {
        MapAttentionConfig {
            channels: self.channels,
            heads: self.channels / HEAD,
            keys: HEAD,
            kernel: 7,
            areas: self.areas,
        }
    }

    fn perceptron(&self) -> [ConvConfig; 2] {
        [
            ConvConfig::new(self.channels, self.hidden, 1, 1),
            ConvConfig::new(self.hidden, self.channels, 1, 1).linear(),
        ]
    }

    /// Output shape; the cost goes to the tally.
    ///
    /// # Errors
    /// A map that does not divide into the areas.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Result<Shape, String> {
        if !x.area().is_multiple_of(self.areas as u64) {
            return Err(format!(
                "expected a map whose positions divide into {} areas, found {}×{}",
                self.areas, x.h, x.w
            ));
        }
        let x = self.attention().trace_one(x, tally);
        let perceptron = self.perceptron();
        Ok(perceptron
            .iter()
            .fold(x, |x, conv| conv.trace_one(x, tally)))
    }

    /// The module with fresh weights, drawn as published.
    pub fn init(&self, init: &Initializer) -> AreaBlock {
        let fresh = |conv: ConvConfig| Conv::normal(&conv, WEIGHT_STD, init);
        AreaBlock {
            attn: self.attention().init(fresh),
            mlp: self.perceptron().map(fresh).into(),
        }
    }
}

impl AreaBlock {
    /// `[batch, channels, h, w]` to the same shape.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        attended(&self.attn, &self.mlp, x)
    }
}
