//! What a block computes with.

use std::ops::Add;

use ablate_kernels::{self as kernels, Activation};
use burn::{
    nn::{PaddingConfig2d, conv::Conv2d},
    tensor::{
        Tensor,
        activation::softmax,
        module::{interpolate, max_pool2d},
        ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions},
    },
};

/// A map `[batch, channels, height, width]`: a tensor, or a value of a graph that is being traced.
/// A block whose forward pass is written over this trait runs on both, so that the two can't drift
/// apart.
pub trait FeatureMap: Clone + Add<Output = Self> {
    /// The shape.
    fn shape(&self) -> [usize; 4];

    /// A convolution, with its bias if it has one, and an activation after it.
    fn convolved(self, conv: &Conv2d, activation: Activation) -> Self;

    /// A normalisation by channel with an activation after it: a tensor's own way, which in
    /// training goes by the batch, and what it is at inference, `scale · x + shift`, both
    /// `[channels]`.
    fn normalised(
        self,
        of_tensor: impl FnOnce(Tensor<4>) -> Tensor<4>,
        affine: impl FnOnce() -> (Tensor<1>, Tensor<1>),
        activation: Activation,
    ) -> Self;

    /// What inference leaves out.
    fn trained(self, of_tensor: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self;

    /// Every channel times a number of its own, `[channels]`.
    fn scaled(self, scale: Tensor<1>) -> Self;

    /// The map with other first channels.
    fn begun_by(self, first: Self) -> Self;

    /// The activation of each number.
    fn activated(self, activation: Activation) -> Self;

    /// Times another map, which may have one channel, or one pixel, that stands for all.
    fn times(self, other: Self) -> Self;

    /// Maps of one size, by channels.
    fn concatenated(maps: Vec<Self>) -> Self;

    /// `count` channels from `first` on.
    fn channels(self, first: usize, count: usize) -> Self;

    /// The even channels, then the odd ones.
    fn shuffled(self) -> Self;

    /// The largest number of square windows; nothing around the map is one.
    fn max_pooled(self, kernel: usize, stride: usize, padding: usize) -> Self;

    /// Each pixel `factor` times in both directions.
    fn enlarged(self, factor: usize) -> Self;

    /// Each pixel's channels as shares of 1, by their exponentials.
    fn shares(self) -> Self;

    /// A transposed convolution: weights `[channels in, channels out / groups, kernel, kernel]`,
    /// bias `[channels out]`. Of a value of a graph the kernel is as large as its step, with nothing
    /// cut, added or dilated, in one group.
    fn transposed(
        self,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        geometry: kernels::ConvTranspose2d,
    ) -> Self;

    /// Softmax attention among positions, of a map of queries, keys and values, head after head:
    /// what the queries see, and the values. How a tensor gets there.
    fn attended(
        self,
        heads: Heads,
        of_tensor: impl FnOnce(Tensor<4>) -> [Tensor<4>; 2],
    ) -> [Self; 2];
}

/// Heads of an attention among the positions of a map.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// How many there are.
    pub count: usize,
    /// Channels of a head's queries, and of its keys.
    pub keys: usize,
    /// Stretches of positions, row by row, that attend apart.
    pub areas: usize,
}

/// Geometry of a convolution that `blocks::conv::conv2d` made.
pub(super) fn geometry(conv: &Conv2d) -> kernels::Conv2d {
    let PaddingConfig2d::Explicit(vertical, horizontal, ..) = conv.padding else {
        unreachable!("`conv2d` sets it")
    };
    kernels::Conv2d {
        stride: conv.stride[0],
        padding: [vertical, horizontal],
        dilation: conv.dilation[0],
        groups: conv.groups,
    }
}

impl FeatureMap for Tensor<4> {
    fn shape(&self) -> [usize; 4] {
        self.dims()
    }

    fn convolved(self, conv: &Conv2d, activation: Activation) -> Self {
        let bias = conv.bias.as_ref().map(|bias| bias.val());
        kernels::conv2d(self, conv.weight.val(), bias, geometry(conv), activation)
    }

    fn normalised(
        self,
        of_tensor: impl FnOnce(Self) -> Self,
        _: impl FnOnce() -> (Tensor<1>, Tensor<1>),
        _: Activation,
    ) -> Self {
        of_tensor(self)
    }

    fn trained(self, of_tensor: impl FnOnce(Self) -> Self) -> Self {
        of_tensor(self)
    }

    fn scaled(self, scale: Tensor<1>) -> Self {
        self * scale.reshape([1, -1, 1, 1])
    }

    /// By concatenation where gradients are wanted, by writing in place elsewhere.
    fn begun_by(self, first: Self) -> Self {
        let [batch, channels, height, width] = self.dims();
        let part = first.dims()[1];
        match self.device().is_autodiff() {
            true => Tensor::cat(vec![first, self.narrow(1, part, channels - part)], 1),
            false => self.slice_assign([0..batch, 0..part, 0..height, 0..width], first),
        }
    }

    fn activated(self, activation: Activation) -> Self {
        activation.forward(self)
    }

    fn times(self, other: Self) -> Self {
        self * other
    }

    fn concatenated(maps: Vec<Self>) -> Self {
        Tensor::cat(maps, 1)
    }

    fn channels(self, first: usize, count: usize) -> Self {
        self.narrow(1, first, count)
    }

    fn shuffled(self) -> Self {
        let [batch, channels, height, width] = self.dims();
        self.reshape([batch, channels / 2, 2, height * width])
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width])
    }

    fn max_pooled(self, kernel: usize, stride: usize, padding: usize) -> Self {
        let options = MaxPoolOptions::new([kernel; 2])
            .with_stride([stride; 2])
            .with_padding([padding; 2]);
        max_pool2d(self, options)
    }

    fn enlarged(self, factor: usize) -> Self {
        let [_, _, height, width] = self.dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest)
            .with_output_size([height * factor, width * factor]);
        interpolate(self, options)
    }

    fn shares(self) -> Self {
        softmax(self, 1)
    }

    fn transposed(
        self,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        geometry: kernels::ConvTranspose2d,
    ) -> Self {
        kernels::conv_transpose2d(self, weight, bias, geometry)
    }

    fn attended(self, _: Heads, of_tensor: impl FnOnce(Self) -> [Self; 2]) -> [Self; 2] {
        of_tensor(self)
    }
}
