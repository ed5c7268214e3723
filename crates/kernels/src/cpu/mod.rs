//! The pure-Rust CPU backend's own operations: in training convolution, and batch normalisation
//! with its activation, each as one that knows its gradient; at inference convolution with shift
//! and activation.
//!
//! Burn composes these of general steps, most of them on one thread, and takes a convolution's
//! weight gradient by a convolution whose kernel is a whole map. That is right everywhere and slow
//! here. What this module does not cover - another device, another element type, a dilated kernel -
//! it leaves to Burn.

mod autodiff;
mod columns;
mod conv;
mod curve;
mod depthwise;
mod matrix;
mod norm;
mod vector;

pub use autodiff::{Normed, affine_act, conv2d, conv2d_act, norm_act};

use rayon::prelude::*;

/// Elements that are worth a task of their own.
const GRAIN: usize = 1 << 14;

/// `f` of each of `count` parts of `len` elements, in order.
fn map_parts<T: Send>(count: usize, len: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    (0..count)
        .into_par_iter()
        .with_min_len(GRAIN.div_ceil(len.max(1)))
        .map(f)
        .collect()
}

/// Fills `out` part by part, each of `len` elements: `f` is given the part's number and the part.
fn fill_parts(out: &mut [f32], len: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    parts(out, len).for_each(|(part, out)| f(part, out));
}

/// The same, and what `f` gives of each part, in order.
fn map_filled<T: Send>(
    out: &mut [f32],
    len: usize,
    f: impl Fn(usize, &mut [f32]) -> T + Sync + Send,
) -> Vec<T> {
    parts(out, len).map(|(part, out)| f(part, out)).collect()
}

fn parts(out: &mut [f32], len: usize) -> impl IndexedParallelIterator<Item = (usize, &mut [f32])> {
    out.par_chunks_exact_mut(len.max(1))
        .with_min_len(GRAIN.div_ceil(len.max(1)))
        .enumerate()
}

#[cfg(test)]
mod tests;
