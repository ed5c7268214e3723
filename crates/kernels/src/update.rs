//! What changes parameters after a batch: steps of optimizers, and the moving average.

use burn::tensor::Tensor;

use crate::cpu;

/// The factors of a step of [`sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The L2 penalty's.
    pub weight_decay: f64,
    /// What is kept of the momentum buffer.
    pub momentum: f64,
    /// Learning rate.
    pub lr: f64,
}

/// A parameter and its momentum buffer after a step of stochastic gradient descent with Nesterov momentum,
/// in PyTorch's convention.
///
/// With g = gradient + weight_decay · p and b = momentum · buffer + g, p loses lr · (g + momentum · b).
/// Without a buffer, b is g. All tensors have the parameter's shape and are off the training device.
pub fn sgd<const D: usize>(
    value: Tensor<D>,
    gradient: Tensor<D>,
    buffer: Option<Tensor<D>>,
    by: Sgd,
) -> [Tensor<D>; 2] {
    if cpu::covers([&value, &gradient].into_iter().chain(&buffer)) {
        return cpu::sgd(value, gradient, buffer, by);
    }
    let gradient = match by.weight_decay {
        0.0 => gradient,
        decay => value.clone().mul_scalar(decay) + gradient,
    };
    let buffer = match buffer {
        Some(buffer) => buffer.mul_scalar(by.momentum) + gradient.clone(),
        None => gradient.clone(),
    };
    let step = (buffer.clone().mul_scalar(by.momentum) + gradient).mul_scalar(by.lr);
    [value - step, buffer]
}

/// The factors of a step of [`adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// What is added of the parameter to its gradient: Adam's way of decay.
    pub weight_decay: f64,
    /// What the parameter is multiplied by before the step, 1 for none: AdamW's way.
    pub shrink: f64,
    /// Decays of the averages of gradients and of their squares.
    pub betas: [f64; 2],
    /// What keeps a quotient by a square of zero finite.
    pub epsilon: f64,
    /// Learning rate.
    pub lr: f64,
    /// Steps so far, this one included.
    pub steps: u64,
}

impl Adam {
    /// 1 - βⁿ, of each average: what it lacks because it began at zero.
    pub(crate) fn corrections(&self) -> [f64; 2] {
        self.betas.map(|beta| 1.0 - beta.powf(self.steps as f64))
    }
}

/// A parameter and its two averages, of gradients and of their squares, after a step of Adam or AdamW in
/// PyTorch's convention. Averages that are None are zero.
///
/// Sources: Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov and Hutter 2019,
/// <https://arxiv.org/abs/1711.05101>.
pub fn adam<const D: usize>(
    value: Tensor<D>,
    gradient: Tensor<D>,
    averages: Option<[Tensor<D>; 2]>,
    by: Adam,
) -> [Tensor<D>; 3] {
    if cpu::covers(
        [&value, &gradient]
            .into_iter()
            .chain(averages.iter().flatten()),
    ) {
        return cpu::adam(value, gradient, averages, by);
    }
    let gradient = match by.weight_decay {
        0.0 => gradient,
        decay => gradient + value.clone().mul_scalar(decay),
    };
    let value = match by.shrink {
        1.0 => value,
        shrink => value.mul_scalar(shrink),
    };
    let [beta1, beta2] = by.betas;
    let mut average = gradient.clone().mul_scalar(1.0 - beta1);
    let mut square = gradient.square().mul_scalar(1.0 - beta2);
    if let Some([old_average, old_square]) = averages {
        average = old_average.mul_scalar(beta1) + average;
        square = old_square.mul_scalar(beta2) + square;
    }
    let [correction1, correction2] = by.corrections();
    let scale = square
        .clone()
        .sqrt()
        .div_scalar(correction2.sqrt())
        .add_scalar(by.epsilon);
    let step = (average.clone() / scale).mul_scalar(by.lr / correction1);
    [value - step, average, square]
}

/// The factor of a step of [`moving_average`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    /// What is kept of the average.
    pub decay: f64,
}

/// `average · decay + value · (1 - decay)`; both have the same shape and are off the training device.
pub fn moving_average<const D: usize>(
    average: Tensor<D>,
    value: Tensor<D>,
    decay: f64,
) -> Tensor<D> {
    if cpu::covers([&average, &value].into_iter()) {
        return cpu::moving_average(average, value, decay);
    }
    average.mul_scalar(decay) + value.mul_scalar(1.0 - decay)
}
