//! Convolutions that sum over channels.

use super::{
    Buffer, Kernel, Memory, Plane,
    ending::Ending,
    mixture::Mixture,
    packed::{Aligned, Group, Packed},
    planes,
    tile::{Ahead, Part, Place, tile_of_left},
};
use crate::{
    activation::{Activation, WithFunction},
    conv2d::Conv2d,
    geometry::Geometry,
    simd::{Isa, Many, Simd, Task, dispatch},
    view::View,
};

/// Pixels of the largest tile: tables repeat their last entry so often.
const LARGEST_TILE: usize = 12;

/// Vectors that are activated together.
const TOGETHER: usize = 3;

/// Floats of input that stay in the second cache while all groups of output blocks pass by.
const CHUNK: usize = 32 * 1024;

/// Multiply-adds, of vectors, of a job: at most, so that all threads end at about the same time,
/// and at least, so that taking jobs costs nothing beside doing them.
const MOST: usize = 1_000_000;
const LEAST: usize = 24_000;

/// Pixels of a job whose weights are mixed, at least: mixing costs as much as a pixel for each
/// expert, or more where the experts come from memory.
const LEAST_MIXED: usize = 192;

/// See the module.
pub struct Conv {
    isa: Isa,
    packed: Packed,
    /// Without one, one kernel is for all images.
    mixture: Option<Mixture>,
    input: Vec<u32>,
    output: Vec<u32>,
    residual: Vec<u32>,
    /// Images that have a kernel of their own; 1 if all share one.
    images: usize,
    /// Pixels under one kernel.
    pixels: usize,
    /// Entries of the tables from those of one kernel to the next's.
    room: usize,
    /// Pixels of a job.
    chunk: usize,
    ending: Ending,
}

impl Conv {
    /// From a view to the buffer of its output; planes of the view have one geometry. With a
    /// mixture the convolution has the kernels of its experts, one after another.
    pub fn new(
        (isa, threads): (Isa, usize),
        conv: &Conv2d,
        input: &View,
        mixture: Option<Mixture>,
        ending: Ending,
        buffers: &[Buffer],
    ) -> Self {
        let lanes = isa.lanes();
        let planes_in: Vec<Plane> = planes(input, buffers);
        let (from, to) = (planes_in[0].geometry, ending.output.geometry);
        let experts = mixture.as_ref().map_or(1, Mixture::experts);
        let packed = Packed::new(
            isa,
            &conv.kernels(experts),
            &planes_in,
            ending.output.blocks,
        );
        let images = if mixture.is_some() { to.batch } else { 1 };
        let table = |geometry: Geometry, stride: usize| match images {
            1 => geometry.table([to.height, to.width], stride, LARGEST_TILE),
            _ => geometry.tables([to.height, to.width], stride, LARGEST_TILE),
        };
        let pixels = to.pixels() / images;
        let groups = &packed.groups;
        let largest = groups
            .iter()
            .map(|g| g.parts.iter().map(|p| p.segments.len()).sum::<usize>());
        let work = largest.max().unwrap_or(0) * lanes * groups[0].blocks;
        let read = input.shape[1] * conv.stride * conv.stride;
        // A few jobs for each thread.
        let shared = (to.pixels() * groups.len()).div_ceil(4 * threads);
        let least = if mixture.is_some() {
            LEAST_MIXED
        } else {
            2 * LARGEST_TILE
        };
        let chunk = (CHUNK / read.max(1))
            .min(MOST / work.max(1))
            .min(shared.max(LEAST / work.max(1)))
            .max(least)
            .next_multiple_of(LARGEST_TILE);
        let residual = ending.residual.as_ref();
        Self {
            isa,
            input: table(from, conv.stride),
            output: table(to, 1),
            residual: residual.map_or(Vec::new(), |residual| table(residual.geometry, 1)),
            images,
            pixels,
            room: pixels + LARGEST_TILE,
            chunk,
            packed,
            mixture,
            ending,
        }
    }

    /// Jobs of one kernel and group.
    fn chunks(&self) -> usize {
        self.pixels.div_ceil(self.chunk)
    }

    /// The same into every `step`th row and column of a larger map, from `[y, x]` on; the one from
    /// the first pixel on clears the map's halo.
    pub fn spread(mut self, output: &Buffer, step: usize, [y, x]: [usize; 2]) -> Self {
        let to = output.geometry;
        let from = (y * to.row() + x * to.lanes) as u32;
        let sides = [to.height, to.width].map(|side| side / step);
        self.output = to.table(sides, step, LARGEST_TILE);
        self.output.iter_mut().for_each(|pixel| *pixel += from);
        self.ending = self.ending.into_map(output, [y, x] == [0, 0]);
        self
    }
}

impl Kernel for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn jobs(&self) -> usize {
        self.images * self.chunks() * self.packed.groups.len()
    }

    fn weights(&mut self) -> Vec<&mut Aligned> {
        vec![&mut self.packed.weights]
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        let groups = &self.packed.groups;
        let chunk = job / groups.len();
        dispatch(
            self.isa,
            Job {
                conv: self,
                memory: memory.arena,
                group: &groups[job % groups.len()],
                image: chunk / self.chunks(),
                start: chunk % self.chunks() * self.chunk,
            },
        );
    }
}

