//! Convolutions that sum over channels.

use std::ops::Range;

use super::{
    Buffer, Kernel, Memory, Plane, clear_halo, planes,
    tile::{Part, Place, Segment, tile},
};
use crate::{
    activation::{Activation, WithFunction},
    builder::Conv2d,
    simd::{Isa, Many, Simd, Task, dispatch},
    view::View,
};

/// Pixels of the largest tile: tables repeat their last entry so often.
const LARGEST_TILE: usize = 12;

/// Vectors that are activated together.
const TOGETHER: usize = 3;

/// Floats of weights that stay in the first cache while all pixels of a job pass by.
const PART: usize = 4096;

/// Floats of input that stay in the second cache while all groups of output blocks pass by.
const CHUNK: usize = 32 * 1024;

/// Multiply-adds, of vectors, of a job: at most, so that all threads end at about the same time,
/// and at least, so that taking jobs costs nothing beside doing them.
const MOST: usize = 1_000_000;
const LEAST: usize = 24_000;

/// See the module.
pub struct Conv {
    isa: Isa,
    groups: Vec<Group>,
    weights: Aligned,
    /// A vector for each output block.
    bias: Vec<f32>,
    input: Vec<u32>,
    output: Vec<u32>,
    borders: Vec<Range<usize>>,
    first_plane: usize,
    step: usize,
    pixels: usize,
    /// Pixels of a job.
    chunk: usize,
    activation: Activation,
    residual: Option<Residual>,
}

/// Output blocks that are computed together.
struct Group {
    first: usize,
    blocks: usize,
    parts: Vec<GroupPart>,
    /// Every segment is a whole block.
    full: bool,
}

struct GroupPart {
    segments: Vec<Segment>,
    weights: usize,
}

/// A map that is added to the output.
struct Residual {
    table: Vec<u32>,
    /// Of each output block.
    planes: Vec<usize>,
}

/// Floats that begin at a cache line.
pub struct Aligned {
    floats: Vec<f32>,
    skip: usize,
}

impl Aligned {
    pub fn new(floats: &[f32]) -> Self {
        let mut padded = vec![0.0; floats.len() + 16];
        let skip = (padded.as_ptr() as usize).wrapping_neg() % 64 / 4;
        padded[skip..][..floats.len()].copy_from_slice(floats);
        Self {
            floats: padded,
            skip,
        }
    }

    pub fn get(&self) -> &[f32] {
        &self.floats[self.skip..]
    }
}

/// A float of each pixel of a plane under one tap: its place and the channels and tap that it is
/// for.
struct Term {
    offset: isize,
    channels: Vec<usize>,
    tap: usize,
}

/// All terms of a sum, in the order of the planes and taps. What is neighbouring is a segment.
fn terms(conv: &Conv2d, input: &[Plane]) -> Vec<Term> {
    let [_, _, tall, wide] = conv.shape;
    let mut terms = Vec::new();
    for plane in input {
        let geometry = plane.geometry;
        for tap in 0..tall * wide {
            let (y, x) = (tap / wide * conv.dilation, tap % wide * conv.dilation);
            let offset = (plane.start + y * geometry.row() + x * geometry.lanes) as isize
                - (conv.padding[0] * geometry.row() + conv.padding[1] * geometry.lanes) as isize;
            for (lane, channel) in &plane.channels {
                let offset = offset + *lane as isize;
                match terms.last_mut() {
                    Some(Term {
                        offset: last,
                        channels,
                        tap: of,
                    }) if (*last, *of) == (offset, tap) => channels.push(*channel),
                    _ => terms.push(Term {
                        offset,
                        channels: vec![*channel],
                        tap,
                    }),
                }
            }
        }
    }
    terms
}

/// How many of so many blocks are computed together, and at how many pixels.
pub fn tile_of(isa: Isa, blocks: usize) -> (usize, usize) {
    let wide = matches!(isa, Isa::Avx512 | Isa::Neon);
    match blocks {
        4.. if isa == Isa::Neon => (4, 6),
        2.. => (2, if wide { 12 } else { 6 }),
        _ => (1, LARGEST_TILE),
    }
}

