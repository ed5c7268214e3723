//! What a block computes with.

use std::ops::Add;

use ablate_kernels::{Activation, ConvTranspose2d};
use burn::{nn::conv::Conv2d, tensor::Tensor};

use crate::shape::ConvShape;

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

    /// The map's nearest pixels at other sides.
    fn resized(self, sides: [usize; 2]) -> Self;

    /// Zeros at the left, the right, the top and the bottom.
    fn padded(self, sides: [usize; 4]) -> Self;

    /// The cells at upper left, lower left, upper right and lower right of each 2×2, each with all of
    /// its channels; sides are even.
    fn deepened(self) -> Self;

    /// The mean of each 2×2 window, at every place: a map smaller by one.
    fn smoothed(self) -> Self;

    /// The mean of each channel, a map of one pixel.
    fn means(self) -> Self;

    /// The mean and the largest of each pixel's channels, two channels.
    fn summary(self) -> Self;

    /// Two more channels, which hold the row and the column, from -1 to 1.
    fn with_places(self) -> Self;

    /// A map of one pixel under a linear layer, `weight` being `[outputs, channels]`, `bias`
    /// `[outputs]`.
    fn linear(self, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Self;

    /// A map of one pixel under a filter along its channels, of an odd length; zeros beyond its
    /// ends.
    fn along_channels(self, filter: Tensor<1>) -> Self;

    /// A convolution with a kernel for each image: the sum of `kernels`, one a row, `[experts,
    /// weights]`, by shares `[batch, experts, 1, 1]`; `bias` is the same for all.
    fn convolved_each(self, shares: Self, kernels: Kernels, activation: Activation) -> Self;

    /// Minus another map, which may have one pixel that stands for all.
    fn minus(self, other: Self) -> Self;

    /// Divided by another map, which may have one pixel that stands for all.
    fn over(self, other: Self) -> Self;

    /// `factor · x + term`.
    fn affine(self, factor: f64, term: f64) -> Self;

    /// Each pixel's channels as shares of 1, by their exponentials.
    fn shares(self) -> Self;

    /// A transposed convolution: weights `[channels in, channels out / groups, kernel, kernel]`,
    /// bias `[channels out]`. Of a value of a graph the kernel is as large as its step, with nothing
    /// cut, added or dilated, in one group.
    fn transposed(
        self,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        geometry: ConvTranspose2d,
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

/// Kernels that are mixed for each image.
pub struct Kernels {
    /// The convolution's geometry.
    pub shape: ConvShape,
    /// Each kernel in a row, `[experts, c_out · c_in / groups · kernel²]`.
    pub weight: Tensor<2>,
    /// `[c_out]`
    pub bias: Option<Tensor<1>>,
}

/// The place of each of so many rows or columns, from -1 to 1.
pub(super) fn places(side: usize) -> impl Iterator<Item = f32> {
    (0..side).map(move |i| 2.0 * i as f32 / (side - 1).max(1) as f32 - 1.0)
}
