//! Convolution, and the activation after it.

use burn::tensor::{Tensor, module::conv2d as burn_conv2d, ops::ConvOptions};

use crate::{Activation, count, cpu, grouped, libtorch};

/// A convolution's geometry. The kernel's sides are those of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Step of the kernel.
    pub stride: usize,
    /// Zeros above and below, and left and right.
    pub padding: [usize; 2],
    /// Step between the kernel's elements.
    pub dilation: usize,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
}

impl Default for Conv2d {
    /// Stride 1, no padding, no dilation, one group.
    fn default() -> Self {
        Self {
            stride: 1,
            padding: [0; 2],
            dilation: 1,
            groups: 1,
        }
    }
}

impl Conv2d {
    fn options(self) -> ConvOptions<2> {
        ConvOptions::new(
            [self.stride; 2],
            self.padding,
            [self.dilation; 2],
            self.groups,
        )
    }

    /// What our own kernels take: stride, padding, groups. None with dilation, or if height and
    /// width are not treated alike.
    fn simple(self, kernel: [usize; 4]) -> Option<[usize; 3]> {
        let [.., height, width] = kernel;
        let [padding, other] = self.padding;
        (self.dilation == 1 && height == width && padding == other).then_some([
            self.stride,
            padding,
            self.groups,
        ])
    }
}

/// `activation(convolution(x))`.
///
/// `x` is `[batch, channels in, height, width]`, `weight`
/// `[channels out, channels in / groups, kernel height, kernel width]`, `bias` `[channels out]`;
/// gives `[batch, channels out, …, …]`. Differentiable on a training device.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Conv2d,
    activation: Activation,
) -> Tensor<4> {
    let kernel = weight.dims();
    let y = own(&x, &weight, bias.as_ref(), geometry, activation)
        .unwrap_or_else(|| activation.forward(burn_conv2d(x, weight, bias, geometry.options())));
    count_conv(kernel, &y);
    y
}

/// The convolution by the kernels of this crate; None if they don't cover it.
fn own(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    geometry: Conv2d,
    activation: Activation,
) -> Option<Tensor<4>> {
    let simple = geometry.simple(weight.dims())?;
    if let Some(y) = libtorch::conv2d_act(x, weight, bias, simple, activation) {
        return Some(y);
    }
    let [stride, padding, groups] = simple;
    if !x.device().is_autodiff() {
        let shift = bias
            .cloned()
            .unwrap_or_else(|| Tensor::zeros([weight.dims()[0]], &x.device()));
        return cpu::conv2d_act(x, weight, &shift, simple, activation);
    }
    let y = cpu::conv2d(x, weight, stride, padding, groups)
        .or_else(|| grouped::conv2d(x, weight, simple))?;
    let y = match bias {
        Some(bias) => {
            cpu::add_bias(&y, bias).unwrap_or_else(|| y + bias.clone().reshape([1, -1, 1, 1]))
        }
        None => y,
    };
    Some(activation.forward(y))
}

/// A convolution with kernels of its own for each image.
///
/// `x` is `[batch, channels in, height, width]`, `kernels` `[batch · channels out, channels in /
/// groups, kernel, kernel]`; gives `[batch, channels out, …, …]`. Differentiable on a training
/// device.
pub fn conv2d_per_image(x: Tensor<4>, kernels: Tensor<4>, geometry: Conv2d) -> Tensor<4> {
    let [batch, c_in, height, width] = x.dims();
    let [rows, _, tall, wide] = kernels.dims();
    let c_out = rows / batch;
    let each = geometry
        .simple(kernels.dims())
        .and_then(|simple| libtorch::conv2d_each(&x, &kernels, simple));
    if let Some(y) = each {
        count_conv(kernels.dims(), &y);
        return y;
    }
    if [tall, wide] == [1, 1] && geometry == Conv2d::default() {
        let x = x.reshape([batch, c_in, height * width]);
        let y = crate::matmul(kernels.reshape([batch, c_out, c_in]), x);
        return y.reshape([batch, c_out, height, width]);
    }
    // One convolution for the whole batch: every image is a group of its own.
    let x = x.reshape([1, batch * c_in, height, width]);
    let together = Conv2d {
        groups: geometry.groups * batch,
        ..geometry
    };
    let y = conv2d(x, kernels, None, together, Activation::Identity);
    let [_, _, height, width] = y.dims();
    y.reshape([batch, c_out, height, width])
}

/// Every output is a sum over one kernel.
fn count_conv([_, c_in, height, width]: [usize; 4], y: &Tensor<4>) {
    count::add(|| (y.shape().num_elements() * c_in * height * width) as u64);
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::compare::{assert_close, random, weighted_sum};

    /// A bias is a figure added to each channel: outputs and gradients.
    #[test]
    fn a_bias_is_added_by_channel() {
        let device = Device::flex().autodiff();
        device.seed(5);
        for side in [1, 3, 9] {
            let (x, bias) = (random([2, 4, side, side], &device), random([6], &device));
            let weight = random([6, 4, 1, 1], &device);
            let convolve = |bias: Option<Tensor<1>>| {
                let (x, weight) = (x.clone(), weight.clone());
                conv2d(x, weight, bias, Conv2d::default(), Activation::Identity)
            };
            let found = convolve(Some(bias.clone()));
            let expected = convolve(None) + bias.clone().reshape([1, 6, 1, 1]);
            found.to_data().assert_eq(&expected.to_data(), true);
            let [found, expected] = [found, expected].map(|y| weighted_sum(y).backward());
            let gradient = |of| bias.grad(of).expect("wanted");
            assert_close(gradient(&found), gradient(&expected), 1e-5, "bias");
            let [found, expected] = [x.grad(&found), x.grad(&expected)].map(Option::unwrap);
            found.to_data().assert_eq(&expected.to_data(), true);
        }
    }

    /// A rectangle is a square with zeros around it: outputs and gradients.
    #[test]
    fn rectangles_are_parts_of_squares() {
        let device = Device::flex().autodiff();
        device.seed(3);
        for (kernel, groups, stride) in [([1, 3], 1, 1), ([3, 1], 2, 1), ([1, 3], 6, 2)] {
            let what = format!("{kernel:?}, {groups} groups, stride {stride}");
            let [height, width] = kernel;
            let (y, x) = ((3 - height) / 2, (3 - width) / 2);
            let input = random([2, 6, 7, 5], &device);
            let weight = random([12, 6 / groups, height, width], &device);
            let convolve = |weight: Tensor<4>, padding| {
                let geometry = Conv2d {
                    stride,
                    padding,
                    groups,
                    ..Conv2d::default()
                };
                conv2d(input.clone(), weight, None, geometry, Activation::Silu)
            };
            let found = convolve(weight.clone(), [height / 2, width / 2]);
            let expected = convolve(weight.clone().pad((x, x, y, y), 0.0), [1; 2]);
            assert_close(found.clone().inner(), expected.clone().inner(), 2e-5, &what);
            let [found, expected] = [found, expected].map(|y| weighted_sum(y).backward());
            for tensor in [&input, &weight] {
                let gradient = |of| tensor.grad(of).expect("wanted");
                assert_close(gradient(&found), gradient(&expected), 2e-4, &what);
            }
        }
    }
}