impl Conv {
    /// From a view to the buffer of its output; planes of the view have one geometry.
    pub fn new(
        (isa, threads): (Isa, usize),
        conv: &Conv2d,
        input: &View,
        residual: Option<&View>,
        output: &Buffer,
        buffers: &[Buffer],
    ) -> Self {
        let lanes = isa.lanes();
        let planes_in = planes(input, buffers);
        let from = planes_in[0].geometry;
        let [c_out, per_group, ..] = conv.shape;
        let out_per_group = c_out / conv.groups;
        let terms = terms(conv, &planes_in);
        let mut weights = Vec::new();
        let mut groups = Vec::new();
        let mut first = 0;
        while first < output.blocks {
            let (blocks, _) = tile_of(isa, output.blocks - first);
            let outputs = first * lanes..((first + blocks) * lanes).min(c_out);
            let sees = outputs.start / out_per_group * per_group
                ..((outputs.end - 1) / out_per_group + 1) * per_group;
            let seen = |term: &&Term| term.channels.iter().any(|c| sees.contains(c));
            let mut parts = vec![GroupPart {
                segments: Vec::new(),
                weights: weights.len(),
            }];
            for term in terms.iter().filter(seen) {
                let part = parts.last_mut().expect("never empty");
                match part.segments.last_mut() {
                    Some(last)
                        if last.offset + last.len as isize == term.offset && last.len < lanes =>
                    {
                        last.len += 1
                    }
                    _ => {
                        let segment = Segment {
                            offset: term.offset,
                            len: 1,
                        };
                        if weights.len() - part.weights + blocks * lanes * lanes > PART {
                            parts.push(GroupPart {
                                segments: vec![segment],
                                weights: weights.len(),
                            });
                        } else {
                            part.segments.push(segment);
                        }
                    }
                }
                for out in first * lanes..(first + blocks) * lanes {
                    let weight = |channel: &usize| conv.weight(out, *channel, term.tap);
                    weights.push(term.channels.iter().map(weight).sum());
                }
            }
            let mut segments = parts.iter().flat_map(|part| &part.segments);
            groups.push(Group {
                first,
                blocks,
                full: segments.all(|segment| segment.len == lanes),
                parts,
            });
            first += blocks;
        }
        let to = output.geometry;
        let mut bias = vec![0.0; output.blocks * lanes];
        bias[..c_out].copy_from_slice(&conv.bias);
        let pixels = to.pixels();
        let largest = groups
            .iter()
            .map(|g| g.parts.iter().map(|p| p.segments.len()).sum::<usize>());
        let work = largest.max().unwrap_or(0) * lanes * groups[0].blocks;
        let read = input.shape[1] * conv.stride * conv.stride;
        // A few jobs for each thread.
        let shared = (pixels * groups.len()).div_ceil(4 * threads);
        let chunk = (CHUNK / read.max(1))
            .min(MOST / work.max(1))
            .min(shared.max(LEAST / work.max(1)))
            .max(2 * LARGEST_TILE)
            .next_multiple_of(LARGEST_TILE);
        let residual = residual.map(|view| {
            let planes = planes(view, buffers);
            Residual {
                table: planes[0]
                    .geometry
                    .table([to.height, to.width], 1, LARGEST_TILE),
                planes: planes.iter().map(|plane| plane.start).collect(),
            }
        });
        Self {
            isa,
            groups,
            weights: Aligned::new(&weights),
            bias,
            input: from.table([to.height, to.width], conv.stride, LARGEST_TILE),
            output: to.table([to.height, to.width], 1, LARGEST_TILE),
            borders: to.borders(),
            first_plane: output.start,
            step: to.plane(),
            pixels,
            chunk,
            activation: conv.activation,
            residual,
        }
    }

