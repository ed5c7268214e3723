use burn::{
    module::{Module, Param, RunningState},
    tensor::{Tensor, module::batch_norm_train},
};

use super::Activation;
use crate::{
    Initializer,
    cpu::{self, Normed},
    libtorch::{self, Running},
};

/// Added to the variance: what the YOLO families set, where PyTorch's default is 1e-5.
const EPSILON: f64 = 1e-3;
/// Weight of the new batch in the running statistics; PyTorch's default is 0.1.
const MOMENTUM: f64 = 0.03;

/// Batch normalisation over `[batch, channels, height, width]` in PyTorch's conventions: on a training device with the
/// batch's own statistics, the running variance being the unbiased one; elsewhere, and where its weight is frozen, with the running ones.
///
/// Burn's own layer keeps the biased variance, and its names are not those of a PyTorch state dict.
#[derive(Module, Debug)]
pub struct BatchNorm2d {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
}

impl BatchNorm2d {
    /// Weight 1, bias 0, running mean 0, running variance 1.
    pub fn new(channels: usize, init: &Initializer) -> Self {
        Self {
            weight: init.constant([channels], 1.0),
            bias: init.constant([channels], 0.0),
            running_mean: RunningState::new(Tensor::zeros([channels], init.device())),
            running_var: RunningState::new(Tensor::ones([channels], init.device())),
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_activated(x, Activation::Identity)
    }

    /// The same, and an activation after it.
    pub fn forward_activated(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        match x.device().is_autodiff() && self.weight.is_require_grad() {
            true => self.forward_training(x, activation),
            false => {
                let (scale, shift) = self.affine();
                let channels = scale.dims()[0];
                let fused = cpu::affine_act(&x, &scale, &shift, activation)
                    .or_else(|| libtorch::affine_act(&x, &scale, &shift, activation));
                fused.unwrap_or_else(|| {
                    activation.forward(
                        x * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1]),
                    )
                })
            }
        }
    }

    fn forward_training(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let n = (batch * height * width) as f64;
        let unbiased = n / (n - 1.0).max(1.0);
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let [mean, variance] =
            [&self.running_mean, &self.running_var].map(|running| running.value_sync().inner());
        let running = Running { mean, variance };
        let moved = libtorch::norm_act(
            &x,
            &weight,
            &bias,
            &running,
            [EPSILON, MOMENTUM],
            activation,
        );
        if let Some((output, Running { mean, variance })) = moved {
            self.running_mean.update(Tensor::from_inner(mean));
            self.running_var.update(Tensor::from_inner(variance));
            return output;
        }
        let (output, mean, variance) = match cpu::norm_act(&x, &weight, &bias, EPSILON, activation)
        {
            Some(Normed {
                output,
                mean,
                variance,
            }) => (output, mean, variance),
            None => {
                let result = batch_norm_train(x, weight, bias, EPSILON);
                (
                    activation.forward(result.output),
                    result.mean.detach().inner(),
                    result.variance.detach().inner(),
                )
            }
        };
        self.running_mean.update(blend(running.mean, mean));
        self.running_var
            .update(blend(running.variance, variance * unbiased));
        output
    }

    /// What the layer does at inference, as `y = scale · x + shift` by channel: both `[channels]`, in the weights' float format.
    pub fn affine(&self) -> (Tensor<1>, Tensor<1>) {
        let weight = self.weight.val();
        let [mean, variance] = [&self.running_mean, &self.running_var].map(|running| {
            let running = running.value_sync();
            if running.dtype() == weight.dtype() {
                running
            } else {
                running.cast(weight.dtype())
            }
        });
        let scale = weight / (variance + EPSILON).sqrt();
        let shift = self.bias.val() - mean * scale.clone();
        (scale, shift)
    }
}

/// A running statistic, moved towards that of the batch.
fn blend(running: Tensor<1>, batch: Tensor<1>) -> Tensor<1> {
    Tensor::from_inner(running * (1.0 - MOMENTUM) + batch * MOMENTUM)
}
