//! Pooling over windows.

use burn::tensor::Tensor;

use crate::{inference::FeatureMap, shape::Shape};

/// The largest value of each window of an odd side, the window in the middle of what it reads.
pub(super) fn max_pool<M: FeatureMap>(x: M, kernel: usize, stride: usize) -> M {
    x.max_pooled(kernel, stride, kernel / 2)
}

/// A map and what `times` max pools of stride 1 make of it one after another, by channel.
pub(super) fn pyramid<M: FeatureMap>(x: M, kernel: usize, times: usize) -> M {
    let mut steps = vec![x];
    for step in 0..times {
        steps.push(max_pool(steps[step].clone(), kernel, 1));
    }
    M::concatenated(steps)
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
