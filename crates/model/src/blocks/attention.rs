//! Attention: every position looks at every other.

use ablate_kernels::matmul;
use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::softmax},
};

use super::{
    conv::{Conv, ConvConfig},
    linear::Dense,
};
use crate::{
    fuse::fuse,
    inference::{FeatureMap, Heads},
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// Softmax attention, channels first: queries and keys `[…, channels, positions]`, values
/// `[…, channels of values, positions of keys]`, gives `[…, channels of values, positions of
/// queries]`. What stands before the last two dimensions, such as heads, attends apart.
/// Source: Vaswani et al., Attention Is All You Need, arXiv:1706.03762, equation 1.
pub fn attend<const D: usize>(queries: Tensor<D>, keys: Tensor<D>, values: Tensor<D>) -> Tensor<D> {
    let scale = (queries.dims()[D - 2] as f64).sqrt().recip();
    let scores = matmul((queries * scale).swap_dims(D - 2, D - 1), keys);
    matmul(softmax(scores, D - 1), values.swap_dims(D - 2, D - 1)).swap_dims(D - 2, D - 1)
}

/// Self-attention over the positions of a map, by convolutions: a 1×1 makes queries, keys and
/// values of each head, a depthwise one of the values tells positions apart, a 1×1 mixes the heads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapAttentionConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Heads, each of an equal part of the channels.
    pub heads: usize,
    /// Channels of a head's queries and keys.
    pub keys: usize,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Stretches of positions, row by row, that attend apart.
    pub areas: usize,
}

/// See [`MapAttentionConfig`].
#[derive(Module, Debug)]
pub struct MapAttention {
    pub(super) qkv: Conv,
    pub(super) proj: Conv,
    pub(super) pe: Conv,
    #[module(skip)]
    config: MapAttentionConfig,
}

fuse!(MapAttention: qkv, proj, pe);

impl MapAttentionConfig {
    /// Channels of a head.
    fn head(&self) -> usize {
        self.channels / self.heads
    }

    fn convs(&self) -> [ConvConfig; 3] {
        let Self {
            channels,
            heads,
            keys,
            kernel,
            ..
        } = *self;
        [
            ConvConfig::new(channels, channels + 2 * keys * heads, 1, 1).linear(),
            ConvConfig::new(channels, channels, 1, 1).linear(),
            ConvConfig::depthwise(channels, kernel, 1).linear(),
        ]
    }

    /// Output shape; the cost goes to the tally.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let [qkv, proj, pe] = self.convs();
        qkv.trace_one(x, tally);
        let positions = x.h.saturating_mul(x.w) / self.areas;
        let times = self.heads * self.areas;
        tally.product([positions, self.keys, positions], times);
        tally.product([self.head(), positions, positions], times);
        pe.trace_one(x, tally);
        proj.trace_one(x, tally)
    }

    /// The module, its convolutions made by `fresh`.
    pub fn init(&self, fresh: impl Fn(ConvConfig) -> Conv) -> MapAttention {
        let [qkv, proj, pe] = self.convs().map(fresh);
        MapAttention {
            qkv,
            proj,
            pe,
            config: *self,
        }
    }
}

impl MapAttention {
    /// `[batch, channels, h, w]` to the same shape.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let MapAttentionConfig {
            heads, keys, areas, ..
        } = self.config;
        let heads = Heads {
            count: heads,
            keys,
            areas,
        };
        let qkv = self.qkv.forward(x);
        let [seen, values] = qkv.attended(heads, |qkv| self.attend(qkv));
        self.proj.forward(seen + self.pe.forward(values))
    }

    /// What the queries see, and the values, both `[batch, channels, h, w]`.
    fn attend(&self, qkv: Tensor<4>) -> [Tensor<4>; 2] {
        let MapAttentionConfig {
            channels,
            heads,
            keys,
            areas,
            ..
        } = self.config;
        let [batch, _, height, width] = qkv.dims();
        let head = self.config.head();
        let (all, positions) = (2 * keys + head, height * width);
        let values = qkv
            .clone()
            .reshape([batch, heads, all, positions])
            .narrow(2, 2 * keys, head)
            .reshape([batch, channels, height, width]);
        // Areas next to heads: either attends apart.
        let qkv = qkv
            .reshape([batch, heads, all, areas, positions / areas])
            .swap_dims(2, 3);
        let part = |start, length| qkv.clone().narrow(3, start, length);
        let seen = attend(part(0, keys), part(keys, keys), part(2 * keys, head))
            .swap_dims(2, 3)
            .reshape([batch, channels, height, width]);
        [seen, values]
    }
}

/// PyTorch's multi-head attention, over vectors `[batch, positions, channels]`: queries, keys and
/// values by one matrix, a linear layer after it.
#[derive(Module, Debug)]
pub struct MultiheadAttention {
    /// To queries, keys and values, `[3 · channels, channels]`.
    in_proj_weight: Param<Tensor<2>>,
    in_proj_bias: Param<Tensor<1>>,
    out_proj: Dense,
    heads: usize,
}

impl MultiheadAttention {
    /// Fresh weights.
    pub fn new(channels: usize, heads: usize, init: &Initializer) -> Self {
        Self {
            // The bound of Glorot and Bengio, √(6 / (inputs + outputs)), as PyTorch has it.
            in_proj_weight: init.within(
                [3 * channels, channels],
                (6.0 / (4 * channels) as f32).sqrt(),
            ),
            in_proj_bias: init.constant([3 * channels], 0.0),
            out_proj: Dense {
                bias: Some(init.constant([channels], 0.0)),
                ..Dense::new(channels, channels, false, init)
            },
            heads,
        }
    }

    /// What it costs for one image; profilers of modules see none of it.
    pub fn trace(channels: usize, positions: usize, tally: &mut Tally) {
        tally.parameters((channels as u64 + 1).saturating_mul(4 * channels as u64));
        tally.product([positions, channels, channels], 4);
        tally.product([positions, channels, positions], 2);
    }

    /// Queries `[batch, n, channels]`, keys and values `[batch, m, channels]` to
    /// `[batch, n, channels]`.
    pub fn forward(&self, queries: Tensor<3>, keys: Tensor<3>, values: Tensor<3>) -> Tensor<3> {
        let [batch, count, channels] = queries.dims();
        let project = |x: Tensor<3>, part: usize| {
            let weight = self.in_proj_weight.val();
            let bias = self.in_proj_bias.val();
            let [batch, count, _] = x.dims();
            super::linear::apply(
                x,
                weight.narrow(0, part * channels, channels),
                Some(bias.narrow(0, part * channels, channels)),
            )
            .reshape([batch, count, self.heads, channels / self.heads])
            .permute([0, 2, 3, 1])
        };
        let seen = attend(project(queries, 0), project(keys, 1), project(values, 2));
        self.out_proj
            .forward(seen.permute([0, 3, 1, 2]).reshape([batch, count, channels]))
    }
}
