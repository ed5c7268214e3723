//! A block's forward pass on the values of a graph.

use std::ops::Add;

use ablate_engine as engine;
use ablate_kernels::{Activation, ConvTranspose2d};
use burn::{nn::conv::Conv2d, tensor::Tensor};
use engine::{Attention, Binary, Pool, PoolKind, Value};

use super::{
    convolution::{convolution, convolved, numbers, of_engine, of_geometry},
    feature_map::{FeatureMap, Heads, Kernels, places},
    graph::Traced,
    tensor::geometry,
};

impl Traced {
    /// The map with other sides, height before width, each pixel between four; with
    /// `align_corners` the corners' centres lie on each other, otherwise their edges.
    pub fn bilinear(self, sides: [usize; 2], align_corners: bool) -> Self {
        let [batch, channels, ..] = self.shape;
        let shape = [batch, channels, sides[0], sides[1]];
        self.then(shape, |builder, value| {
            builder.bilinear(value, sides, align_corners)
        })
    }

    /// `activation(scale · x + shift)`.
    fn by_channel(
        self,
        scale: Tensor<1>,
        shift: Option<Tensor<1>>,
        activation: Activation,
    ) -> Self {
        let (shape, [channels]) = (self.shape, scale.dims());
        self.then(shape, |builder, value| {
            let shift = shift.map_or(Ok(vec![0.0; channels]), numbers)?;
            let conv = engine::Conv2d {
                groups: channels,
                activation: of_engine(activation),
                ..engine::Conv2d::new(numbers(scale)?, [channels, 1, 1, 1], shift)
            };
            builder.conv2d(value, conv)
        })
    }

    /// `activation(weights · x + bias)` at each pixel, `weights` being `[outputs, channels]`.
    fn each_pixel(
        self,
        [outputs, channels]: [usize; 2],
        activation: Activation,
        weights_and_bias: impl FnOnce() -> Result<(Vec<f32>, Vec<f32>), String>,
    ) -> Self {
        let [batch, _, height, width] = self.shape;
        self.then([batch, outputs, height, width], |builder, value| {
            let (weights, bias) = weights_and_bias()?;
            let conv = engine::Conv2d {
                activation: of_engine(activation),
                ..engine::Conv2d::new(weights, [outputs, channels, 1, 1], bias)
            };
            builder.conv2d(value, conv)
        })
    }

    /// These rows and columns; None gives zeros.
    fn pixels(self, rows: Vec<Option<usize>>, columns: Vec<Option<usize>>) -> Self {
        let [batch, channels, ..] = self.shape;
        let shape = [batch, channels, rows.len(), columns.len()];
        self.then(shape, |builder, value| builder.pixels(value, rows, columns))
    }

    fn in_order(self, order: Vec<usize>) -> Self {
        let [batch, _, height, width] = self.shape;
        self.then([batch, order.len(), height, width], |builder, value| {
            builder.channels(value, order)
        })
    }

    /// The larger of two numbers.
    fn larger(self, other: Self) -> Self {
        let above = self.with(other.clone(), Binary::Subtract);
        above.activated(Activation::Relu) + other
    }

    /// `e` to the power of numbers that are at most 0.
    fn exponentials(self) -> Self {
        self.activated(Activation::Elu(1.0)).affine(1.0, 1.0)
    }
}

impl Add for Traced {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(other, Binary::Add)
    }
}

impl FeatureMap for Traced {
    fn shape(&self) -> [usize; 4] {
        self.shape
    }

    fn convolved(self, conv: &Conv2d, activation: Activation) -> Self {
        let weight = conv.weight.val();
        let kernel = weight.dims();
        let geometry = geometry(conv);
        let shape = convolved(self.shape, kernel, geometry);
        self.count(convolution(shape, kernel));
        self.then(shape, |builder, value| {
            let bias = match &conv.bias {
                Some(bias) => numbers(bias.val())?,
                None => vec![0.0; kernel[0]],
            };
            let conv = of_geometry(geometry, numbers(weight)?, kernel, bias, activation);
            builder.conv2d(value, conv)
        })
    }

    fn normalised(
        self,
        _: impl FnOnce(Tensor<4>) -> Tensor<4>,
        affine: impl FnOnce() -> (Tensor<1>, Tensor<1>),
        activation: Activation,
    ) -> Self {
        let (scale, shift) = affine();
        self.by_channel(scale, Some(shift), activation)
    }

    fn trained(self, _: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        self
    }

    fn scaled(self, scale: Tensor<1>) -> Self {
        self.by_channel(scale, None, Activation::Identity)
    }

