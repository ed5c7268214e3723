//! Convolutions with one filter a channel: block by block, lane by lane.

use std::ops::Range;

use super::{Buffer, Kernel, Memory, clear_halo, mixture::Mixture, planes};
use crate::{
    activation::{Activation, WithFunction},
    conv2d::Conv2d,
    geometry::Geometry,
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
    /// Without one, one filter is for all images.
    mixture: Option<Mixture>,
    /// Images that have filters of their own; 1 if all share them.
    images: usize,
    /// Pixels under one filter.
    pixels: usize,
    chunk: usize,
    activation: Activation,
}

struct Block {
    from: usize,
    to: usize,
    /// Of each expert, a vector for each tap.
    weights: Vec<f32>,
    /// A vector.
    bias: Vec<f32>,
}

impl Depthwise {
    /// From a plain view to a buffer with the same lanes; planes of the view have one geometry. With
    /// a mixture the convolution has the kernels of its experts, one after another.
    pub fn new(
        isa: Isa,
        conv: &Conv2d,
        input: &View,
        mixture: Option<Mixture>,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let lanes = isa.lanes();
        let planes = planes(input, buffers);
        let from = planes[0].geometry;
        let [_, _, tall, wide] = conv.shape;
        let taps = (0..tall * wide).map(|tap| {
            let (y, x) = (tap / wide * conv.dilation, tap % wide * conv.dilation);
            (y * from.row() + x * lanes) as isize
                - (conv.padding[0] * from.row() + conv.padding[1] * lanes) as isize
        });
        let taps_of_one = tall * wide;
        let experts = mixture.as_ref().map_or(1, Mixture::experts);
        let kernels = conv.kernels(experts);
        let blocks = planes.iter().enumerate().map(|(number, plane)| {
            let mut weights = vec![0.0; experts * taps_of_one * lanes];
            let mut bias = vec![0.0; lanes];
            for (lane, channel) in &plane.channels {
                for (expert, conv) in kernels.iter().enumerate() {
                    for tap in 0..taps_of_one {
                        weights[(expert * taps_of_one + tap) * lanes + lane] =
                            conv.weights[channel * taps_of_one + tap];
                    }
                }
                bias[*lane] = conv.bias[*channel];
            }
            Block {
                from: plane.start,
                to: output.plane(number),
                weights,
                bias,
            }
        });
        let to = output.geometry;
        let images = if mixture.is_some() { to.batch } else { 1 };
        let table = |geometry: Geometry, stride: usize| match images {
            1 => geometry.table([to.height, to.width], stride, TILE),
            _ => geometry.tables([to.height, to.width], stride, TILE),
        };
        Self {
            isa,
            blocks: blocks.collect(),
            input: table(from, conv.stride),
            output: table(to, 1),
            borders: to.borders(),
            mixture,
            images,
            pixels: to.pixels() / images,
            chunk: (JOB / taps_of_one).next_multiple_of(TILE),
            taps: taps.collect(),
            activation: conv.activation,
        }
    }

    /// Jobs of one filter.
    fn chunks(&self) -> usize {
        self.pixels.div_ceil(self.chunk)
    }
}

impl Kernel for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn jobs(&self) -> usize {
        self.images * self.chunks() * self.blocks.len()
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let (block, part) = (
            job / self.chunks() / self.images,
            job % (self.chunks() * self.images),
        );
        dispatch(
            self.isa,
            Job {
                of: self,
                memory: memory.arena,
                block: &self.blocks[block],
                image: part / self.chunks(),
                start: part % self.chunks() * self.chunk,
            },
        );
    }
}

struct Job<'a> {
    of: &'a Depthwise,
    memory: *mut f32,
    block: &'a Block,
    /// The image that the filter is of; 0 if all share one.
    image: usize,
    /// The first pixel under the filter.
    start: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(unsafe_code)]
    fn run<S: Simd>(self) {
        if self.image == 0 && self.start == 0 {
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
        let (all, bias) = (&self.block.weights, &self.block.bias);
        let len = of.taps.len() * S::LANES;
        let mut mixed = Vec::new();
        let weights = match &of.mixture {
            None => all,
            Some(mixture) => {
                mixed.reserve(len);
                // SAFETY: the shares are what this kernel reads.
                unsafe { mixture.mix::<S>(memory, self.image, (all, len), len, &mut mixed) };
                &mixed
            }
        };
        assert!(weights.len() == len && bias.len() == S::LANES);
        for pixel in (self.start..end).step_by(TILE) {
            let entry = self.image * (of.pixels + TILE) + pixel;
            let (input, output) = (&of.input[entry..][..TILE], &of.output[entry..][..TILE]);
            // SAFETY: the tables, taps and planes were made for this plan's memory; there is a
            // vector of weights for each tap, and of the bias, by the assertion. A tile at the end
            // of the pixels computes the last one several times, to the same value.
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
