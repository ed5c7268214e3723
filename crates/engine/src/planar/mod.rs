//! 3×3 convolutions of stride 1 and padding 1 of maps in PyTorch's order, `[batch, channels, height,
//! width]`, and their gradients, as training needs them: all three by the products of
//! [`ops::winograd`](crate::ops::winograd), of which there are 16 in place of 36.
//!
//! The gradient of the inputs is the convolution of the gradient with the kernels turned round. That
//! of the kernels is the adjoint of the convolution: with Y = Aᵀ · (U ∘ V) · A and U = G · g · Gᵀ, it is
//! Gᵀ · (A · dY · Aᵀ ∘ V) · G, summed over all tiles.
//!
//! Tiles side by side are vectors here, not channels: a map's lines are read and written as they are.

mod basis;
mod product;
mod room;

use std::cell::RefCell;

use rayon::prelude::*;

use crate::{
    shared::Shared,
    simd::{Isa, Simd, Task, dispatch},
};
use basis::{Lines, to_kernel, to_kernels};
use product::{COLUMNS, GROUP, SUMMED};
use room::{Chunk, Room, SPOTS};

/// Sizes of a convolution with a 3×3 kernel, stride 1 and one line of zeros around its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planar3x3 {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub c_in: usize,
    /// Channels of the output.
    pub c_out: usize,
    /// Height of the maps.
    pub height: usize,
    /// Width of the maps.
    pub width: usize,
}

impl Planar3x3 {
    /// The output, `[batch, c_out, height, width]`, of `x`, `[batch, c_in, height, width]`, and
    /// `weight`, `[c_out, c_in, 3, 3]`.
    ///
    /// # Panics
    /// If a length is not that of its shape, or the machine lacks the instructions.
    pub fn forward(&self, isa: Isa, x: &[f32], weight: &[f32]) -> Vec<f32> {
        assert_eq!(weight.len(), self.c_out * self.c_in * 9, "weights");
        let row = self.c_in * 9;
        self.convolve(isa, x, |out, channel| {
            std::array::from_fn(|tap| weight[out * row + channel * 9 + tap])
        })
    }

    /// The gradient of the input, `[batch, c_in, height, width]`, given that of the output.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn input_gradient(&self, isa: Isa, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        assert_eq!(weight.len(), self.c_out * self.c_in * 9, "weights");
        let row = self.c_in * 9;
        let back = Self {
            c_in: self.c_out,
            c_out: self.c_in,
            ..*self
        };
        back.convolve(isa, gradient, |out, channel| {
            std::array::from_fn(|tap| weight[channel * row + out * 9 + 8 - tap])
        })
    }

    fn convolve(
        &self,
        isa: Isa,
        x: &[f32],
        kernel: impl Fn(usize, usize) -> [f32; 9] + Sync,
    ) -> Vec<f32> {
        assert_eq!(x.len(), self.inputs(), "inputs");
        let kernels = to_kernels([self.c_out, self.c_in], kernel);
        let room = Room::new(isa, self, 24, [1, GROUP]);
        let mut y = Vec::with_capacity(self.outputs());
        let out = Shared::new(&mut y.spare_capacity_mut()[..self.outputs()]);
        (0..room.chunks()).into_par_iter().for_each(|number| {
            with_scratch(room.len(), |scratch| {
                let forward = Forward {
                    of: self,
                    room: &room,
                    chunk: room.chunk(number),
                    x,
                    kernels: &kernels,
                    y: &out,
                    scratch,
                };
                dispatch(isa, forward);
            })
        });
        // SAFETY: the chunks have written every row of the output, each of them whole.
        #[allow(unsafe_code)]
        unsafe {
            y.set_len(self.outputs());
        }
        y
    }

    /// The gradient of the weights, `[c_out, c_in, 3, 3]`, given that of the output. The threads sum
    /// up shares of the tiles, which are then added in order: its digits depend on how many threads
    /// there are, not on which is faster.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn weight_gradient(&self, isa: Isa, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        assert_eq!(
            (x.len(), gradient.len()),
            (self.inputs(), self.outputs()),
            "inputs and gradient"
        );
        let room = Room::new(isa, self, 192, [COLUMNS, SUMMED]);
        let (chunks, threads) = (room.chunks(), rayon::current_num_threads());
        let shares = threads.min(chunks);
        let (rows, columns) = (room.outputs.rows, room.inputs.rows);
        let shares: Vec<Vec<f32>> = (0..shares)
            .into_par_iter()
            .map(|share| {
                let mut sums = vec![0.0; SPOTS * rows * columns];
                with_scratch(room.len(), |scratch| {
                    for number in share * chunks / shares..(share + 1) * chunks / shares {
                        let backward = Backward {
                            of: self,
                            room: &room,
                            chunk: room.chunk(number),
                            x,
                            gradient,
                            sums: &mut sums,
                            scratch,
                        };
                        dispatch(isa, backward);
                    }
                });
                sums
            })
            .collect();
        let mut found = vec![0.0; self.c_out * self.c_in * 9];
        found
            .par_chunks_exact_mut((self.c_in * 9).max(1))
            .with_min_len(512_usize.div_ceil(self.c_in.max(1)))
            .enumerate()
            .for_each(|(out, found)| {
                let rows: [Vec<f32>; SPOTS] = std::array::from_fn(|spot| {
                    let row = (spot * rows + out) * columns;
                    let mut sum = vec![0.0; self.c_in];
                    for share in &shares {
                        let terms = &share[row..][..self.c_in];
                        sum.iter_mut().zip(terms).for_each(|(sum, x)| *sum += x);
                    }
                    sum
                });
                for (channel, found) in found.as_chunks_mut::<9>().0.iter_mut().enumerate() {
                    *found = to_kernel(std::array::from_fn(|spot| rows[spot][channel]));
                }
            });
        found
    }

    /// The tiles of a chunk's inputs in the basis.
    #[inline(always)]
    fn take_inputs<S: Simd>(
        &self,
        room: &Room,
        chunk: Chunk,
        x: &[f32],
        lines: &mut Lines,
        inputs: &mut [f32],
    ) {
        for channel in 0..self.c_in {
            for run in room.runs(chunk) {
                let plane = (run.image * self.c_in + channel) * self.area();
                let plane = &x[plane..][..self.area()];
                let to = room.inputs.place(channel, run.tile);
                lines.take_inputs::<S>(plane, run.lines, &mut inputs[to..], room.inputs.spots);
            }
        }
    }

    fn inputs(&self) -> usize {
        self.batch * self.c_in * self.area()
    }

    fn outputs(&self) -> usize {
        self.batch * self.c_out * self.area()
    }

    fn area(&self) -> usize {
        self.height * self.width
    }
}

