//! A job of it: some tiles of all channels, to some groups of output channels.

use std::ops::Range;

use super::{
    Spot, Winograd,
    basis::{four, from_basis, to_basis},
};
use crate::{
    activation::WithFunction,
    ops::{
        ending::Ending,
        tile::{Ahead, Part, Place, tile_of_left},
    },
    simd::{Many, Simd, Task},
};

/// See [`Winograd`].
pub struct Job<'a> {
    pub of: &'a Winograd,
    pub memory: *mut f32,
    pub scratch: &'a mut [f32],
    pub tiles: &'a [Spot],
    /// The groups of output blocks that it makes.
    pub groups: Range<usize>,
    /// Whether the tiles are the first.
    pub first: bool,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(mut self) {
        let of = self.of;
        let [first, blocks] = self.blocks();
        if self.first {
            let blocks = first..first + blocks;
            // SAFETY: the planes are this kernel's outputs; their halo is this job's.
            unsafe { of.ending.clear_halo(self.memory, blocks) };
        }
        self.transform::<S>();
        let wide = S::REGISTERS == 32;
        for (group, [_, blocks]) in self.groups.clone().zip(&of.groups[self.groups.clone()]) {
            match blocks {
                4 if S::LANES == 4 => self.products::<S, 4, 6, 3>(group),
                2 if wide => self.products::<S, 2, 12, 6>(group),
                2 => self.products::<S, 2, 6, 3>(group),
                _ => self.products::<S, 1, 12, 6>(group),
            }
        }
        of.ending.activation.with::<Many<S, 4>>(self);
    }
}

impl Job<'_> {
    /// The first output block, and how many there are.
    #[inline(always)]
    fn blocks(&self) -> [usize; 2] {
        let groups = &self.of.groups[self.groups.clone()];
        let [first, _] = groups[0];
        [first, groups.iter().map(|[_, blocks]| blocks).sum()]
    }

    /// Floats of a plane of transformed inputs, or of products.
    #[inline(always)]
    fn plane<S: Simd>(&self) -> usize {
        self.of.table.len() * S::LANES
    }

    /// The inputs in the basis, Bᵀ · d · B.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn transform<S: Simd>(&mut self) {
        let (of, plane) = (self.of, self.plane::<S>());
        for (block, start) in of.inputs.iter().enumerate() {
            for (tile, spot) in self.tiles.iter().enumerate() {
                // SAFETY: pixels of the input's plane and its halo, and below a vector for each
                // spot, block and tile in the scratch memory, which has room for all.
                unsafe {
                    let at = self.memory.add(start + spot.input);
                    let mut rows = [[S::splat(0.0); 4]; 4];
                    for (y, row) in rows.iter_mut().enumerate() {
                        *row = to_basis(four(at.add(y * of.input_row), S::LANES));
                    }
                    let out = self
                        .scratch
                        .as_mut_ptr()
                        .add(block * plane + tile * S::LANES);
                    let [a, b, c, d] = rows;
                    for x in 0..4 {
                        let column = to_basis([a[x], b[x], c[x], d[x]]);
                        for (y, number) in column.into_iter().enumerate() {
                            number.store(out.add((4 * y + x) * of.input_step));
                        }
                    }
                }
            }
        }
    }

    /// The sums of products of one group of blocks.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn products<S: Simd, const BLOCKS: usize, const P: usize, const HALF: usize>(
        &mut self,
        group: usize,
    ) {
        let (of, plane) = (self.of, self.plane::<S>());
        let channels = of.inputs.len() * S::LANES;
        let [first, _] = of.groups[group];
        let [first_of_job, _] = self.blocks();
        let count = self.tiles.len();
        let weights_of = |spot: usize| {
            let from = (spot * of.ending.output.blocks + first) * S::LANES * channels;
            &of.weights.get()[from..][..BLOCKS * S::LANES * channels]
        };
        let zeros = [0.0; 64];
        for (spot, segments) in of.segments.iter().enumerate() {
            let next = match spot + 1 < of.segments.len() {
                true => weights_of(spot + 1),
                false => &[],
            };
            let part = Part {
                segments,
                weights: weights_of(spot).as_ptr(),
                bias: Some(zeros.as_ptr()),
            };
            for (turn, tiles) in (0..count).step_by(P).enumerate() {
                let ahead = Ahead::share(next, segments.len(), (turn, count.div_ceil(P)));
                let table = of.table[tiles..][..P].as_ptr();
                let place = Place {
                    memory: self.scratch.as_mut_ptr(),
                    input: table,
                    output: table,
                    plane: of.products + spot * of.product_step + (first - first_of_job) * plane,
                    step: plane,
                };
                // SAFETY: the table has P entries, by its slice; it and the segments were made for
                // the scratch memory, in which the products come after the inputs; there are
                // weights for all segments, by their slice, and no more than 64 zeros are read.
                unsafe {
                    tile_of_left::<S, BLOCKS, P, HALF, true>(part, ahead, place, count - tiles)
                };
            }
        }
    }
}

impl<S: Simd> WithFunction<Many<S, 4>> for Job<'_> {
    /// The products back from the basis, Aᵀ · m · A; bias, activation, residual.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, function: impl Fn(Many<S, 4>) -> Many<S, 4> + Copy) {
        let (of, plane) = (self.of, self.plane::<S>());
        let Ending {
            output,
            bias,
            residual,
            ..
        } = &of.ending;
        let to = output.geometry;
        let [first, blocks] = self.blocks();
        for block in first..first + blocks {
            let products = of.products + (block - first) * plane;
            for (tile, spot) in self.tiles.iter().enumerate() {
                // SAFETY: a vector for each spot, block and tile in the scratch memory; pixels of
                // the output's plane, and of the residual's, which was made for this memory too.
                unsafe {
                    let at = self.scratch.as_ptr().add(products + tile * S::LANES);
                    let mut rows = [[S::splat(0.0); 2]; 4];
                    for (y, row) in rows.iter_mut().enumerate() {
                        let at = at.add(4 * y * of.product_step);
                        *row = from_basis(four(at, of.product_step));
                    }
                    let [a, b, c, d] = rows;
                    let left = from_basis([a[0], b[0], c[0], d[0]]);
                    let right = from_basis([a[1], b[1], c[1], d[1]]);
                    let bias = S::load(bias.as_ptr().add(block * S::LANES));
                    let y = Many([left[0], right[0], left[1], right[1]]);
                    let mut y = function(y.add(Many([bias; 4])));
                    // A tile at an odd edge goes over it.
                    let inside = [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[y, x]| {
                        (spot.y + y < to.height && spot.x + x < to.width)
                            .then_some([spot.y + y, spot.x + x])
                    });
                    if let Some(residual) = residual {
                        let from = inside.map(|at| {
                            let [y, x] = at.unwrap_or([spot.y, spot.x]);
                            let pixel = residual.geometry.pixel(spot.image, y, x);
                            self.memory.add(residual.planes[block] + pixel)
                        });
                        y = y.add(Many::gather(from));
                    }
                    let out = output.plane(block);
                    for (y, at) in y.0.into_iter().zip(inside) {
                        if let Some([row, column]) = at {
                            let at = out + to.pixel(spot.image, row, column);
                            y.store(self.memory.add(at));
                        }
                    }
                }
            }
        }
    }
}
