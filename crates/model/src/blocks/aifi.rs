//! RT-DETR's encoder layer.

use ablate_kernels::matmul;
use burn::{
    module::Module,
    tensor::{DType, Int, Tensor, activation::gelu},
};

use super::{
    attention::MultiheadAttention,
    block::{Block, only},
    linear::{Dense, VectorNorm, to_map, to_vectors},
    row::RowReader,
};
use crate::{
    constants::constant, fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally,
};

/// A transformer's encoder layer over the positions of one map: queries and keys know their
/// position by sines and cosines; a layer normalisation after attention and after the perceptron.
/// Row: `[hidden, heads]`, channels of the perceptron, which don't scale with width; as many
/// channels as it reads.
/// Source: Zhao et al., DETRs Beat YOLOs (RT-DETR), arXiv:2304.08069, section 4.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AifiConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Channels inside the perceptron.
    pub hidden: usize,
    /// Heads of the attention.
    pub heads: usize,
}

/// See [`AifiConfig`].
#[derive(Module, Debug)]
pub struct Aifi {
    ma: MultiheadAttention,
    fc1: Dense,
    fc2: Dense,
    norm1: VectorNorm,
    norm2: VectorNorm,
}

fuse!(Aifi:);

impl Block for AifiConfig {
    type Layer = Aifi;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "hidden, heads")?;
        let config = Self {
            channels: row.channels_in()?,
            hidden: row.positive(0, Some(2048), "hidden")?,
            heads: row.positive(1, Some(8), "heads")?,
        };
        let Self {
            channels, heads, ..
        } = config;
        match channels.is_multiple_of(heads) && channels.is_multiple_of(4) {
            true => Ok(config),
            false => Err(format!(
                "expected input channels in a multiple of 4 and of {heads} heads, found {channels}"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let x = inputs[0];
        // Angles of the positions, once for all images of a batch.
        tally.product([x.area() as usize, 1, self.channels / 4], 2);
        MultiheadAttention::trace(self.channels, x.area() as usize, tally);
        tally.linear(self.channels, self.hidden, true, x.area());
        tally.linear(self.hidden, self.channels, true, x.area());
        (0..2).for_each(|_| tally.layer_norm(self.channels, x.area()));
        Ok(vec![x])
    }

    fn init(&self, init: &Initializer) -> Aifi {
        Aifi {
            ma: MultiheadAttention::new(self.channels, self.heads, init),
            fc1: Dense::new(self.channels, self.hidden, true, init),
            fc2: Dense::new(self.hidden, self.channels, true, init),
            norm1: VectorNorm::new(self.channels, init),
            norm2: VectorNorm::new(self.channels, init),
        }
    }

    fn forward(layer: &Aifi, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn arguments(&self) -> String {
        format!("[{}, {}, {}]", self.channels, self.hidden, self.heads)
    }
}

impl Aifi {
    /// `[batch, channels, h, w]` to the same shape.
    pub fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = map.dims();
        let places = positions(&map);
        let x = to_vectors(map);
        let placed = x.clone() + places;
        let seen = self.ma.forward(placed.clone(), placed, x.clone());
        let x = self.norm1.forward(x + seen);
        let y = self.fc2.forward(gelu(self.fc1.forward(x.clone())));
        to_map(self.norm2.forward(x + y), height, width)
    }
}

/// What each position of a map is told apart by, `[1, h · w, channels]`: sines and cosines of its
/// row, then of its column, times frequencies that fall from 1 towards 1/10,000.
/// Source: Vaswani et al., arXiv:1706.03762, section 3.5.
fn positions(map: &Tensor<4>) -> Tensor<3> {
    let [_, channels, height, width] = map.dims();
    let (device, quarter) = (map.device(), channels / 4);
    let frequencies: Vec<f32> = (0..quarter)
        .map(|i| 10_000f32.powf(i as f32 / quarter as f32).recip())
        .collect();
    let frequencies = constant(&frequencies, [1, quarter], &device);
    let along = |count: usize, shape: [usize; 2]| {
        Tensor::<1, Int>::arange(0..count as i64, &device)
            .float()
            .reshape(shape)
            .expand([height, width])
            .reshape([height * width, 1])
    };
    let parts = [along(height, [height, 1]), along(width, [1, width])]
        .into_iter()
        .flat_map(|places| {
            let angles = matmul(places, frequencies.clone());
            [angles.clone().sin(), angles.cos()]
        });
    let all: Tensor<2> = Tensor::cat(parts.collect(), 1);
    let all = match map.dtype() {
        DType::F32 => all,
        half => all.cast(half),
    };
    all.unsqueeze()
}
