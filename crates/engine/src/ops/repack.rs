//! A map's channels in lanes in order.

use std::ops::Range;

use super::{Buffer, Kernel, Memory, Plane, clear_halo, planes};
use crate::view::View;

/// Copies the channels of a view into lanes in order.
pub struct Repack {
    planes: Vec<Plane>,
    /// For each output block, the input's planes that it reads, and of each the lanes from and to.
    reads: Vec<Vec<(usize, Vec<[usize; 2]>)>>,
    output: Buffer,
    borders: Vec<Range<usize>>,
}

impl Repack {
    pub fn new(input: &View, output: &Buffer, buffers: &[Buffer]) -> Self {
        let planes = planes(input, buffers);
        let lanes = output.geometry.lanes;
        let mut reads = vec![Vec::new(); output.blocks];
        for (block, reads) in reads.iter_mut().enumerate() {
            for (number, plane) in planes.iter().enumerate() {
                let here = plane.channels.iter().filter(|(_, c)| c / lanes == block);
                let moves: Vec<[usize; 2]> = here.map(|(lane, c)| [*lane, c % lanes]).collect();
                if !moves.is_empty() {
                    reads.push((number, moves));
                }
            }
        }
        Self {
            planes,
            reads,
            output: output.clone(),
            borders: output.geometry.borders(),
        }
    }
}

impl Kernel for Repack {
    fn name(&self) -> &'static str {
        "repack"
    }

    fn jobs(&self) -> usize {
        self.output.blocks
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let to = self.output.geometry;
        let start = self.output.plane(job);
        // SAFETY: the plane is this job's output.
        unsafe { clear_halo(memory.arena, start, &self.borders) };
        for image in 0..to.batch {
            for y in 0..to.height {
                for x in 0..to.width {
                    // SAFETY: a pixel of the output's plane, and below pixels of the input's
                    // planes, which nobody writes now.
                    let out = unsafe {
                        let out = memory.arena.add(start + to.pixel(image, y, x));
                        std::slice::from_raw_parts_mut(out, to.lanes)
                    };
                    out.fill(0.0);
                    for (number, moves) in &self.reads[job] {
                        let plane = &self.planes[*number];
                        let at = plane.start + plane.geometry.pixel(image, y, x);
                        for [lane, to] in moves {
                            out[*to] = unsafe { *memory.arena.add(at + lane) };
                        }
                    }
                }
            }
        }
    }
}
