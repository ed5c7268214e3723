//! A map that is the same for every image.

use std::{ops::Range, sync::Arc};

use super::{Buffer, Kernel, Memory, clear_halo};

/// Writes it at each run: memory is shared.
pub struct Constant {
    /// `[channels, height, width]`.
    numbers: Arc<[f32]>,
    channels: usize,
    output: Buffer,
    borders: Vec<Range<usize>>,
}

impl Constant {
    pub fn new(numbers: &Arc<[f32]>, output: &Buffer) -> Self {
        let g = output.geometry;
        Self {
            channels: numbers.len() / (g.height * g.width),
            numbers: numbers.clone(),
            output: output.clone(),
            borders: g.borders(),
        }
    }
}

impl Kernel for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn jobs(&self) -> usize {
        self.output.blocks
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let g = self.output.geometry;
        let start = self.output.plane(job);
        // SAFETY: the plane is this job's output.
        unsafe { clear_halo(memory.arena, start, &self.borders) };
        for at in 0..g.pixels() {
            let (image, pixel) = (at / (g.height * g.width), at % (g.height * g.width));
            let place = start + g.pixel(image, pixel / g.width, pixel % g.width);
            for lane in 0..g.lanes {
                let channel = job * g.lanes + lane;
                let number = match channel < self.channels {
                    true => self.numbers[channel * g.height * g.width + pixel],
                    false => 0.0,
                };
                // SAFETY: a lane of a pixel of the output's plane.
                unsafe { *memory.arena.add(place + lane) = number };
            }
        }
    }
}
