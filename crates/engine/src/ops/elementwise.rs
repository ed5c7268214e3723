//! Functions of one or two maps, number by number, and means of a map's channels.

use std::ops::Range;

use super::{Buffer, Kernel, Memory, clear_halo, planes};
use crate::{
    activation::{Activation, WithFunction},
    builder::Binary,
    geometry::Geometry,
    simd::{Isa, Many, Simd, Task, dispatch},
    view::View,
};

/// Vectors that an activation takes together.
const TOGETHER: usize = 4;

/// An operand's plane.
#[derive(Clone, Copy)]
struct Operand {
    start: usize,
    geometry: Geometry,
    /// The lane that stands for all; None: each lane for itself.
    lane: Option<usize>,
}

impl Operand {
    /// A map of one pixel has the same at every place.
    #[inline(always)]
    fn row(&self, image: usize, y: usize) -> (usize, usize) {
        match (self.geometry.height, self.geometry.width) {
            (1, 1) => (self.start + self.geometry.pixel(image, 0, 0), 0),
            _ => (
                self.start + self.geometry.pixel(image, y, 0),
                self.geometry.lanes,
            ),
        }
    }
}

/// `activation(x)`, `x ∘ y` or the mean of each channel, block by block.
pub struct Elementwise {
    isa: Isa,
    work: Work,
    /// Output plane, operands.
    blocks: Vec<(usize, Operand, Option<Operand>)>,
    to: Geometry,
    borders: Vec<Range<usize>>,
}

#[derive(Clone, Copy)]
enum Work {
    Unary(Activation),
    Binary(Binary),
    Mean,
}

fn operands(view: &View, buffers: &[Buffer]) -> Vec<Operand> {
    let operand = |plane: super::Plane| Operand {
        start: plane.start,
        geometry: plane.geometry,
        lane: None,
    };
    planes(view, buffers).into_iter().map(operand).collect()
}

impl Elementwise {
    fn new(
        isa: Isa,
        work: Work,
        operands: Vec<(Operand, Option<Operand>)>,
        output: &Buffer,
    ) -> Self {
        let blocks = operands.into_iter().enumerate();
        Self {
            isa,
            work,
            blocks: blocks
                .map(|(number, (x, y))| (output.plane(number), x, y))
                .collect(),
            to: output.geometry,
            borders: output.geometry.borders(),
        }
    }

    /// From a view to a buffer with the same lanes.
    pub fn unary(
        isa: Isa,
        activation: Activation,
        x: &View,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let operands = operands(x, buffers).into_iter().map(|x| (x, None));
        Self::new(isa, Work::Unary(activation), operands.collect(), output)
    }

    /// From two views to a buffer with the lanes of the first: the second is aligned with it, or
    /// has one channel; either may have one pixel.
    pub fn binary(
        isa: Isa,
        binary: Binary,
        [x, y]: [&View; 2],
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let seconds = operands(y, buffers);
        let blocks = y.blocks();
        let of = |block: &crate::view::ViewBlock| {
            let (_, channel) = block.channels[0];
            let at = y.lanes[if y.shape[1] == 1 { 0 } else { channel }];
            let same = |b: &crate::view::ViewBlock| (b.buffer, b.block) == (at.buffer, at.block);
            let number = blocks.iter().position(same).expect("a view has its blocks");
            Operand {
                lane: (y.shape[1] == 1).then_some(at.lane),
                ..seconds[number]
            }
        };
        let x_blocks = x.blocks();
        let pairs = operands(x, buffers)
            .into_iter()
            .zip(x_blocks.iter().map(of))
            .map(|(x, y)| (x, Some(y)));
        Self::new(isa, Work::Binary(binary), pairs.collect(), output)
    }

    /// From a view to a buffer of one pixel with the same lanes.
    pub fn mean(isa: Isa, x: &View, output: &Buffer, buffers: &[Buffer]) -> Self {
        let operands = operands(x, buffers).into_iter().map(|x| (x, None));
        Self::new(isa, Work::Mean, operands.collect(), output)
    }
}

impl Kernel for Elementwise {
    fn name(&self) -> &'static str {
        "elementwise"
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

#[derive(Clone, Copy)]
struct Job<'a> {
    of: &'a Elementwise,
    memory: *mut f32,
    block: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        let (to, x, _) = self.of.blocks[self.block];
        // SAFETY: the plane is this job's output.
        unsafe { clear_halo(self.memory, to, &self.of.borders) };
        match self.of.work {
            Work::Unary(activation) => activation.with::<Many<S, TOGETHER>>(self),
            Work::Binary(Binary::Add) => self.pairs(S::add),
            Work::Binary(Binary::Subtract) => self.pairs(S::sub),
            Work::Binary(Binary::Multiply) => self.pairs(S::mul),
            Work::Binary(Binary::Divide) => self.pairs(S::div),
            Work::Mean => {
                let g = x.geometry;
                for image in 0..g.batch {
                    let mut sum = S::splat(0.0);
                    for y in 0..g.height {
                        // By row, which loses fewer digits.
                        let mut row = S::splat(0.0);
                        for i in 0..g.width {
                            let at = x.start + g.pixel(image, y, i);
                            // SAFETY: a pixel of the input's plane.
                            row = row.add(unsafe { S::load(self.memory.add(at)) });
                        }
                        sum = sum.add(row);
                    }
                    let mean = sum.div(S::splat((g.height * g.width) as f32));
                    let at = to + self.of.to.pixel(image, 0, 0);
                    // SAFETY: the pixel of the output's plane.
                    unsafe { mean.store(self.memory.add(at)) };
                }
            }
        }
    }
}

impl Job<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn pairs<S: Simd>(&self, function: impl Fn(S, S) -> S) {
        let (to, x, y) = self.of.blocks[self.block];
        let y = y.expect("made of two maps");
        let g = self.of.to;
        for image in 0..g.batch {
            for row in 0..g.height {
                let ((x, x_step), (y_row, y_step)) = (x.row(image, row), y.row(image, row));
                let out = to + g.pixel(image, row, 0);
                for i in 0..g.width {
                    // SAFETY: pixels of the planes of the inputs and of the output.
                    unsafe {
                        let first = S::load(self.memory.add(x + i * x_step));
                        let at = self.memory.add(y_row + i * y_step);
                        let second = match y.lane {
                            Some(lane) => S::broadcast(at.add(lane)),
                            None => S::load(at),
                        };
                        function(first, second).store(self.memory.add(out + i * S::LANES));
                    }
                }
            }
        }
    }
}

impl<S: Simd> WithFunction<Many<S, TOGETHER>> for Job<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, function: impl Fn(Many<S, TOGETHER>) -> Many<S, TOGETHER> + Copy) {
        let (to, x, _) = self.of.blocks[self.block];
        let g = self.of.to;
        for image in 0..g.batch {
            for row in 0..g.height {
                let (x, _) = x.row(image, row);
                let out = to + g.pixel(image, row, 0);
                for first in (0..g.width).step_by(TOGETHER) {
                    // Where there are fewer, the last several times, to the same value.
                    let pixels: [usize; TOGETHER] =
                        std::array::from_fn(|i| (first + i).min(g.width - 1) * S::LANES);
                    // SAFETY: pixels of the planes of the input and of the output.
                    unsafe {
                        let x = Many::gather(pixels.map(|at| self.memory.add(x + at)));
                        function(x).scatter(pixels.map(|at| self.memory.add(out + at)));
                    }
                }
            }
        }
    }
}
