//! The largest numbers of windows.

use burn::tensor::{Tensor, module, ops::MaxPoolOptions};

use crate::cpu;

/// The largest number of each square window of `[batch, channels, height, width]`; nothing around the map is one.
///
/// On the CPU's training device lines first, then columns. Differentiable on a training device: the gradient is
/// that of the first of equal numbers.
pub fn max_pool2d(x: Tensor<4>, kernel: usize, stride: usize, padding: usize) -> Tensor<4> {
    cpu::max_pool2d(&x, kernel, stride, padding).unwrap_or_else(|| {
        let options = MaxPoolOptions::new([kernel; 2])
            .with_stride([stride; 2])
            .with_padding([padding; 2]);
        module::max_pool2d(x, options)
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::compare::{random, weighted_sum};

    fn burns(x: Tensor<4>, [kernel, stride, padding]: [usize; 3]) -> Tensor<4> {
        let options = MaxPoolOptions::new([kernel; 2])
            .with_stride([stride; 2])
            .with_padding([padding; 2]);
        module::max_pool2d(x, options)
    }

    #[track_caller]
    fn assert_burns(x: &Tensor<4>, window: [usize; 3]) {
        let [kernel, stride, padding] = window;
        let [found, expected] = [
            max_pool2d(x.clone(), kernel, stride, padding),
            burns(x.clone(), window),
        ];
        found.to_data().assert_eq(&expected.to_data(), true);
        let [found, expected] =
            [found, expected].map(|y| x.grad(&weighted_sum(y).backward()).expect("wanted"));
        found.to_data().assert_eq(&expected.to_data(), true);
    }

    #[test]
    fn windows_are_burns() {
        let device = Device::flex().autodiff();
        for (shape, window) in [
            ([2, 3, 5, 5], [5, 1, 2]),
            ([1, 2, 9, 14], [3, 2, 1]),
            ([2, 1, 6, 4], [2, 2, 0]),
            ([1, 4, 3, 2], [9, 1, 4]),
            ([3, 2, 8, 7], [2, 1, 0]),
            ([1, 1, 7, 20], [13, 3, 6]),
        ] {
            assert_burns(&random(shape, &device), window);
        }
    }

    /// Of equal numbers the first is taken, of several that are none the last, as by Burn.
    #[test]
    fn ties_and_what_is_no_number_are_burns() {
        let device = Device::flex().autodiff();
        for numbers in [
            [0.0f32; 16],
            [f32::NEG_INFINITY; 16],
            std::array::from_fn(|i| (i % 3) as f32),
        ] {
            let data = TensorData::new(numbers.to_vec(), [1, 1, 4, 4]);
            assert_burns(&Tensor::from_data(data, &device).require_grad(), [3, 1, 1]);
        }
        let mut numbers = [1.0f32; 16];
        (numbers[5], numbers[6], numbers[9]) = (f32::NAN, f32::NAN, 7.0);
        let x = Tensor::from_data(TensorData::new(numbers.to_vec(), [1, 1, 4, 4]), &device);
        let [found, expected] = [max_pool2d(x.clone(), 3, 1, 1), burns(x, [3, 1, 1])];
        let nans = |y: Tensor<4>| y.is_nan().into_data();
        assert_eq!(nans(found), nans(expected));
    }
}
