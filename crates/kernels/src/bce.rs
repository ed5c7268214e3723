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

/// The sum of [`bce_with_logits`] over all elements, `[1]`.
pub fn bce_with_logits_sum<const D: usize>(
    logits: Tensor<D>,
    targets: Tensor<D>,
    positive_weight: f32,
) -> Tensor<1> {
    cpu::bce_with_logits_sum(&logits, &targets, positive_weight)
        .unwrap_or_else(|| bce_with_logits(logits, targets, positive_weight).sum())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::compare::{assert_close, random};

    /// Of more elements than a thread takes at once.
    #[test]
    fn the_sum_is_that_of_all_elements() {
        let device = Device::flex().autodiff();
        device.seed(9);
        let (logits, targets) = (random([3, 5001], &device), random([3, 5001], &device));
        let found = bce_with_logits_sum(logits.clone(), targets.clone(), 1.7);
        let expected = bce_with_logits(logits.clone(), targets.clone(), 1.7).sum();
        assert_close(found.clone().inner(), expected.clone().inner(), 1e-5, "sum");
        let [found, expected] = [found, expected].map(|sum| (sum * 0.3).backward());
        for of in [&logits, &targets] {
            let [found, expected] = [&found, &expected].map(|all| of.grad(all).expect("wanted"));
            assert_close(found, expected, 1e-6, "gradient");
        }
    }
}
