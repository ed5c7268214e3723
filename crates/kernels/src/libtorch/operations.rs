//! The operations, each as PyTorch has it.

use burn::backend::{LibTorch, libtorch::TchTensor};
use burn::tensor::{Device, Tensor};

use super::{
    backward::{Activate, convolution, norm},
    layout::channels_last,
    recorded::{input, record, untracked},
};
use crate::{Activation, RunningStatistics};

/// `activation(convolution(x))` without dilation; None if this module does not cover it. `x` is
/// `[batch, channels, height, width]`, `weight`
/// `[channels out, channels / groups, kernel, kernel]`, `bias` `[channels out]`.
pub fn conv2d_act(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    [stride, padding, groups]: [usize; 3],
    activation: Activation,
) -> Option<Tensor<4>> {
    let (stride, padding, groups) = (stride as i64, padding as i64, groups as i64);
    let convolve = |x: &tch::Tensor, weight: &tch::Tensor, bias: Option<&tch::Tensor>| {
        x.conv2d(
            &channels_last(weight),
            bias,
            [stride; 2],
            [padding; 2],
            [1; 2],
            groups,
        )
    };
    if let Some(x) = untracked(x) {
        let bias = match bias {
            Some(bias) => Some(untracked(bias)?.tensor),
            None => None,
        };
        return Some(activated(
            convolve(&x.tensor, &untracked(weight)?.tensor, bias.as_ref()),
            activation,
        ));
    }
    let [x, weight] = [input(x)?, input(weight)?];
    let kernel = channels_last(&weight.tensor().detach());
    let bias = match bias {
        Some(bias) => Some(input(bias)?),
        None => None,
    };
    let y = convolve(
        &x.tensor().detach(),
        &kernel,
        bias.as_ref().map(|bias| bias.tensor().detach()).as_ref(),
    );
    let geometry = [stride, padding, groups];
    let y = match bias {
        None => convolution([x, weight], y, kernel, geometry),
        Some(bias) => convolution([x, weight, bias], y, kernel, geometry),
    };
    Some(activation.forward(y))
}

/// A convolution with kernels of its own for each image,
/// `[batch · channels out, channels / groups, kernel, kernel]`, without dilation; None if this
/// module does not cover it.
pub fn conv2d_each(
    x: &Tensor<4>,
    kernels: &Tensor<4>,
    [stride, padding, groups]: [usize; 3],
) -> Option<Tensor<4>> {
    let (batch, stride, padding, groups) = (
        x.dims()[0] as i64,
        stride as i64,
        padding as i64,
        groups as i64,
    );
    // A GPU rather waits for one convolution than for many.
    if x.device().inner() != Device::libtorch() {
        return None;
    }
    let convolve = |x: &tch::Tensor, kernels: &tch::Tensor| {
        let pairs = x.chunk(batch, 0).into_iter().zip(kernels.chunk(batch, 0));
        let images: Vec<_> = pairs
            .map(|(x, kernel)| {
                x.conv2d(
                    &channels_last(&kernel),
                    None::<tch::Tensor>,
                    [stride; 2],
                    [padding; 2],
                    [1; 2],
                    groups,
                )
            })
            .collect();
        tch::Tensor::cat(&images, 0)
    };
    match untracked(x) {
        Some(x) => Some(tensor(convolve(&x.tensor, &untracked(kernels)?.tensor))),
        None => Some(record([input(x)?, input(kernels)?], |[x, kernels]| {
            convolve(x, kernels)
        })),
    }
}

/// `activation(scale · x + shift)` by channel, off a training device; None if this module does
/// not cover it. `x` is `[batch, channels, height, width]`, `scale` and `shift` are `[channels]`.
pub fn affine_act(
    x: &Tensor<4>,
    scale: &Tensor<1>,
    shift: &Tensor<1>,
    activation: Activation,
) -> Option<Tensor<4>> {
    let [x, scale, shift] =
        [untracked(x)?, untracked(scale)?, untracked(shift)?].map(|found| found.tensor);
    let (mean, variance) = (shift.zeros_like(), shift.ones_like());
    Some(activated(
        x.batch_norm(
            Some(&scale),
            Some(&shift),
            Some(&mean),
            Some(&variance),
            false,
            0.0,
            0.0,
            true,
        ),
        activation,
    ))
}

/// `activation(batch_norm(x))` with the batch's own statistics, and the running ones moved towards
/// those by `momentum`, the weight of the new batch; None if this module does not cover it. `x`
/// is `[batch, channels, height, width]`, `weight` and `bias` are `[channels]`.
pub fn norm_act(
    x: &Tensor<4>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    running: &RunningStatistics,
    [epsilon, momentum]: [f64; 2],
    activation: Activation,
) -> Option<(Tensor<4>, RunningStatistics)> {
    let [batch, channels, height, width] = x.dims();
    // A single value has no unbiased variance.
    if batch * height * width < 2 || channels == 0 {
        return None;
    }
    let inputs = [input(x)?, input(weight)?, input(bias)?];
    let (mean, variance) = (untracked(&running.mean)?, untracked(&running.variance)?);
    let own = own(activation);
    let (output, [mean, variance]) = norm(
        inputs,
        [&mean.tensor, &variance.tensor],
        [epsilon, momentum],
        own,
    );
    let [mean, variance] = [mean, variance].map(tensor);
    let output = if own.is_some() {
        output
    } else {
        activation.forward(output)
    };
    Some((output, RunningStatistics { mean, variance }))
}

fn tensor<const D: usize>(found: tch::Tensor) -> Tensor<D> {
    Tensor::from_primitive::<LibTorch>(TchTensor::new(found))
}

/// The activation of a map that nobody else holds: in place, in one pass over it.
fn activated(mut map: tch::Tensor, activation: Activation) -> Tensor<4> {
    match activation {
        Activation::Silu => tensor(map.silu_()),
        Activation::Relu => tensor(map.relu_()),
        Activation::Relu6 => tensor(map.relu6_()),
        Activation::Hardswish => tensor(map.hardswish_()),
        Activation::Mish => tensor(map.mish_()),
        _ => activation.forward(tensor(map)),
    }
}

/// The activation as LibTorch has it; the rarer ones are left to Burn.
fn own(activation: Activation) -> Option<Activate> {
    let activate = |forward, backward| Some(Activate { forward, backward });
    match activation {
        Activation::Silu => activate(tch::Tensor::silu, |gradient, x| x.silu_backward(gradient)),
        Activation::Relu => activate(tch::Tensor::relu, |gradient, x| {
            x.threshold_backward(gradient, 0.0)
        }),
        Activation::Relu6 => activate(tch::Tensor::relu6, |gradient, x| {
            x.hardtanh_backward(gradient, 0.0, 6.0)
        }),
        Activation::Hardswish => activate(tch::Tensor::hardswish, |gradient, x| {
            x.hardswish_backward(gradient)
        }),
        Activation::Mish => activate(tch::Tensor::mish, |gradient, x| x.mish_backward(gradient)),
        _ => None,
    }
}
