//! The largest or the mean number of a window.

use std::ops::Range;

use super::{Buffer, Kernel, Memory, block_by_block, clear_halo};
use crate::{
    geometry::Geometry,
    pool::{Pool, PoolKind},
    simd::{Isa, Simd, Task, dispatch},
    view::View,
};

/// See the module.
pub struct Pooling {
    isa: Isa,
    /// From and to, where they begin.
    blocks: Vec<(usize, usize, Geometry)>,
    to: Geometry,
    borders: Vec<Range<usize>>,
    pool: Pool,
}

impl Pooling {
    /// From a view to a buffer with the same lanes.
    pub fn new(isa: Isa, pool: Pool, input: &View, output: &Buffer, buffers: &[Buffer]) -> Self {
        Self {
            isa,
            blocks: block_by_block(input, output, buffers),
            to: output.geometry,
            borders: output.geometry.borders(),
            pool,
        }
    }
}

impl Kernel for Pooling {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn jobs(&self) -> usize {
        self.blocks.len()
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let (from, to, geometry) = self.blocks[job];
        dispatch(
            self.isa,
            Job {
                of: self,
                memory: memory.arena,
                from,
                to,
                geometry,
            },
        );
    }
}

struct Job<'a> {
    of: &'a Pooling,
    memory: *mut f32,
    from: usize,
    to: usize,
    geometry: Geometry,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        // SAFETY: the plane is this job's output.
        unsafe { clear_halo(self.memory, self.to, &self.of.borders) };
        match self.of.pool.kind {
            PoolKind::Max => self.windows(
                S::splat(f32::NEG_INFINITY),
                #[inline(always)]
                |sum: S, x| sum.max(x),
                #[inline(always)]
                |sum, _| sum,
            ),
            PoolKind::Mean => self.windows(
                S::splat(0.0),
                #[inline(always)]
                |sum: S, x| sum.add(x),
                #[inline(always)]
                |sum: S, count| sum.div(S::splat(count as f32)),
            ),
        }
    }
}

impl Job<'_> {
    /// Every window's numbers within the map, put together; `end` is given what they make, and how
    /// many a mean counts.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn windows<S: Simd>(
        &self,
        start: S,
        add: impl Fn(S, S) -> S + Copy,
        end: impl Fn(S, usize) -> S + Copy,
    ) {
        let (pool, from, to) = (self.of.pool, self.geometry, self.of.to);
        for image in 0..to.batch {
            for y in 0..to.height {
                let rows = pool.window(0, y, from.height);
                for x in 0..to.width {
                    let columns = pool.window(1, x, from.width);
                    let mut sum = start;
                    for row in rows.clone() {
                        let first = self.from + from.pixel(image, row, columns.start);
                        for column in 0..columns.len() {
                            // SAFETY: a pixel of the input's plane.
                            let x = unsafe { S::load(self.memory.add(first + column * S::LANES)) };
                            sum = add(sum, x);
                        }
                    }
                    let count = match pool.count_padding {
                        true => pool.kernel[0] * pool.kernel[1],
                        false => rows.len() * columns.len(),
                    };
                    let at = self.to + to.pixel(image, y, x);
                    // SAFETY: a pixel of the output's plane.
                    unsafe { end(sum, count).store(self.memory.add(at)) };
                }
            }
        }
    }
}
