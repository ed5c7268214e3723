//! Convolutions with one filter a channel: block by block, lane by lane.

use std::ops::Range;

use super::{Buffer, Kernel, Memory, clear_halo, planes};
use crate::{
    activation::{Activation, WithFunction},
    builder::Conv2d,
    simd::{Isa, Many, Simd, Task, dispatch},
    view::View,
};

/// Pixels at a time.
const TILE: usize = 8;

/// Vectors that are activated together: a tile is a multiple.
const TOGETHER: usize = 4;

/// Multiply-adds, of vectors, that are worth a job.
const JOB: usize = 12_000;

/// See the module.
pub struct Depthwise {
    isa: Isa,
    blocks: Vec<Block>,
    /// From a pixel, for each tap.
    taps: Vec<isize>,
    input: Vec<u32>,
    output: Vec<u32>,
    borders: Vec<Range<usize>>,
    pixels: usize,
    chunk: usize,
    activation: Activation,
}

struct Block {
    from: usize,
    to: usize,
    /// A vector for each tap, then the bias.
    weights: Vec<f32>,
}

impl Depthwise {
    /// From a plain view to a buffer with the same lanes; planes of the view have one geometry.
    pub fn new(isa: Isa, conv: &Conv2d, input: &View, output: &Buffer, buffers: &[Buffer]) -> Self {
        let lanes = isa.lanes();
        let planes = planes(input, buffers);
        let from = planes[0].geometry;
        let [_, _, tall, wide] = conv.shape;
        let taps = (0..tall * wide).map(|tap| {
            let (y, x) = (tap / wide * conv.dilation, tap % wide * conv.dilation);
            (y * from.row() + x * lanes) as isize
                - (conv.padding[0] * from.row() + conv.padding[1] * lanes) as isize
        });
        let blocks = planes.iter().enumerate().map(|(number, plane)| {
            let mut weights = vec![0.0; (tall * wide + 1) * lanes];
            for (lane, channel) in &plane.channels {
                for tap in 0..tall * wide {
                    weights[tap * lanes + lane] = conv.weights[channel * tall * wide + tap];
                }
                weights[tall * wide * lanes + lane] = conv.bias[*channel];
            }
            Block {
                from: plane.start,
                to: output.plane(number),
                weights,
            }
        });
        let to = output.geometry;
        Self {
            isa,
            blocks: blocks.collect(),
            input: from.table([to.height, to.width], conv.stride, TILE),
            output: to.table([to.height, to.width], 1, TILE),
            borders: to.borders(),
            pixels: to.pixels(),
            chunk: (JOB / (tall * wide)).next_multiple_of(TILE),
            taps: taps.collect(),
            activation: conv.activation,
        }
    }
}

impl Kernel for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn jobs(&self) -> usize {
        self.pixels.div_ceil(self.chunk) * self.blocks.len()
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let parts = self.pixels.div_ceil(self.chunk);
        dispatch(
            self.isa,
            Job {
                of: self,
                memory: memory.arena,
                block: &self.blocks[job / parts],
                start: job % parts * self.chunk,
            },
        );
    }
}

struct Job<'a> {
    of: &'a Depthwise,
    memory: *mut f32,
    block: &'a Block,
    start: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        if self.start == 0 {
            // SAFETY: the plane is one of this kernel's outputs; the halo is this job's.
            unsafe { clear_halo(self.memory, self.block.to, &self.of.borders) };
        }
        self.of.activation.with::<Many<S, TOGETHER>>(self);
    }
}

impl<S: Simd> WithFunction<Many<S, TOGETHER>> for Job<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, function: impl Fn(Many<S, TOGETHER>) -> Many<S, TOGETHER> + Copy) {
        let Self { of, memory, .. } = self;
        let end = (self.start + of.chunk).min(of.pixels);
        let weights = &self.block.weights;
        let bias = &weights[of.taps.len() * S::LANES..];
        assert!(bias.len() == S::LANES);
        for pixel in (self.start..end).step_by(TILE) {
            let (input, output) = (&of.input[pixel..][..TILE], &of.output[pixel..][..TILE]);
            // SAFETY: the tables, taps and planes were made for this plan's memory; there is a
            // vector of weights for each tap, and of the bias, by the assertion. A tile at the end
            // of the map computes its last pixel several times, to the same value.
            unsafe {
                let at: [*const f32; TILE] = std::array::from_fn(|p| {
                    memory.add(self.block.from + input[p] as usize).cast_const()
                });
                let mut sums = [S::load(bias.as_ptr()); TILE];
                for (tap, offset) in of.taps.iter().enumerate() {
                    let weight = S::load(weights.as_ptr().add(tap * S::LANES));
                    for (sum, at) in sums.iter_mut().zip(at) {
                        *sum = S::load(at.offset(*offset)).mul_add(weight, *sum);
                    }
                }
                let (sums, _) = sums.as_chunks::<TOGETHER>();
                let (output, _) = output.as_chunks::<TOGETHER>();
                for (sums, at) in sums.iter().zip(output) {
                    let at = at.map(|at| memory.add(self.block.to + at as usize));
                    function(Many(*sums)).scatter(at);
                }
            }
        }
    }
}
