//! For tests of this crate's own operations: they are held against Burn's.

use burn::tensor::{Device, Distribution, Tensor, Tolerance};

/// Uniform within ±1, and wanted a gradient of.
pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device).require_grad()
}

/// Equal within a share of the value, or that much where it is small.
#[track_caller]
pub fn assert_close<const D: usize>(
    found: Tensor<D>,
    expected: Tensor<D>,
    tolerance: f64,
    what: &str,
) {
    println!("{what}");
    found.into_data().assert_approx_eq::<f32>(
        &expected.into_data(),
        Tolerance::rel_abs(tolerance, tolerance),
    );
}

/// Sums the elements with weights that differ, so that no gradient is hidden by symmetry. The sum
/// before it could be made in place.
pub fn weighted_sum<const D: usize>(y: Tensor<D>) -> Tensor<1> {
    let n = y.shape().num_elements();
    let weights: Vec<f32> = (0..n)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0)
        .collect();
    let device = y.device();
    (y.add_scalar(1.0).reshape([n]) * Tensor::<1>::from_floats(weights.as_slice(), &device)).sum()
}