    fn begun_by(self, first: Self) -> Self {
        let (part, whole) = (first.shape[1], self.shape[1]);
        Self::concatenated(vec![first, self.channels(part, whole - part)])
    }

    fn activated(self, activation: Activation) -> Self {
        let shape = self.shape;
        self.then(shape, |builder, value| {
            Ok(builder.activation(value, of_engine(activation)))
        })
    }

    fn times(self, other: Self) -> Self {
        self.with(other, Binary::Multiply)
    }

    fn concatenated(maps: Vec<Self>) -> Self {
        let channels = maps.iter().map(|map| map.shape[1]).sum();
        let values: Option<Vec<Value>> = maps.iter().map(|map| map.value).collect();
        let first = maps.into_iter().next().expect("there is a map");
        let [batch, _, height, width] = first.shape;
        first.then([batch, channels, height, width], |builder, _| {
            builder.concat(&values.ok_or("a value of another graph")?)
        })
    }

    fn channels(self, first: usize, count: usize) -> Self {
        self.in_order((first..first + count).collect())
    }

    fn shuffled(self) -> Self {
        let half = self.shape[1] / 2;
        let order = (0..half).map(|i| 2 * i).chain((0..half).map(|i| 2 * i + 1));
        self.in_order(order.collect())
    }

    fn max_pooled(self, kernel: usize, stride: usize, padding: usize) -> Self {
        let [batch, channels, height, width] = self.shape;
        let side = |side: usize| (side + 2 * padding).saturating_sub(kernel) / stride + 1;
        let shape = [batch, channels, side(height), side(width)];
        self.then(shape, |builder, value| {
            builder.pool(value, Pool::square(PoolKind::Max, kernel, stride, padding))
        })
    }

    fn enlarged(self, factor: usize) -> Self {
        let [batch, channels, height, width] = self.shape;
        let shape = [batch, channels, height * factor, width * factor];
        self.then(shape, |builder, value| builder.enlarge(value, factor))
    }

    fn resized(self, sides: [usize; 2]) -> Self {
        let [_, _, height, width] = self.shape;
        // PyTorch's rule, with a scale in 32 bits.
        let sources = |from: usize, to: usize| -> Vec<Option<usize>> {
            let scale = from as f32 / to as f32;
            let source = |i: usize| Some(((i as f32 * scale) as usize).min(from - 1));
            (0..to).map(source).collect()
        };
        self.pixels(sources(height, sides[0]), sources(width, sides[1]))
    }

    fn padded(self, [left, right, top, bottom]: [usize; 4]) -> Self {
        let [_, _, height, width] = self.shape;
        let sources = |before: usize, side: usize, after: usize| {
            let zeros = |count| std::iter::repeat_n(None, count);
            let inner = (0..side).map(Some);
            zeros(before).chain(inner).chain(zeros(after)).collect()
        };
        self.pixels(sources(top, height, bottom), sources(left, width, right))
    }

    fn deepened(self) -> Self {
        let [_, _, height, width] = self.shape;
        let cells = [[0, 0], [1, 0], [0, 1], [1, 1]].map(|[y, x]| {
            let sources = |first: usize, side| (first..side).step_by(2).map(Some).collect();
            self.clone().pixels(sources(y, height), sources(x, width))
        });
        Self::concatenated(cells.into())
    }

    fn smoothed(self) -> Self {
        let [batch, channels, height, width] = self.shape;
        let shape = [batch, channels, height - 1, width - 1];
        self.then(shape, |builder, value| {
            builder.pool(value, Pool::square(PoolKind::Mean, 2, 1, 0))
        })
    }

    fn means(self) -> Self {
        let [batch, channels, ..] = self.shape;
        let shape = [batch, channels, 1, 1];
        self.then(shape, |builder, value| Ok(builder.mean(value)))
    }

    fn summary(self) -> Self {
        let [batch, channels, height, width] = self.shape;
        self.then([batch, 2, height, width], |builder, value| {
            let weights = vec![1.0 / channels as f32; channels];
            let sum = engine::Conv2d::new(weights, [1, channels, 1, 1], vec![0.0]);
            let mean = builder.conv2d(value, sum)?;
            let largest = builder.largest(value);
            builder.concat(&[mean, largest])
        })
    }

    fn with_places(self) -> Self {
        let [batch, channels, height, width] = self.shape;
        self.then([batch, channels + 2, height, width], |builder, value| {
            let rows = places(height).flat_map(|row| std::iter::repeat_n(row, width));
            let columns = (0..height).flat_map(|_| places(width));
            let constant = builder.constant([2, height, width], rows.chain(columns).collect())?;
            builder.concat(&[value, constant])
        })
    }

