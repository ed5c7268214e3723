//! Copies of rows and columns of a map: enlarged, with zeros around it, or every other pixel.

use std::{ops::Range, sync::Arc};

use super::{Buffer, Kernel, Memory, block_by_block, clear_halo};
use crate::{
    geometry::Geometry,
    simd::{Isa, Simd, Task, dispatch},
    view::View,
};

/// For each row, or column, of a map the one that it is of another; None for zeros.
pub type Sources = Arc<[Option<usize>]>;

/// See the module.
pub struct Pixels {
    isa: Isa,
    rows: Sources,
    columns: Sources,
    /// From and to, where they begin.
    blocks: Vec<(usize, usize, Geometry)>,
    to: Geometry,
    borders: Vec<Range<usize>>,
}

impl Pixels {
    /// From a view to a buffer with the same lanes.
    pub fn new(
        isa: Isa,
        [rows, columns]: &[Sources; 2],
        input: &View,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        Self {
            isa,
            rows: rows.clone(),
            columns: columns.clone(),
            blocks: block_by_block(input, output, buffers),
            to: output.geometry,
            borders: output.geometry.borders(),
        }
    }
}

impl Kernel for Pixels {
    fn name(&self) -> &'static str {
        "pixels"
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
    of: &'a Pixels,
    memory: *mut f32,
    block: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        let (from, to, geometry) = self.of.blocks[self.block];
        // SAFETY: the plane is this job's output.
        unsafe { clear_halo(self.memory, to, &self.of.borders) };
        for image in 0..self.of.to.batch {
            for (y, row) in self.of.rows.iter().enumerate() {
                for (x, column) in self.of.columns.iter().enumerate() {
                    // SAFETY: pixels of the input's plane, by the builder's check, and of the
                    // output's.
                    unsafe {
                        let pixel = match (row, column) {
                            (Some(row), Some(column)) => {
                                let at = from + geometry.pixel(image, *row, *column);
                                S::load(self.memory.add(at))
                            }
                            _ => S::splat(0.0),
                        };
                        pixel.store(self.memory.add(to + self.of.to.pixel(image, y, x)));
                    }
                }
            }
        }
    }
}
