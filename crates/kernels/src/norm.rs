//! Batch normalisation, and the activation after it.

use burn::tensor::{Tensor, module::batch_norm_train};

use crate::{
    Activation,
    cpu::{self, Normed},
    libtorch,
};

/// Running statistics of a batch normalisation, `[channels]` each, off the training device.
pub struct RunningStatistics {
    /// Mean of each channel.
    pub mean: Tensor<1>,
    /// Unbiased variance of each channel, as PyTorch keeps it; Burn's own layer keeps the biased
    /// one.
    pub variance: Tensor<1>,
}

/// `activation(batch_norm(x))` in training: with the batch's own statistics, and the running ones
/// moved towards those by `momentum`, the weight of the new batch. `epsilon` is added to the
/// variance.
///
/// `x` is `[batch, channels, height, width]` on a training device, `weight` and `bias` are
/// `[channels]`.
pub fn batch_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    running: RunningStatistics,
    epsilon: f64,
    momentum: f64,
    activation: Activation,
) -> (Tensor<4>, RunningStatistics) {
    let settings = [epsilon, momentum];
    if let Some(done) = libtorch::norm_act(&x, &weight, &bias, &running, settings, activation) {
        return done;
    }
    let [batch, _, height, width] = x.dims();
    let n = (batch * height * width) as f64;
    let unbiased = n / (n - 1.0).max(1.0);
    let (output, mean, variance) = match cpu::norm_act(&x, &weight, &bias, epsilon, activation) {
        Some(Normed {
            output,
            mean,
            variance,
        }) => (output, mean, variance),
        None => {
            let result = batch_norm_train(x, weight, bias, epsilon);
            let [mean, variance] = [result.mean, result.variance].map(|x| x.detach().inner());
            (activation.forward(result.output), mean, variance)
        }
    };
    let blend =
        |running: Tensor<1>, batch: Tensor<1>| running * (1.0 - momentum) + batch * momentum;
    let running = RunningStatistics {
        mean: blend(running.mean, mean),
        variance: blend(running.variance, variance * unbiased),
    };
    (output, running)
}

/// `activation(scale · x + shift)` by channel, which batch normalisation is at inference.
///
/// `x` is `[batch, channels, height, width]`, `scale` and `shift` are `[channels]`.
pub fn scale_shift(
    x: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    activation: Activation,
) -> Tensor<4> {
    let own = cpu::affine_act(&x, &scale, &shift, activation)
        .or_else(|| libtorch::affine_act(&x, &scale, &shift, activation));
    own.unwrap_or_else(|| {
        let [scale, shift] = [scale, shift].map(|values| values.reshape([1, -1, 1, 1]));
        activation.forward(x * scale + shift)
    })
}
