//! Pooling over windows.

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

/// The shape that [`FeatureMap::smoothed`] gives.
pub(super) fn smoothed(x: Shape) -> Shape {
    Shape::new(x.c, x.h.saturating_sub(1), x.w.saturating_sub(1))
}
