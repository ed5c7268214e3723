//! The operations, each as PyTorch has it.

use burn::backend::{LibTorch, libtorch::TchTensor};
use burn::tensor::Tensor;

use super::{
    Running,
    recorded::{input, plain, record},
};
use crate::blocks::Activation;

/// A convolution without dilation; none where this module does not cover it. `x` is `[batch, channels, height, width]`, `weight`
/// `[channels out, channels / groups, kernel, kernel]`, `bias` `[channels out]`.
pub fn conv2d(x: &Tensor<4>, weight: &Tensor<4>, bias: Option<&Tensor<1>>, [stride, padding, groups]: [usize; 3]) -> Option<Tensor<4>> {
    let (stride, padding, groups) = (stride as i64, padding as i64, groups as i64);
    let convolve = |x: &tch::Tensor, weight: &tch::Tensor, bias: Option<&tch::Tensor>| {
        x.conv2d(weight, bias, [stride; 2], [padding; 2], [1; 2], groups)
    };
    let inputs = [input(x)?, input(weight)?];
    Some(match bias {
        None => record(inputs, |[x, weight]| convolve(x, weight, None)),
        Some(bias) => {
            let [x, weight] = inputs;
            record([x, weight, input(bias)?], |[x, weight, bias]| convolve(x, weight, Some(bias)))
        }
    })
}

/// `activation(batch_norm(x))` with the batch's own statistics, and the running ones moved towards those by `momentum`, the weight of
/// the new batch; none where this module does not cover it. `x` is `[batch, channels, height, width]`, `weight` and `bias` are `[channels]`.
pub fn norm_act(
    x: &Tensor<4>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    running: &Running,
    [epsilon, momentum]: [f64; 2],
    activation: Activation,
) -> Option<(Tensor<4>, Running)> {
    let [batch, channels, height, width] = x.dims();
    // A single value has no unbiased variance.
    if batch * height * width < 2 || channels == 0 {
        return None;
    }
    let inputs = [input(x)?, input(weight)?, input(bias)?];
    // LibTorch changes them in place; the old ones are not ours alone.
    let [mean, variance] = [plain(&running.mean)?.tensor.copy(), plain(&running.variance)?.tensor.copy()];
    let own = own(activation);
    let output = record(inputs, |[x, weight, bias]| {
        let y = x.batch_norm(Some(weight), Some(bias), Some(&mean), Some(&variance), true, momentum, epsilon, true);
        match own {
            Some(activate) => activate(&y),
            None => y,
        }
    });
    let [mean, variance] = [mean, variance].map(|moved| Tensor::from_primitive::<LibTorch>(TchTensor::new(moved)));
    let output = if own.is_some() { output } else { activation.forward(output) };
    Some((output, Running { mean, variance }))
}

/// The activation of a map off a training device, which nobody else holds: in place, in one pass over it. None where this module does not cover it.
pub fn activate(x: &Tensor<4>, activation: Activation) -> Option<Tensor<4>> {
    let activate: fn(&mut tch::Tensor) -> tch::Tensor = match activation {
        Activation::Silu => tch::Tensor::silu_,
        Activation::Relu => tch::Tensor::relu_,
        Activation::Relu6 => tch::Tensor::relu6_,
        Activation::Gelu | Activation::LeakyRelu | Activation::Identity => return None,
    };
    Some(Tensor::from_primitive::<LibTorch>(TchTensor::new(activate(&mut plain(x)?.tensor))))
}

/// The activation as LibTorch has it; the rarer ones are left to Burn.
fn own(activation: Activation) -> Option<fn(&tch::Tensor) -> tch::Tensor> {
    match activation {
        Activation::Silu => Some(tch::Tensor::silu),
        Activation::Relu => Some(tch::Tensor::relu),
        Activation::Relu6 => Some(tch::Tensor::relu6),
        Activation::Gelu | Activation::LeakyRelu | Activation::Identity => None,
    }
}
