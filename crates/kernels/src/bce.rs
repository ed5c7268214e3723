//! Binary cross-entropy on logits.

use burn::tensor::{Tensor, activation::log_sigmoid};

use crate::cpu;

/// `-(p·t·log σ(x) + (1 - t)·log σ(-x))`, element by element.
///
/// `logits` x and `targets` t, in 0..=1, have the same shape, the result's; `positive_weight` is p.
/// As `log σ(x) = x + log σ(-x)`, one logarithm does, and with that of `-x` the loss of an easy
/// negative, which most cells are, keeps all its digits. Differentiable on a training device.
pub fn bce_with_logits<const D: usize>(
    logits: Tensor<D>,
    targets: Tensor<D>,
    positive_weight: f32,
) -> Tensor<D> {
    if let Some(loss) = cpu::bce_with_logits(&logits, &targets, positive_weight) {
        return loss;
    }
    let negative = log_sigmoid(logits.clone().neg());
    let log_likelihood = if positive_weight == 1.0 {
        negative + targets * logits
    } else {
        let weight = targets
            .clone()
            .mul_scalar(positive_weight - 1.0)
            .add_scalar(1.0);
        weight * negative + targets.mul_scalar(positive_weight) * logits
    };
    log_likelihood.neg()
}
