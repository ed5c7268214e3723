//! Bilinear upsampling.

use std::ops::Range;

use super::{Buffer, Kernel, Memory, block_by_block, clear_halo};
use crate::{
    bilinear::along,
    geometry::Geometry,
    simd::{Isa, Simd, Task, dispatch},
    view::View,
};

/// Each pixel between four of the input.
pub struct Bilinear {
    isa: Isa,
    /// From and to, where they begin.
    blocks: Vec<(usize, usize, Geometry)>,
    to: Geometry,
    borders: Vec<Range<usize>>,
    rows: Vec<(usize, usize, f32)>,
    columns: Vec<(usize, usize, f32)>,
}

impl Bilinear {
    /// From a view to a buffer with the same lanes.
    pub fn new(
        isa: Isa,
        align_corners: bool,
        input: &View,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let [.., height, width] = input.shape;
        let to = output.geometry;
        Self {
            isa,
            blocks: block_by_block(input, output, buffers),
            to,
            borders: to.borders(),
            rows: along(height, to.height, align_corners),
            columns: along(width, to.width, align_corners),
        }
    }
}

impl Kernel for Bilinear {
    fn name(&self) -> &'static str {
        "bilinear"
    }

    fn jobs(&self) -> usize {
        self.blocks.len()
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        dispatch(
            self.isa,
            Job {
                of: self,
                memory: memory.arena,
                block: job,
            },
        );
    }
}

struct Job<'a> {
    of: &'a Bilinear,
    memory: *mut f32,
    block: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        let of = self.of;
        let (from, to, geometry) = of.blocks[self.block];
        // SAFETY: the plane is this job's output.
        unsafe { clear_halo(self.memory, to, &of.borders) };
        for image in 0..of.to.batch {
            for (y, (top, bottom, down)) in of.rows.iter().enumerate() {
                let rows = [*top, *bottom].map(|row| from + geometry.pixel(image, row, 0));
                let out = to + of.to.pixel(image, y, 0);
                for (x, (left, right, across)) in of.columns.iter().enumerate() {
                    // SAFETY: pixels of the input's plane, and one of the output's.
                    unsafe {
                        let out = self.memory.add(out + x * S::LANES);
                        let [above, below] = rows.map(|row| {
                            let [left, right] = [*left, *right]
                                .map(|x| S::load(self.memory.add(row + x * S::LANES)));
                            right.sub(left).mul_add(S::splat(*across), left)
                        });
                        let y = below.sub(above).mul_add(S::splat(*down), above);
                        y.store(out);
                    }
                }
            }
        }
    }
}