/// Memory of a thread, kept, of any values: it begins at a cache line.
fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < len + 16 {
            scratch.resize(len + 16, 0.0);
        }
        let skip = (scratch.as_ptr() as usize).wrapping_neg() % 64 / 4;
        f(&mut scratch[skip..][..len])
    })
}

/// A chunk's outputs.
struct Forward<'a> {
    of: &'a Planar3x3,
    room: &'a Room,
    chunk: Chunk,
    x: &'a [f32],
    kernels: &'a [f32],
    y: &'a Shared<'a>,
    scratch: &'a mut [f32],
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        let Self { of, room, .. } = self;
        let [inputs, products, lines] = room.split(self.scratch);
        let mut lines = Lines::new(of.height, of.width, lines);
        of.take_inputs::<S>(room, self.chunk, self.x, &mut lines, inputs);
        let groups = of.c_out.div_ceil(GROUP);
        let kernels = self.kernels.chunks_exact(groups * of.c_in * GROUP);
        for (spot, kernels) in kernels.enumerate() {
            product::products::<S>(
                kernels,
                of.c_in,
                (&inputs[spot * room.inputs.spots..], room.inputs.step),
                (
                    &mut products[spot * room.outputs.spots..],
                    room.outputs.step,
                ),
                room.tiles(self.chunk),
            );
        }
        for out in 0..of.c_out {
            for run in room.runs(self.chunk) {
                let plane = (run.image * of.c_out + out) * of.area();
                let from = &products[room.outputs.place(out, run.tile)..];
                lines.give_outputs::<S>(from, room.outputs.spots, run.lines, |row, pixels| {
                    let start = plane + row * of.width;
                    // SAFETY: a chunk's lines of tiles are in no other chunk, so nobody else
                    // writes these rows of pixels; the borrow ends here.
                    let y = unsafe { self.y.part(start, of.width) };
                    pixels.write(y);
                });
            }
        }
    }
}

/// What a chunk adds to the gradient of the kernels in the basis.
struct Backward<'a> {
    of: &'a Planar3x3,
    room: &'a Room,
    chunk: Chunk,
    x: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Task for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { of, room, .. } = self;
        let [inputs, gradients, lines] = room.split(self.scratch);
        let mut lines = Lines::new(of.height, of.width, lines);
        of.take_inputs::<S>(room, self.chunk, self.x, &mut lines, inputs);
        for out in 0..of.c_out {
            for run in room.runs(self.chunk) {
                let plane = (run.image * of.c_out + out) * of.area();
                let plane = &self.gradient[plane..][..of.area()];
                let to = room.outputs.place(out, run.tile);
                let to = &mut gradients[to..];
                lines.take_gradient::<S>(plane, run.lines, to, room.outputs.spots);
            }
        }
        room.clear_rest(self.chunk, &room.inputs, of.c_in, inputs);
        room.clear_rest(self.chunk, &room.outputs, of.c_out, gradients);
        let (rows, columns) = (room.outputs.rows, room.inputs.rows);
        for (spot, sums) in self.sums.chunks_exact_mut(rows * columns).enumerate() {
            product::add_products::<S>(
                (
                    &gradients[spot * room.outputs.spots..],
                    room.outputs.step,
                    rows / SUMMED,
                ),
                (
                    &inputs[spot * room.inputs.spots..],
                    room.inputs.step,
                    columns / COLUMNS,
                ),
                room.tiles(self.chunk),
                sums,
            );
        }
    }
}

#[cfg(test)]
mod tests;
