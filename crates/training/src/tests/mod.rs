//! The engine on networks small enough to follow.

#[cfg(feature = "tch")]
mod amp;
mod ema;
mod musgd;
mod optimizer;
mod packages;
mod pending;
mod recipe;
mod trainer;

use burn::Tensor;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= 1e-6 * b.abs().max(1.0),
            "{found:?} instead of {expected:?}"
        );
    }
}
