//! Maps with the channels of a place side by side.

use burn::tensor::Tensor;

use crate::cpu;

/// `[batch, groups, channels, height, width]` to `[batch, groups, height, width, channels]`.
///
/// On the CPU's training device all threads copy, there and back; elsewhere it is a view. Differentiable on a
/// training device.
pub fn channels_last(x: Tensor<5>) -> Tensor<5> {
    cpu::channels_last(&x).unwrap_or_else(|| x.permute([0, 1, 3, 4, 2]))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::compare::{random, weighted_sum};

    /// The same elements as those of a view, and the same gradient.
    #[test]
    fn copies_are_what_views_show() {
        let device = Device::flex().autodiff();
        for shape in [[2, 3, 7, 5, 6], [1, 1, 40, 3, 11], [3, 1, 1, 1, 1]] {
            let x = random(shape, &device);
            let [found, expected] = [channels_last(x.clone()), x.clone().permute([0, 1, 3, 4, 2])];
            found.to_data().assert_eq(&expected.to_data(), true);
            let [found, expected] =
                [found, expected].map(|y| x.grad(&weighted_sum(y).backward()).expect("wanted"));
            found.to_data().assert_eq(&expected.to_data(), true);
        }
    }
}
