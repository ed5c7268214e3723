//! Dense convolutions of maps in PyTorch's order, `[batch, channels, height, width]`, and their
//! gradients, as training needs them.
//!
//! A thread takes some images, or some lines of one, and writes their pixels into memory of its own,
//! each pixel's channels side by side, zeros around ([`maps`]). A convolution is then a sum over a few
//! runs of neighbouring numbers for each output pixel, some pixels and some vectors of output channels
//! at a time, in registers ([`forward`]). The gradient of the inputs is such convolutions, too: one for each
//! place that a pixel can have between the steps of the kernel ([`window`]).

mod backward;
mod forward;
mod maps;
mod panels;
mod share;
mod source;
mod window;

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    shared::Shared,
    simd::{Isa, dispatch},
};
use backward::{Backward, Part, Sums};
use forward::Forward;
use panels::{Panels, Weights};
use share::Share;
use source::with_scratch;
use window::{Pass, Window};

/// Sizes of a convolution with a square kernel, in one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub c_in: usize,
    /// Channels of the output.
    pub c_out: usize,
    /// Height of the input.
    pub height: usize,
    /// Width of the input.
    pub width: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
}

impl Dense {
    /// The output, `[batch, c_out, …, …]`, of `x`, `[batch, c_in, height, width]`, and `weight`,
    /// `[c_out, c_in, kernel, kernel]`.
    ///
    /// # Panics
    /// If a size but the batch is 0, the kernel is larger than the input with its zeros, a length is not that of
    /// its shape, or the machine lacks the instructions.
    pub fn forward(&self, isa: Isa, x: &[f32], weight: &[f32]) -> Vec<f32> {
        self.check();
        assert_eq!(x.len(), self.inputs(), "inputs");
        assert_eq!(weight.len(), self.weights(), "weights");
        let pass = Pass {
            batch: self.batch,
            c_in: self.c_in,
            c_out: self.c_out,
            from: [self.height, self.width],
            to: self.output_sides(),
            step_from: self.stride,
            step_to: 1,
        };
        let window = Window {
            offset: [-(self.padding as isize); 2],
            taps: [self.kernel; 2],
            first: [0; 2],
        };
        let area = self.kernel * self.kernel;
        let weights = Weights {
            floats: weight,
            out: self.c_in * area,
            channel: area,
            taps: (0..area).collect(),
            columns: self.kernel,
        };
        convolve(isa, &pass, &[window], &[weights], x)
    }

