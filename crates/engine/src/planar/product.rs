//! The products of one spot: matrices whose columns are tiles.

use crate::simd::Simd;

/// Vectors of tiles at a time, and rows: with what is multiplied they fill sixteen registers.
pub const VECTORS: usize = 2;
pub const GROUP: usize = 6;

/// Rows of either side at a time where tiles are summed over.
pub const SUMMED: usize = 4;
pub const COLUMNS: usize = 3;

/// `out[o][t] = Σ kernels[o][c] · inputs[c][t]`, for `tiles` tiles, in whole steps of vectors. Kernels
/// are by group of output channels and input channel; a matrix is its elements and the step between
/// its rows.
#[inline(always)]
#[allow(unsafe_code)]
pub fn products<S: Simd>(
    kernels: &[f32],
    channels: usize,
    (inputs, input_step): (&[f32], usize),
    (out, out_step): (&mut [f32], usize),
    tiles: usize,
) {
    let groups = kernels.len() / (channels * GROUP).max(1);
    assert!(tiles.is_multiple_of(VECTORS * S::LANES));
    assert!(tiles <= input_step && channels * input_step <= inputs.len());
    assert!(tiles <= out_step && groups * GROUP * out_step <= out.len());
    for tile in (0..tiles).step_by(VECTORS * S::LANES) {
        for group in 0..groups {
            // SAFETY: by the assertions, all rows of the matrices are within their slices, and the
            // vectors within the rows; there are kernels for all groups by how they are counted.
            unsafe {
                let mut sums = [[S::splat(0.0); VECTORS]; GROUP];
                let mut at = inputs.as_ptr().add(tile);
                let mut kernel = kernels.as_ptr().add(group * channels * GROUP);
                for _ in 0..channels {
                    let x: [S; VECTORS] = std::array::from_fn(|v| S::load(at.add(v * S::LANES)));
                    for (o, sums) in sums.iter_mut().enumerate() {
                        let factor = S::broadcast(kernel.add(o));
                        for (sum, x) in sums.iter_mut().zip(x) {
                            *sum = x.mul_add(factor, *sum);
                        }
                    }
                    at = at.wrapping_add(input_step);
                    kernel = kernel.add(GROUP);
                }
                let to = out.as_mut_ptr().add(group * GROUP * out_step + tile);
                for (o, sums) in sums.into_iter().enumerate() {
                    for (v, sum) in sums.into_iter().enumerate() {
                        sum.store(to.add(o * out_step + v * S::LANES));
                    }
                }
            }
        }
    }
}

/// `sums[o][c] += Σ left[o][t] · right[c][t]` over `tiles` tiles. A matrix is its elements, the step
/// between its rows, and how many times [`SUMMED`] or [`COLUMNS`] rows it has.
#[inline(always)]
#[allow(unsafe_code)]
pub fn add_products<S: Simd>(
    (left, left_step, groups): (&[f32], usize, usize),
    (right, right_step, columns): (&[f32], usize, usize),
    tiles: usize,
    sums: &mut [f32],
) {
    assert!(tiles.is_multiple_of(S::LANES));
    assert!(tiles <= left_step && groups * SUMMED * left_step <= left.len());
    assert!(tiles <= right_step && columns * COLUMNS * right_step <= right.len());
    let row = columns * COLUMNS;
    for group in 0..groups {
        for column in 0..columns {
            let mut all = [[S::splat(0.0); COLUMNS]; SUMMED];
            for tile in (0..tiles).step_by(S::LANES) {
                // SAFETY: by the assertions, all rows of the matrices are within their slices, and
                // the vectors within the rows.
                unsafe {
                    let left = left.as_ptr().add(group * SUMMED * left_step + tile);
                    let right = right.as_ptr().add(column * COLUMNS * right_step + tile);
                    let x: [S; COLUMNS] =
                        std::array::from_fn(|c| S::load(right.add(c * right_step)));
                    for (o, all) in all.iter_mut().enumerate() {
                        let factor = S::load(left.add(o * left_step));
                        for (sum, x) in all.iter_mut().zip(x) {
                            *sum = x.mul_add(factor, *sum);
                        }
                    }
                }
            }
            for (o, all) in all.into_iter().enumerate() {
                let to = &mut sums[(group * SUMMED + o) * row + column * COLUMNS..][..COLUMNS];
                for (to, sum) in to.iter_mut().zip(all) {
                    *to += sum.sum();
                }
            }
        }
    }
}
