//! The pure-Rust CPU backend's own operations: in training convolution, batch normalisation with its
//! activation, biases, pooling, and maps joined, cut and rearranged, each as one that knows its gradient; at
//! inference convolution with shift and activation. And binary cross-entropy, of as many elements as all boxes
//! have classes, and what an optimizer does to all parameters.
//!
//! Burn composes these of general steps, most of them on one thread, and takes a convolution's
//! weight gradient by a convolution whose kernel is a whole map. That is right everywhere and slow
//! here. What this module does not cover - another device, another element type, a dilated kernel -
//! it leaves to Burn.

mod autodiff;
mod bce;
mod bias;
mod channels;
mod channels_last;
mod columns;
mod conv;
mod curve;
mod depthwise;
mod matrix;
mod max_pool;
mod method;
mod norm;
mod update;
mod vector;

pub use autodiff::{Normed, affine_act, conv2d, conv2d_act, elements, norm_act, own};
pub use bce::{bce_with_logits, bce_with_logits_sum};
pub use bias::add_bias;
pub use channels::{channels, concatenated};
pub use channels_last::channels_last;
pub use max_pool::max_pool2d;
pub use update::{adam, covers, moving_average, sgd};

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Work that is worth a task of its own, in elements that are read, changed by a sum or a product, and
/// written.
const GRAIN: usize = 1 << 14;

/// An activation or its slope is so many times the work of a sum.
const CURVE: usize = 4;

/// Multiply-accumulates of a matrix product that are the work of a sum in memory.
const PRODUCTS: usize = 8;

/// `f` of each of `count` parts, each of so much work, in order.
fn map_parts<T: Send>(count: usize, work: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    (0..count)
        .into_par_iter()
        .with_min_len(GRAIN.div_ceil(work.max(1)))
        .map(f)
        .collect()
}

/// `len` elements made part by part, each of `part` elements or what is left, each element of so much
/// `work`: `f` is given the part's number and the part, all zeros.
fn filled(
    len: usize,
    part: usize,
    work: usize,
    f: impl Fn(usize, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    map_filled(len, part, work, f).0
}

/// The same, and what `f` gives of each part, in order. Parts are cleared one by one by the thread that
/// fills them: memory that is cleared at once has left the cache before it is filled.
fn map_filled<T: Send>(
    len: usize,
    part: usize,
    work: usize,
    f: impl Fn(usize, &mut [f32]) -> T + Sync + Send,
) -> (Vec<f32>, Vec<T>) {
    let mut out = Vec::with_capacity(len);
    let found = parts(&mut out.spare_capacity_mut()[..len], part, work)
        .map(|(number, part)| f(number, cleared(part)))
        .collect();
    // SAFETY: the parts are all of the memory, and each has been cleared.
    #[allow(unsafe_code)]
    unsafe {
        out.set_len(len);
    }
    (out, found)
}

fn cleared(memory: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    memory.fill(MaybeUninit::new(0.0));
    // SAFETY: every element has just been written.
    #[allow(unsafe_code)]
    unsafe {
        memory.assume_init_mut()
    }
}

/// Changes elements part by part, each of `len`.
fn change_parts(out: &mut [f32], len: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    parts(out, len, 1).for_each(|(part, out)| f(part, out));
}

fn parts<T: Send>(
    out: &mut [T],
    len: usize,
    work: usize,
) -> impl IndexedParallelIterator<Item = (usize, &mut [T])> {
    out.par_chunks_mut(len.max(1))
        .with_min_len(GRAIN.div_ceil((len * work).max(1)))
        .enumerate()
}

#[cfg(test)]
mod tests;
