//! Attention to a few places of each level.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::softmax, ops::GridSampleOptions},
};

use crate::{blocks::linear::Dense, initializer::Initializer, tally::Tally};

/// Deformable attention: each query weighs a few points of each level's map, which it places in and
/// around its own box.
/// Source: Zhu et al., Deformable DETR, arXiv:2010.04159, section 4.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeformableConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Heads, each of an equal part of the channels.
    pub heads: usize,
    /// Maps that are sampled.
    pub levels: usize,
    /// Points of a head on each of them.
    pub points: usize,
}

/// See [`DeformableConfig`].
#[derive(Module, Debug)]
pub struct DeformableAttention {
    sampling_offsets: Dense,
    attention_weights: Dense,
    value_proj: Dense,
    output_proj: Dense,
    #[module(skip)]
    config: DeformableConfig,
}

impl DeformableConfig {
    /// Points of a head on all levels.
    fn all(&self) -> usize {
        self.levels * self.points
    }

    /// What it costs for so many queries, over so many cells of all levels. Sampling is neither a
    /// convolution nor a product.
    pub fn trace(&self, queries: u64, cells: u64, tally: &mut Tally) {
        let (c, all) = (self.channels, self.heads * self.all());
        tally.linear(c, 2 * all, true, queries);
        tally.linear(c, all, true, queries);
        tally.linear(c, c, true, cells);
        tally.linear(c, c, true, queries);
    }

    /// The module with fresh weights: at first every point weighs the same, and the points of a
    /// head stand in a row that leads away from the box's centre.
    pub fn init(&self, init: &Initializer) -> DeformableAttention {
        let c = self.channels;
        let zero = |outputs: usize| Dense {
            weight: init.constant([outputs, c], 0.0),
            bias: Some(init.constant([outputs], 0.0)),
        };
        let mut sampling_offsets = zero(2 * self.heads * self.all());
        let mut offsets = Vec::with_capacity(2 * self.heads * self.all());
        for head in 0..self.heads {
            let (sin, cos) = (std::f32::consts::TAU * head as f32 / self.heads as f32).sin_cos();
            let longer = sin.abs().max(cos.abs());
            for _ in 0..self.levels {
                for point in 1..=self.points {
                    offsets.extend([cos, sin].map(|side| side / longer * point as f32));
                }
            }
        }
        sampling_offsets.bias = Some(Param::from_tensor(Tensor::from_floats(
            offsets.as_slice(),
            init.device(),
        )));
        DeformableAttention {
            sampling_offsets,
            attention_weights: zero(self.heads * self.all()),
            value_proj: Dense::balanced(c, c, init),
            output_proj: Dense::balanced(c, c, init),
            config: *self,
        }
    }
}

impl DeformableAttention {
    /// Queries `[batch, n, channels]`, each with a box `[batch, n, 4]` (centre, width and height as
    /// shares of the image), over the cells of all levels, `[batch, cells, channels]`, whose
    /// heights and widths are `sides`. Gives `[batch, n, channels]`.
    pub fn forward(
        &self,
        queries: Tensor<3>,
        boxes: Tensor<3>,
        cells: Tensor<3>,
        sides: &[[usize; 2]],
    ) -> Tensor<3> {
        let [batch, count, channels] = queries.dims();
        let DeformableConfig { heads, points, .. } = self.config;
        let all = self.config.all();
        let (apart, depth) = (batch * heads, channels / heads);

        let offsets = self
            .sampling_offsets
            .forward(queries.clone())
            .reshape([batch, count, heads, all, 2]);
        let [centre, size] = [0, 2].map(|start| {
            boxes
                .clone()
                .narrow(2, start, 2)
                .reshape([batch, count, 1, 1, 2])
        });
        let places = centre + offsets * (0.5 / points as f64) * size;
        // From -1 to 1 across a map, head by head.
        let places = (places * 2.0 - 1.0)
            .swap_dims(1, 2)
            .reshape([apart, count, all, 2]);
        let shares = softmax(
            self.attention_weights
                .forward(queries)
                .reshape([batch, count, heads, all]),
            3,
        );
        let shares = shares.swap_dims(1, 2).reshape([apart, 1, count, all]);

        let values = self.value_proj.forward(cells).swap_dims(1, 2).reshape([
            apart,
            depth,
            sides.iter().map(|[h, w]| h * w).sum(),
        ]);
        let mut start = 0;
        let sampled = sides.iter().enumerate().map(|(level, [height, width])| {
            let map = values
                .clone()
                .narrow(2, start, height * width)
                .reshape([apart, depth, *height, *width]);
            start += height * width;
            let places = places.clone().narrow(2, level * points, points);
            map.grid_sample_2d(places, GridSampleOptions::default())
        });
        let seen: Tensor<4> = Tensor::cat(sampled.collect(), 3) * shares;
        let seen = seen
            .sum_dim(3)
            .reshape([batch, channels, count])
            .swap_dims(1, 2);
        self.output_proj.forward(seen)
    }
}