struct Job<'a> {
    conv: &'a Conv,
    memory: *mut f32,
    group: &'a Group,
    /// The image that the kernel is of; 0 if all share one.
    image: usize,
    /// The first pixel under the kernel.
    start: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let wide = S::REGISTERS == 32;
        match (self.group.blocks, self.group.full) {
            (4, true) if S::LANES == 4 => self.tiles::<S, 4, 6, 3, true>(),
            (4, false) if S::LANES == 4 => self.tiles::<S, 4, 6, 3, false>(),
            (2, true) if wide => self.tiles::<S, 2, 12, 6, true>(),
            (2, false) if wide => self.tiles::<S, 2, 12, 6, false>(),
            (2, true) => self.tiles::<S, 2, 6, 3, true>(),
            (2, false) => self.tiles::<S, 2, 6, 3, false>(),
            (_, true) => self.tiles::<S, 1, 12, 6, true>(),
            (_, false) => self.tiles::<S, 1, 12, 6, false>(),
        }
    }
}

impl Job<'_> {
    /// In tiles of `P` pixels, and at the end one of `HALF` where that is enough.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn tiles<S: Simd, const BLOCKS: usize, const P: usize, const HALF: usize, const FULL: bool>(
        &self,
    ) {
        let Self { conv, group, .. } = *self;
        let Ending { output, bias, .. } = &conv.ending;
        let end = (self.start + conv.chunk).min(conv.pixels);
        if self.image == 0 && self.start == 0 {
            // SAFETY: the planes are some of this kernel's outputs; their halo is this job's.
            unsafe {
                conv.ending
                    .clear_halo(self.memory, group.first..group.first + BLOCKS)
            };
        }
        let tiles = (end - self.start).div_ceil(P);
        let longest = group.parts.iter().map(|part| part.len).max();
        let mut mixed = Vec::with_capacity(match conv.mixture {
            Some(_) => longest.unwrap_or(0),
            None => 0,
        });
        for (number, part) in group.parts.iter().enumerate() {
            let last = number + 1 == group.parts.len();
            let bias = bias[group.first * S::LANES..].as_ptr();
            let weights = &conv.packed.weights.get()[part.weights..];
            let next = match group.parts.get(number + 1) {
                Some(next) if conv.mixture.is_none() => {
                    &conv.packed.weights.get()[next.weights..][..next.len]
                }
                _ => &[],
            };
            let of = Part {
                segments: &part.segments,
                weights: match &conv.mixture {
                    None => weights.as_ptr(),
                    // SAFETY: the shares are what this kernel reads; room for the part's weights
                    // has been made above.
                    Some(mixture) => unsafe {
                        let experts = (weights, conv.packed.each);
                        mixture.mix::<S>(self.memory, self.image, experts, part.len, &mut mixed);
                        mixed.as_ptr()
                    },
                },
                bias: (number == 0).then_some(bias),
            };
            for (turn, pixel) in (self.start..end).step_by(P).enumerate() {
                let ahead = Ahead::share(next, part.segments.len(), (turn, tiles));
                let entry = self.image * conv.room + pixel;
                let place = Place {
                    memory: self.memory,
                    input: conv.input[entry..][..P].as_ptr(),
                    output: conv.output[entry..][..P].as_ptr(),
                    plane: output.plane(group.first),
                    step: output.geometry.plane(),
                };
                // SAFETY: the tables have P entries, by their slices; their entries, the segments
                // and the planes were made for this plan's memory, and so were the weights, in the
                // same order. A tile at the end of the pixels computes the last one several times;
                // a job's pixels are a multiple of P otherwise, so it writes none of another's.
                unsafe { tile_of_left::<S, BLOCKS, P, HALF, FULL>(of, ahead, place, end - pixel) };
                if last {
                    self.finish::<S, BLOCKS>(entry, P.min(end - pixel));
                }
            }
        }
    }

    /// Activation and residual of some pixels.
    #[inline(always)]
    fn finish<S: Simd, const BLOCKS: usize>(&self, entry: usize, count: usize) {
        let Ending {
            output,
            activation,
            residual,
            ..
        } = &self.conv.ending;
        if *activation == Activation::Identity && residual.is_none() {
            return;
        }
        for block in self.group.first..self.group.first + BLOCKS {
            let residual = residual.as_ref().map(|residual| {
                let table = &self.conv.residual[entry..][..count];
                (table, residual.planes[block])
            });
            activation.with::<Many<S, TOGETHER>>(Finish {
                memory: self.memory,
                table: &self.conv.output[entry..][..count],
                plane: output.plane(block),
                residual,
            });
        }
    }
}

struct Finish<'a> {
    memory: *mut f32,
    table: &'a [u32],
    plane: usize,
    residual: Option<(&'a [u32], usize)>,
}

impl<S: Simd> WithFunction<Many<S, TOGETHER>> for Finish<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, function: impl Fn(Many<S, TOGETHER>) -> Many<S, TOGETHER> + Copy) {
        let Self { memory, plane, .. } = self;
        let count = self.table.len();
        for first in (0..count).step_by(TOGETHER) {
            // Where there are fewer, the last several times, to the same value.
            let pixels: [usize; TOGETHER] = std::array::from_fn(|i| (first + i).min(count - 1));
            // SAFETY: what the tile before has just written; the residual's table and plane were
            // made for this memory too.
            unsafe {
                let at = pixels.map(|i| memory.add(plane + self.table[i] as usize));
                let mut y = function(Many::gather(at));
                if let Some((table, from)) = self.residual {
                    let from = pixels.map(|i| memory.add(from + table[i] as usize));
                    y = y.add(Many::gather(from));
                }
                y.scatter(at);
            }
        }
    }
}