    /// The same into every `step`th row and column of a larger map, from `[y, x]` on; the one from
    /// the first pixel on clears the map's halo.
    pub fn spread(mut self, output: &Buffer, step: usize, [y, x]: [usize; 2]) -> Self {
        let to = output.geometry;
        let from = (y * to.row() + x * to.lanes) as u32;
        let sides = [to.height, to.width].map(|side| side / step);
        self.output = to.table(sides, step, LARGEST_TILE);
        self.output.iter_mut().for_each(|pixel| *pixel += from);
        self.step = to.plane();
        self.borders = match [y, x] {
            [0, 0] => to.borders(),
            _ => Vec::new(),
        };
        self
    }
}

impl Kernel for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn jobs(&self) -> usize {
        self.pixels.div_ceil(self.chunk) * self.groups.len()
    }

    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize) {
        dispatch(
            self.isa,
            Job {
                conv: self,
                memory: memory.arena,
                group: &self.groups[job % self.groups.len()],
                start: job / self.groups.len() * self.chunk,
            },
        );
    }
}

struct Job<'a> {
    conv: &'a Conv,
    memory: *mut f32,
    group: &'a Group,
    /// The first pixel.
    start: usize,
}

impl Task for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let wide = S::REGISTERS == 32;
        match (self.group.blocks, self.group.full) {
            (4, true) if S::LANES == 4 => self.tiles::<S, 4, 6, true>(),
            (4, false) if S::LANES == 4 => self.tiles::<S, 4, 6, false>(),
            (2, true) if wide => self.tiles::<S, 2, 12, true>(),
            (2, false) if wide => self.tiles::<S, 2, 12, false>(),
            (2, true) => self.tiles::<S, 2, 6, true>(),
            (2, false) => self.tiles::<S, 2, 6, false>(),
            (_, true) => self.tiles::<S, 1, 12, true>(),
            (_, false) => self.tiles::<S, 1, 12, false>(),
        }
    }
}

impl Job<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn tiles<S: Simd, const BLOCKS: usize, const P: usize, const FULL: bool>(&self) {
        let Self { conv, group, .. } = *self;
        let end = (self.start + conv.chunk).min(conv.pixels);
        let plane = conv.first_plane + group.first * conv.step;
        if self.start == 0 {
            for block in 0..BLOCKS {
                // SAFETY: the plane is one of this kernel's outputs; the halo is this job's.
                unsafe { clear_halo(self.memory, plane + block * conv.step, &conv.borders) };
            }
        }
        for (number, part) in group.parts.iter().enumerate() {
            let last = number + 1 == group.parts.len();
            let bias = conv.bias[group.first * S::LANES..].as_ptr();
            let of = Part {
                segments: &part.segments,
                weights: conv.weights.get()[part.weights..].as_ptr(),
                bias: (number == 0).then_some(bias),
            };
            for pixel in (self.start..end).step_by(P) {
                let place = Place {
                    memory: self.memory,
                    input: conv.input[pixel..][..P].as_ptr(),
                    output: conv.output[pixel..][..P].as_ptr(),
                    plane,
                    step: conv.step,
                };
                // SAFETY: the tables have P entries, by their slices; their entries, the segments
                // and the planes were made for this plan's memory, and so were the weights, in the
                // same order. A tile at the end of the map computes its last pixel several times;
                // a job's pixels are a multiple of P otherwise, so it writes none of another's.
                unsafe { tile::<S, BLOCKS, P, FULL>(of, place) };
                if last {
                    self.finish::<S, BLOCKS>(pixel, P.min(end - pixel), plane);
                }
            }
        }
    }

    /// Activation and residual of some pixels.
    #[inline(always)]
    fn finish<S: Simd, const BLOCKS: usize>(&self, pixel: usize, count: usize, plane: usize) {
        if self.conv.activation == Activation::Identity && self.conv.residual.is_none() {
            return;
        }
        for block in 0..BLOCKS {
            let residual = self.conv.residual.as_ref().map(|residual| {
                let plane = residual.planes[self.group.first + block];
                (&residual.table[pixel..][..count], plane)
            });
            self.conv.activation.with::<Many<S, TOGETHER>>(Finish {
                memory: self.memory,
                table: &self.conv.output[pixel..][..count],
                plane: plane + block * self.conv.step,
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
