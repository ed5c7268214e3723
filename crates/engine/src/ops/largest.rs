//! The largest of each pixel's channels.

use std::ops::Range;

use super::{Buffer, Kernel, Memory, Plane, clear_halo, planes};
use crate::{
    simd::{Isa, Simd, Task, dispatch},
    view::View,
};

/// See the module.
pub struct Largest {
    isa: Isa,
    planes: Vec<Plane>,
    output: Buffer,
    borders: Vec<Range<usize>>,
}

impl Largest {
    /// From a view to a buffer of one channel.
    pub fn new(isa: Isa, input: &View, output: &Buffer, buffers: &[Buffer]) -> Self {
        Self {
            isa,
            planes: planes(input, buffers),
            output: output.clone(),
            borders: output.geometry.borders(),
        }
    }
}

impl Kernel for Largest {
    fn name(&self) -> &'static str {
        "largest"
    }

    /// A row of all images each.
    fn jobs(&self) -> usize {
        self.output.geometry.height
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        dispatch(
            self.isa,
            Job {
                of: self,
                memory: memory.arena,
                row: job,
            },
        );
    }
}

struct Job<'a> {
    of: &'a Largest,
    memory: *mut f32,
    row: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        let Self { of, memory, row } = self;
        let (to, start) = (of.output.geometry, of.output.plane(0));
        if row == 0 {
            // SAFETY: the plane is this kernel's output; its halo is this job's.
            unsafe { clear_halo(memory, start, &of.borders) };
        }
        for image in 0..to.batch {
            for x in 0..to.width {
                let mut largest = S::splat(f32::NEG_INFINITY);
                // The lanes that hold no channel don't count.
                let mut rest = f32::NEG_INFINITY;
                for plane in &of.planes {
                    let at = plane.start + plane.geometry.pixel(image, row, x);
                    // SAFETY: a pixel of an input's plane.
                    unsafe {
                        match plane.channels.len() == S::LANES {
                            true => largest = largest.max(S::load(memory.add(at))),
                            false => {
                                for (lane, _) in &plane.channels {
                                    rest = rest.max(*memory.add(at + lane));
                                }
                            }
                        }
                    }
                }
                // SAFETY: a pixel of the output's plane, a vector, which holds the lanes first and
                // their largest then.
                unsafe {
                    let out = memory.add(start + to.pixel(image, row, x));
                    largest.store(out);
                    for lane in 0..S::LANES {
                        rest = rest.max(*out.add(lane));
                    }
                    S::splat(rest).store(out);
                }
            }
        }
    }
}
