//! Counts the multiply-accumulates that really run.

use std::cell::Cell;

thread_local! {
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// What `f` gives, and the multiply-accumulates of the convolutions and matrix products that it ran
/// on this thread, by the shapes of their tensors. Backward passes don't count.
///
/// ```
/// use ablate_kernels::{matmul, multiply_accumulates};
/// use burn::tensor::{Device, Tensor};
///
/// let x = Tensor::<2>::ones([4, 5], &Device::flex());
/// let (y, macs) = multiply_accumulates(|| matmul(x.clone(), x.transpose()));
/// assert_eq!((y.dims(), macs), ([4, 4], 80));
/// ```
pub fn multiply_accumulates<T>(f: impl FnOnce() -> T) -> (T, u64) {
    let outer = COUNTED.replace(Some(0));
    let value = f();
    let counted = COUNTED.replace(outer).unwrap_or(0);
    add(|| counted);
    (value, counted)
}

/// Adds what an operation multiplies and accumulates, if somebody counts.
pub fn add(macs: impl FnOnce() -> u64) {
    if let Some(counted) = COUNTED.get() {
        COUNTED.set(Some(counted + macs()));
    }
}
