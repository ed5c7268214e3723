//! The matrix product.

use burn::tensor::Tensor;

use crate::count;

/// `[…, m, k]` times `[…, k, n]`, gives `[…, m, n]`.
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let k = a.dims()[D - 1];
    let y = a.matmul(b);
    count::add(|| (y.shape().num_elements() * k) as u64);
    y
}