    /// The gradient of the input, `[batch, c_in, height, width]`, given that of the output.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn input_gradient(&self, isa: Isa, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.check();
        assert_eq!(gradient.len(), self.outputs(), "gradient");
        assert_eq!(weight.len(), self.weights(), "weights");
        let pass = Pass {
            batch: self.batch,
            c_in: self.c_out,
            c_out: self.c_in,
            from: self.output_sides(),
            to: [self.height, self.width],
            step_from: 1,
            step_to: self.stride,
        };
        let (k, s) = (self.kernel, self.stride);
        let [tall, wide] = [self.height, self.width].map(|side| side.min(s));
        let places = (0..tall).flat_map(|y| (0..wide).map(move |x| [y, x]));
        let windows: Vec<Window> = places
            .map(|first| Window::of_gradient(first, k, s, self.padding))
            .collect();
        let weights: Vec<Weights> = windows
            .iter()
            .map(|window| {
                // The taps that meet such a pixel, the last first.
                let [rows, columns] = [0, 1].map(|axis| {
                    let first = (window.first[axis] + self.padding) % s;
                    (0..window.taps[axis])
                        .rev()
                        .map(move |number| first + s * number)
                });
                Weights {
                    floats: weight,
                    out: k * k,
                    channel: self.c_in * k * k,
                    taps: rows
                        .flat_map(|y| columns.clone().map(move |x| y * k + x))
                        .collect(),
                    columns: window.taps[1],
                }
            })
            .collect();
        convolve(isa, &pass, &windows, &weights, gradient)
    }

    /// The gradient of the weights, `[c_out, c_in, kernel, kernel]`, given that of the output. The
    /// threads share output channels, or pixels, whose sums are then added in order: its digits depend on how
    /// many threads there are, not on which is faster.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn weight_gradient(&self, isa: Isa, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.check();
        assert_eq!(
            (x.len(), gradient.len()),
            (self.inputs(), self.outputs()),
            "inputs and gradient"
        );
        let threads = rayon::current_num_threads();
        let share = Share::new(
            self.batch,
            self.output_sides(),
            self.c_in * self.stride.min(self.kernel).pow(2) + self.c_out,
            threads,
        );
        let sums = Sums::new(isa, self);
        let parts: Vec<Part> = self
            .parts(sums.groups(), share.chunks(), threads)
            .into_par_iter()
            .map(|[groups, chunks]| {
                let mut found = vec![0.0; sums.len(groups.clone())];
                for chunk in chunks {
                    with_scratch(|scratch| {
                        let backward = Backward {
                            of: self,
                            sums: &sums,
                            groups: groups.clone(),
                            chunk: share.chunk(chunk),
                            x,
                            gradient,
                            found: &mut found,
                            scratch,
                        };
                        dispatch(isa, backward);
                    });
                }
                Part {
                    groups,
                    sums: found,
                }
            })
            .collect();
        let mut found = vec![0.0; self.weights()];
        let row = self.c_in * self.kernel * self.kernel;
        let mut rest = &mut found[..];
        let groups: Vec<&mut [f32]> = sums
            .channels(self.c_out)
            .map(|channels| {
                rest.split_off_mut(..channels.len() * row)
                    .expect("so many weights")
            })
            .collect();
        groups
            .into_par_iter()
            .enumerate()
            .for_each(|(number, found)| sums.add_up(&parts, number, found));
        found
    }

    /// How threads share the gradient of the weights: groups of output channels and chunks of pixels of each.
    /// Sums of all channels for each thread cost more than pixels that each of them copies, where the maps are
    /// small.
    fn parts(&self, groups: usize, chunks: usize, threads: usize) -> Vec<[Range<usize>; 2]> {
        let split = |all: usize, parts: usize| {
            (0..parts).map(move |part| part * all / parts..(part + 1) * all / parts)
        };
        let rounds = groups.div_ceil(threads);
        let is_even = rounds * threads * 4 <= groups * 5;
        match is_even && self.inputs() < self.weights() {
            true => split(groups, threads.min(groups))
                .map(|groups| [groups, 0..chunks])
                .collect(),
            false => split(chunks, threads.min(chunks))
                .map(|chunks| [0..groups, chunks])
                .collect(),
        }
    }

    /// Refuses sizes that are of no convolution, or of no memory.
    fn check(&self) {
        let sides = [self.height, self.width];
        let sizes = [self.c_in, self.c_out, self.kernel, self.stride];
        assert!(
            !sides.contains(&0) && !sizes.contains(&0),
            "a size is 0: {self:?}"
        );
        let fits = |side: usize| {
            let padded = self.padding.checked_mul(2)?.checked_add(side)?;
            padded.checked_sub(self.kernel)
        };
        assert!(
            sides.into_iter().all(|side| fits(side).is_some()),
            "the kernel is larger than its input: {self:?}"
        );
        let [tall, wide] = self.output_sides();
        let product = |sizes: &[usize]| {
            sizes
                .iter()
                .try_fold(1, |product: usize, size| product.checked_mul(*size))
        };
        let products = [
            product(&[self.batch, self.c_in, self.height, self.width]),
            product(&[self.batch, self.c_out, tall, wide]),
            product(&[self.c_out, self.c_in, self.kernel, self.kernel]),
            product(&[self.stride, self.stride, self.c_in.max(self.c_out)]),
        ];
        assert!(products.iter().all(Option::is_some), "too large: {self:?}");
    }

    fn output_sides(&self) -> [usize; 2] {
        [self.height, self.width]
            .map(|side| (side + 2 * self.padding - self.kernel) / self.stride + 1)
    }

    fn inputs(&self) -> usize {
        self.batch * self.c_in * self.height * self.width
    }

    fn outputs(&self) -> usize {
        self.batch * self.c_out * self.output_sides().iter().product::<usize>()
    }

    fn weights(&self) -> usize {
        self.c_out * self.c_in * self.kernel * self.kernel
    }
}

/// All windows of a pass over a map.
fn convolve(
    isa: Isa,
    pass: &Pass,
    windows: &[Window],
    weights: &[Weights],
    from: &[f32],
) -> Vec<f32> {
    let panels = Panels::all(isa, [pass.c_in, pass.c_out], weights);
    let lines = pass.to.map(|side| side.div_ceil(pass.step_to));
    let read = pass.c_in * pass.step_from.pow(2);
    let share = Share::new(pass.batch, lines, read, rayon::current_num_threads());
    let len = pass.batch * pass.c_out * pass.to[0] * pass.to[1];
    let mut to = Vec::with_capacity(len);
    let out = Shared::new(&mut to.spare_capacity_mut()[..len]);
    (0..share.chunks()).into_par_iter().for_each(|number| {
        with_scratch(|scratch| {
            let forward = Forward {
                pass,
                windows,
                panels: &panels,
                chunk: share.chunk(number),
                from,
                to: &out,
                scratch,
            };
            dispatch(isa, forward);
        });
    });
    // SAFETY: the chunks have written every row of the output, by all windows every pixel of it.
    #[allow(unsafe_code)]
    unsafe {
        to.set_len(len);
    }
    to
}

#[cfg(test)]
pub mod sums;
#[cfg(test)]
mod tests;
