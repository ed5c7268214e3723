//! Tensors joined along their second dimension, and a stretch of it: channels of maps, cells of logits.

use burn::tensor::Tensor;

use crate::cpu;

/// Tensors `[batch, channels, …]`, each with channels of its own, as one with all of them.
///
/// On the CPU's training device all threads copy, forward and backward. Differentiable on a training device.
pub fn concatenated<const D: usize>(tensors: Vec<Tensor<D>>) -> Tensor<D> {
    cpu::concatenated(&tensors).unwrap_or_else(|| Tensor::cat(tensors, 1))
}

/// `count` channels of `[batch, channels, …]`, from `first` on.
///
/// On the CPU's training device all threads copy, forward and backward; elsewhere it is a view. Differentiable on
/// a training device.
pub fn channels<const D: usize>(x: Tensor<D>, first: usize, count: usize) -> Tensor<D> {
    cpu::channels(&x, first, count).unwrap_or_else(|| x.narrow(1, first, count))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::compare::{random, weighted_sum};

    /// The same elements as Burn's, and the same gradients.
    #[test]
    fn joined_maps_are_burns() {
        let device = Device::flex().autodiff();
        for channels in [&[3, 5][..], &[1, 2, 3], &[4; 8], &[4; 9], &[2]] {
            let of = |count: &usize| random([3, *count, 7, 7], &device);
            let maps: Vec<_> = channels.iter().map(of).collect();
            // One whose elements lie in order, and others whose don't.
            let laid = || -> Vec<Tensor<4>> {
                let maps = maps.iter().cloned().enumerate();
                let turned = |(i, map): (usize, Tensor<4>)| match i {
                    0 => map,
                    _ => map.swap_dims(2, 3),
                };
                maps.map(turned).collect()
            };
            let [found, expected] = [concatenated(laid()), Tensor::cat(laid(), 1)];
            found.to_data().assert_eq(&expected.to_data(), true);
            let [found, expected] = [found, expected].map(|y| weighted_sum(y).backward());
            for map in &maps {
                let [found, expected] =
                    [&found, &expected].map(|all| map.grad(all).expect("wanted"));
                found.to_data().assert_eq(&expected.to_data(), true);
            }
        }
    }

    /// Each of them has its own share of the gradient.
    #[test]
    fn all_that_is_joined_has_a_gradient() {
        let device = Device::flex().autodiff();
        let rows = [2, 1, 3].map(|count| random([4, count], &device));
        let gradients = |y: Tensor<2>| {
            let all = weighted_sum(y).backward();
            rows.each_ref()
                .map(|x| x.grad(&all).expect("wanted").into_data())
        };
        assert_eq!(
            gradients(concatenated(rows.to_vec())),
            gradients(Tensor::cat(rows.to_vec(), 1))
        );
    }

    /// The gradient of channels that were cut, and of a map that went elsewhere, too.
    #[test]
    fn channels_are_burns() {
        let device = Device::flex().autodiff();
        for (first, count) in [(0, 2), (2, 3), (4, 1), (0, 5)] {
            let x = random([3, 5, 4, 6], &device);
            let gradient = |part: Tensor<4>| {
                let y = Tensor::cat(vec![part, x.clone()], 1);
                x.grad(&weighted_sum(y).backward()).expect("wanted")
            };
            let [found, expected] = [
                channels(x.clone(), first, count),
                x.clone().narrow(1, first, count),
            ];
            found.to_data().assert_eq(&expected.to_data(), true);
            let [found, expected] = [found, expected].map(gradient);
            found.to_data().assert_eq(&expected.to_data(), true);
        }
    }

    /// A map that wants no gradient beside one that does.
    #[test]
    fn a_fixed_map_is_joined() {
        let device = Device::flex().autodiff();
        let x = random([2, 3, 4, 4], &device);
        let fixed = Tensor::ones([2, 1, 4, 4], &device);
        let y = concatenated(vec![fixed, x.clone()]);
        let found = x.grad(&y.sum().backward()).expect("wanted");
        found.to_data().assert_eq(&x.ones_like().to_data(), true);
    }
}