    fn linear(self, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Self {
        let [outputs, channels] = weight.dims();
        self.count(outputs * channels);
        self.each_pixel([outputs, channels], activation, || {
            let bias = bias.map_or(Ok(vec![0.0; outputs]), numbers)?;
            Ok((numbers(weight)?, bias))
        })
    }

    fn along_channels(self, filter: Tensor<1>) -> Self {
        let ([_, c, ..], [length]) = (self.shape, filter.dims());
        self.count(c * length);
        self.each_pixel([c, c], Activation::Identity, || {
            let filter = numbers(filter)?;
            // What a channel gives another, by the tap that it lies under.
            let weight = |at: usize| {
                let tap = (at % c + length / 2).checked_sub(at / c);
                tap.and_then(|tap| filter.get(tap)).copied().unwrap_or(0.0)
            };
            Ok(((0..c * c).map(weight).collect(), vec![0.0; c]))
        })
    }

    fn convolved_each(self, shares: Self, kernels: Kernels, activation: Activation) -> Self {
        let Kernels {
            shape: conv,
            weight,
            bias,
        } = kernels;
        let [experts, weights] = weight.dims();
        let [tall, wide] = conv.kernel;
        let kernel = [conv.c_out, conv.c_in / conv.groups, tall, wide];
        let shape = convolved(self.shape, kernel, conv.geometry());
        self.count(experts * weights + convolution(shape, kernel));
        self.then(shape, |builder, value| {
            let shares = shares.value.ok_or("a value of another graph")?;
            let bias = bias.map_or(Ok(vec![0.0; conv.c_out]), numbers)?;
            let conv = of_geometry(conv.geometry(), numbers(weight)?, kernel, bias, activation);
            builder.mixed_conv2d(value, shares, conv)
        })
    }

    fn minus(self, other: Self) -> Self {
        self.with(other, Binary::Subtract)
    }

    fn over(self, other: Self) -> Self {
        self.with(other, Binary::Divide)
    }

    fn affine(self, factor: f64, term: f64) -> Self {
        let shape = self.shape;
        self.then(shape, |builder, value| {
            let affine = engine::Activation::Affine {
                scale: factor as f32,
                shift: term as f32,
            };
            Ok(builder.activation(value, affine))
        })
    }

    fn shares(self) -> Self {
        let parts: Vec<Self> = (0..self.shape[1])
            .map(|channel| self.clone().channels(channel, 1))
            .collect();
        let largest = parts.iter().cloned().reduce(Self::larger);
        let largest = largest.expect("there is a channel");
        // Relative to the largest, so that nothing overflows.
        let powers: Vec<Self> = parts
            .into_iter()
            .map(|part| part.with(largest.clone(), Binary::Subtract).exponentials())
            .collect();
        let sum = powers.iter().cloned().reduce(Add::add);
        let sum = sum.expect("there is a channel");
        let shares = powers
            .into_iter()
            .map(|power| power.with(sum.clone(), Binary::Divide));
        Self::concatenated(shares.collect())
    }

    fn transposed(self, weight: Tensor<4>, bias: Option<Tensor<1>>, _: ConvTranspose2d) -> Self {
        let kernel = weight.dims();
        let [_, c_out, side, wide] = kernel;
        let [batch, _, height, width] = self.shape;
        self.count(self.shape[1..].iter().product::<usize>() * c_out * side * wide);
        let shape = [batch, c_out, height * side, width * side];
        self.then(shape, |builder, value| {
            let bias = bias.map_or(Ok(vec![0.0; c_out]), numbers)?;
            builder.conv_transpose2d(value, &numbers(weight)?, kernel, &bias)
        })
    }

    fn attended(
        self,
        Heads { count, keys, areas }: Heads,
        _: impl FnOnce(Tensor<4>) -> [Tensor<4>; 2],
    ) -> [Self; 2] {
        let [_, channels, height, width] = self.shape;
        let all = channels / count;
        let each = all - 2 * keys;
        self.count(count * (height * width).pow(2) / areas * (keys + each));
        let part = |first: usize, len: usize| {
            let of = |head: usize| (0..len).map(move |i| head * all + first + i);
            self.clone().in_order((0..count).flat_map(of).collect())
        };
        let [queries, their_keys] = [part(0, keys), part(keys, keys)];
        let values = part(2 * keys, each);
        let shape = values.shape;
        let seen = values.clone().then(shape, |builder, value| {
            let parts = queries.value.zip(their_keys.value);
            let (queries, their_keys) = parts.ok_or("a value of another graph")?;
            let attention = Attention {
                heads: count,
                areas,
                scale: (keys as f32).sqrt().recip(),
            };
            builder.attention(queries, their_keys, value, attention)
        });
        [seen, values]
    }
}
