//! Pooling over windows.

use burn::tensor::{Tensor, module::max_pool2d, ops::MaxPoolOptions};

use crate::shape::Shape;

/// The largest value of each window of an odd side, the window in the middle of what it reads.
pub(super) fn max_pool(x: Tensor<4>, kernel: usize, stride: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([kernel; 2])
        .with_stride([stride; 2])
        .with_padding([kernel / 2; 2]);
    max_pool2d(x, options)
}

/// A map and what `times` max pools of stride 1 make of it one after another, by channel.
pub(super) fn pyramid(x: Tensor<4>, kernel: usize, times: usize) -> Tensor<4> {
    let mut steps = vec![x];
    for step in 0..times {
        steps.push(max_pool(steps[step].clone(), kernel, 1));
    }
    Tensor::cat(steps, 1)
}

/// The mean of each 2×2 window, at every place: a map smaller by one. By sums of slices, which take
/// the CPU backend a fraction of its average pooling's time.
pub(super) fn smooth(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let rows = x.clone().narrow(2, 0, height - 1) + x.narrow(2, 1, height - 1);
    (rows.clone().narrow(3, 0, width - 1) + rows.narrow(3, 1, width - 1)) * 0.25
}

/// The shape that [`smooth`] gives.
pub(super) fn smoothed(x: Shape) -> Shape {
    Shape::new(x.c, x.h.saturating_sub(1), x.w.saturating_sub(1))
}
