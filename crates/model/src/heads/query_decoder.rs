//! RT-DETR's decoder of queries.

use burn::{
    module::Module,
    tensor::{
        Tensor,
        activation::{relu, sigmoid},
    },
};

use super::deformable::{DeformableAttention, DeformableConfig};
use crate::{
    blocks::{
        attention::MultiheadAttention,
        linear::{Dense, VectorNorm},
    },
    initializer::Initializer,
    tally::Tally,
};

/// Linear layers with ReLU between them.
#[derive(Module, Debug)]
pub struct Perceptron {
    pub(super) layers: Vec<Dense>,
}

impl Perceptron {
    /// Fresh weights; `sides` are the channels in, between and out.
    pub(super) fn new(sides: &[usize], init: &Initializer) -> Self {
        let layer = |pair: &[usize]| Dense::new(pair[0], pair[1], true, init);
        Self {
            layers: sides.windows(2).map(layer).collect(),
        }
    }

    /// What it costs for so many vectors.
    pub(super) fn trace(sides: &[usize], vectors: u64, tally: &mut Tally) {
        sides
            .windows(2)
            .for_each(|pair| tally.linear(pair[0], pair[1], true, vectors));
    }

    /// `[batch, n, in]` to `[batch, n, out]`.
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let last = self.layers.len() - 1;
        let step = |x, (i, layer): (usize, &Dense)| match i == last {
            true => layer.forward(x),
            false => relu(layer.forward(x)),
        };
        self.layers.iter().enumerate().fold(x, step)
    }
}

/// One of the decoder's layers: queries attend to each other, then to the maps, each followed by a
/// layer normalisation, as is the perceptron after them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoderLayerConfig {
    /// Attention to the maps, and the heads of both.
    pub deformable: DeformableConfig,
    /// Channels inside the perceptron.
    pub hidden: usize,
}

/// See [`DecoderLayerConfig`].
#[derive(Module, Debug)]
pub struct DecoderLayer {
    self_attn: MultiheadAttention,
    norm1: VectorNorm,
    cross_attn: DeformableAttention,
    norm2: VectorNorm,
    linear1: Dense,
    linear2: Dense,
    norm3: VectorNorm,
}

impl DecoderLayerConfig {
    /// What it costs for so many queries over so many cells.
    pub fn trace(&self, queries: usize, cells: u64, tally: &mut Tally) {
        let c = self.deformable.channels;
        MultiheadAttention::trace(c, queries, tally);
        self.deformable.trace(queries as u64, cells, tally);
        tally.linear(c, self.hidden, true, queries as u64);
        tally.linear(self.hidden, c, true, queries as u64);
        (0..3).for_each(|_| tally.layer_norm(c, queries as u64));
    }

    /// The module with fresh weights.
    pub fn init(&self, init: &Initializer) -> DecoderLayer {
        let c = self.deformable.channels;
        let norm = || VectorNorm::new(c, init);
        DecoderLayer {
            self_attn: MultiheadAttention::new(c, self.deformable.heads, init),
            norm1: norm(),
            cross_attn: self.deformable.init(init),
            norm2: norm(),
            linear1: Dense::new(c, self.hidden, true, init),
            linear2: Dense::new(self.hidden, c, true, init),
            norm3: norm(),
        }
    }
}

impl DecoderLayer {
    /// Queries `[batch, n, channels]` with their boxes `[batch, n, 4]` and an embedding of these,
    /// `[batch, n, channels]`, over the cells of all levels; gives the queries anew.
    pub fn forward(
        &self,
        queries: Tensor<3>,
        boxes: Tensor<3>,
        places: Tensor<3>,
        cells: Tensor<3>,
        sides: &[[usize; 2]],
    ) -> Tensor<3> {
        let placed = queries.clone() + places.clone();
        let seen = self
            .self_attn
            .forward(placed.clone(), placed, queries.clone());
        let queries = self.norm1.forward(queries + seen);
        let seen = self
            .cross_attn
            .forward(queries.clone() + places, boxes, cells, sides);
        let queries = self.norm2.forward(queries + seen);
        let y = self
            .linear2
            .forward(relu(self.linear1.forward(queries.clone())));
        self.norm3.forward(queries + y)
    }
}

/// Boxes moved by a layer's corrections, which are of their logits.
pub(super) fn refined(boxes: Tensor<3>, corrections: Tensor<3>) -> Tensor<3> {
    // What keeps the logit finite.
    let (near, far) = (
        boxes.clone().clamp_min(MARGIN),
        (-boxes + 1.0).clamp_min(MARGIN),
    );
    sigmoid(corrections + (near / far).log())
}

const MARGIN: f64 = 1e-5;
