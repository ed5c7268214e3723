//! To the basis in which a tile's convolution is products, and back.

use crate::simd::Simd;

/// Numbers of a tile's inputs, and products.
pub const SPOTS: usize = 16;

/// A kernel in the basis: G · g · Gᵀ.
pub fn transformed(kernel: [f64; 9]) -> [f64; SPOTS] {
    let along = |[a, b, c]: [f64; 3]| [a, (a + b + c) / 2.0, (a - b + c) / 2.0, c];
    let rows: [[f64; 4]; 3] = std::array::from_fn(|y| along([0, 1, 2].map(|x| kernel[3 * y + x])));
    let columns: [[f64; 4]; 4] = std::array::from_fn(|x| along([0, 1, 2].map(|y| rows[y][x])));
    std::array::from_fn(|spot| columns[spot % 4][spot / 4])
}

/// Four vectors, each a step after the one before.
///
/// # Safety
/// All can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn four<S: Simd>(at: *const f32, step: usize) -> [S; 4] {
    // SAFETY: by the caller.
    unsafe {
        [
            S::load(at),
            S::load(at.add(step)),
            S::load(at.add(2 * step)),
            S::load(at.add(3 * step)),
        ]
    }
}

/// Bᵀ of a row or a column of inputs.
#[inline(always)]
pub fn to_basis<S: Simd>([a, b, c, d]: [S; 4]) -> [S; 4] {
    [a.sub(c), b.add(c), c.sub(b), b.sub(d)]
}

/// Aᵀ of a row or a column of products.
#[inline(always)]
pub fn from_basis<S: Simd>([a, b, c, d]: [S; 4]) -> [S; 2] {
    [a.add(b).add(c), b.sub(c).sub(d)]
}
