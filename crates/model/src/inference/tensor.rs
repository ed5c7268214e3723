//! A block's forward pass on tensors.

use ablate_kernels::{self as kernels, Activation, matmul};
use burn::{
    nn::{PaddingConfig2d, conv::Conv2d},
    tensor::{
        Tensor,
        activation::softmax,
        module::{avg_pool2d, interpolate},
        ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions},
    },
};

use crate::constants::constant;

use super::feature_map::{FeatureMap, Heads, Kernels, places};

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
            true => Self::concatenated(vec![first, self.channels(part, channels - part)]),
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
        kernels::concatenated(maps)
    }

    fn channels(self, first: usize, count: usize) -> Self {
        kernels::channels(self, first, count)
    }

    fn shuffled(self) -> Self {
        let [batch, channels, height, width] = self.dims();
        self.reshape([batch, channels / 2, 2, height * width])
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width])
    }

    fn max_pooled(self, kernel: usize, stride: usize, padding: usize) -> Self {
        kernels::max_pool2d(self, kernel, stride, padding)
    }

    fn enlarged(self, factor: usize) -> Self {
        let [_, _, height, width] = self.dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest)
            .with_output_size([height * factor, width * factor]);
        interpolate(self, options)
    }

    fn resized(self, [height, width]: [usize; 2]) -> Self {
        let options =
            InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
        interpolate(self, options)
    }

    fn padded(self, [left, right, top, bottom]: [usize; 4]) -> Self {
        self.pad((left, right, top, bottom), 0.0)
    }

    fn deepened(self) -> Self {
        let [batch, c, h, w] = self.dims();
        let cells = self.reshape([batch, c, h / 2, 2, w / 2, 2]);
        cells
            .permute([0, 5, 3, 1, 2, 4])
            .reshape([batch, 4 * c, h / 2, w / 2])
    }

    /// By sums of slices, which take the CPU backend a fraction of its average pooling's time.
    fn smoothed(self) -> Self {
        // One operation of LibTorch; elsewhere sums are the faster ones.
        if kernels::is_libtorch(&self.device()) {
            let windows = AvgPoolOptions::new([2, 2]);
            return avg_pool2d(
                self,
                AvgPoolOptions {
                    stride: [1, 1],
                    ..windows
                },
            );
        }
        let [_, _, height, width] = self.dims();
        let rows = self.clone().narrow(2, 0, height - 1) + self.narrow(2, 1, height - 1);
        (rows.clone().narrow(3, 0, width - 1) + rows.narrow(3, 1, width - 1)) * 0.25
    }

    fn means(self) -> Self {
        let [batch, c, h, w] = self.dims();
        let flat = self.reshape([batch, c, h * w]);
        flat.mean_dim(2).reshape([batch, c, 1, 1])
    }

    fn summary(self) -> Self {
        Tensor::cat(vec![self.clone().mean_dim(1), self.max_dim(1)], 1)
    }

    fn with_places(self) -> Self {
        let [batch, _, h, w] = self.dims();
        let along = |side: usize, shape: [usize; 4]| {
            let places: Vec<f32> = places(side).collect();
            let places = constant(&places, shape, &self.device());
            places.expand([batch, 1, h, w]).cast(self.dtype())
        };
        let (rows, columns) = (along(h, [1, 1, h, 1]), along(w, [1, 1, 1, w]));
        Tensor::cat(vec![self, rows, columns], 1)
    }

    fn linear(self, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Self {
        let [batch, channels, ..] = self.dims();
        let y = matmul(self.reshape([batch, channels]), weight.transpose());
        let y = match bias {
            Some(bias) => y + bias.unsqueeze(),
            None => y,
        };
        let outputs = y.dims()[1];
        activation.forward(y).reshape([batch, outputs, 1, 1])
    }

    fn along_channels(self, filter: Tensor<1>) -> Self {
        let ([batch, c, ..], [length]) = (self.dims(), filter.dims());
        let ends = (length / 2, length / 2, 0, 0);
        let padded = self.reshape([batch, c]).pad(ends, 0.0);
        let taps = (0..length).map(|tap| padded.clone().narrow(1, tap, c));
        let taps: Tensor<3> = Tensor::stack(taps.collect(), 2);
        matmul(taps, filter.reshape([1, length, 1])).reshape([batch, c, 1, 1])
    }

    fn convolved_each(self, shares: Self, kernels: Kernels, activation: Activation) -> Self {
        let Kernels {
            shape,
            weight,
            bias,
        } = kernels;
        let [batch, experts, ..] = shares.dims();
        let [tall, wide] = shape.kernel;
        let mixed = matmul(shares.reshape([batch, experts]), weight);
        let mixed = mixed.reshape([batch * shape.c_out, shape.c_in / shape.groups, tall, wide]);
        let y = kernels::conv2d_per_image(self, mixed, shape.geometry());
        match bias {
            Some(bias) => kernels::scale_shift(y, bias.ones_like(), bias, activation),
            None => activation.forward(y),
        }
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn over(self, other: Self) -> Self {
        self / other
    }

    fn affine(self, factor: f64, term: f64) -> Self {
        self.mul_scalar(factor).add_scalar(term)
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
