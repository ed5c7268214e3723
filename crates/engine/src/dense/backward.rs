//! The gradient of weights: some numbers under a kernel by some vectors of output channels at a time, in
//! registers, summed over pixels.

use std::ops::Range;

use super::{
    Dense,
    maps::to_lanes,
    panels::{Group, TOGETHER},
    share::Chunk,
    source::{MOST, STRIP, Scratch, Source, sized},
};
use crate::simd::{Isa, Simd, Task};

/// How the gradient of weights is summed up: for each group of output channels, each row of the kernel
/// and each number under it, in whole tiles, a float of each channel.
pub struct Sums {
    groups: Vec<Group>,
    lanes: usize,
    c_in: usize,
    kernel: usize,
    /// Numbers under a row of the kernel, in whole tiles.
    run: usize,
}

impl Sums {
    pub fn new(isa: Isa, of: &Dense) -> Self {
        let lanes = isa.lanes();
        Self {
            groups: Group::all(isa, of.c_out),
            lanes,
            c_in: of.c_in,
            kernel: of.kernel,
            run: (of.kernel * of.c_in).next_multiple_of(MOST),
        }
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Floats of the sums of some groups.
    pub fn len(&self, groups: Range<usize>) -> usize {
        self.groups[groups].iter().map(|g| self.group(*g)).sum()
    }

    fn group(&self, group: Group) -> usize {
        self.kernel * self.run * group.vectors * self.lanes
    }

    /// Each group's output channels.
    pub fn channels(&self, c_out: usize) -> impl Iterator<Item = Range<usize>> {
        let groups = self.groups.iter();
        groups.map(move |group| group.channels(self.lanes, c_out))
    }

    /// The gradient of the weights of a group's output channels, `[…, c_in, kernel, kernel]`: what all
    /// parts that have the group found.
    pub fn add_up(&self, parts: &[Part], number: usize, found: &mut [f32]) {
        let parts = parts.iter().filter(|part| part.groups.contains(&number));
        let parts: Vec<&[f32]> = parts
            .map(|part| &part.sums[self.len(part.groups.start..number)..])
            .collect();
        let pitch = self.groups[number].vectors * self.lanes;
        let taps = (0..self.kernel)
            .flat_map(|y| (0..self.kernel).map(move |x| (y * self.run + x * self.c_in) * pitch));
        let taps: Vec<usize> = taps.collect();
        let row = self.c_in * taps.len();
        for (block, found) in found.chunks_mut(TOGETHER * row).enumerate() {
            for channels in (0..self.c_in).step_by(TOGETHER) {
                for (number, tap) in taps.iter().enumerate() {
                    for channel in channels..self.c_in.min(channels + TOGETHER) {
                        let from = channel * pitch + tap + block * TOGETHER;
                        let to = found[channel * taps.len() + number..].iter_mut();
                        for (output, to) in to.step_by(row).enumerate() {
                            *to = parts.iter().map(|part| part[from + output]).sum();
                        }
                    }
                }
            }
        }
    }
}

/// What a thread has summed up of some groups of output channels.
pub struct Part {
    pub groups: Range<usize>,
    pub sums: Vec<f32>,
}

/// What a chunk adds to the gradient of the weights of some groups.
pub struct Backward<'a> {
    pub of: &'a Dense,
    pub sums: &'a Sums,
    pub groups: Range<usize>,
    pub chunk: Chunk,
    pub x: &'a [f32],
    pub gradient: &'a [f32],
    pub found: &'a mut [f32],
    pub scratch: &'a mut Scratch,
}

impl Task for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { of, chunk, .. } = self;
        let Scratch { pixels, sums, .. } = self.scratch;
        let [height, width] = of.output_sides();
        let padding = of.padding as isize;
        let source = Source {
            first: [(chunk.lines.start * of.stride) as isize - padding, -padding],
            size: [chunk.lines.len(), width].map(|count| (count - 1) * of.stride + of.kernel),
            channels: of.c_in,
        };
        let pixels = source.fill((self.x, [of.height, of.width]), &chunk, pixels);
        let (area, lines) = (height * width, chunk.lines.len() * width);
        let mut rest = self.found;
        for group in &self.sums.groups[self.groups] {
            let (found, after) = rest.split_at_mut(self.sums.group(*group));
            rest = after;
            let (first, pitch) = (group.first * S::LANES, group.vectors * S::LANES);
            let channels = pitch.min(of.c_out - first);
            let gradients = sized(sums, chunk.images.len() * lines * pitch);
            for (image, to) in chunk
                .images
                .clone()
                .zip(gradients.chunks_exact_mut(lines * pitch))
            {
                let planes = &self.gradient[(image * of.c_out + first) * area..][..channels * area];
                to_lanes(planes, area, chunk.lines.start * width, pitch, to);
            }
            let product = Product {
                of,
                run: self.sums.run,
                source,
                size: [chunk.images.len(), chunk.lines.len(), width],
            };
            match group.vectors {
                4 => product.all::<S, 4, 6>(pixels, gradients, found),
                2 if S::REGISTERS == 32 => product.all::<S, 2, 12>(pixels, gradients, found),
                2 => product.all::<S, 2, 6>(pixels, gradients, found),
                _ => product.all::<S, 1, 12>(pixels, gradients, found),
            }
        }
    }
}

/// The sums over a chunk's pixels, for one group.
struct Product<'a> {
    of: &'a Dense,
    /// Numbers of a row of the kernel, in whole tiles.
    run: usize,
    source: Source,
    /// Images, lines and columns.
    size: [usize; 3],
}

impl Product<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn all<S: Simd, const VECTORS: usize, const P: usize>(
        &self,
        pixels: &[f32],
        gradients: &[f32],
        found: &mut [f32],
    ) {
        let pitch = VECTORS * S::LANES;
        let (of, source, [images, lines, columns]) = (self.of, &self.source, self.size);
        let step = of.stride * source.channels;
        assert_eq!(gradients.len(), images * lines * columns * pitch);
        assert_eq!(found.len(), of.kernel * self.run * pitch);
        assert!(pixels.len() >= images * source.image() + MOST && self.run.is_multiple_of(P));
        let strip = (STRIP / columns).max(1);
        for first in (0..images * lines).step_by(strip) {
            let strip = first..(first + strip).min(images * lines);
            for (row, found) in found.chunks_exact_mut(self.run * pitch).enumerate() {
                for (tile, found) in found.chunks_exact_mut(P * pitch).enumerate() {
                    // SAFETY: the source has a row for each line's step and the kernel's rows, and a run for
                    // each column; a tile reaches no further than MOST beyond it. Gradients are as many
                    // as pixels, and there is room for the tile's sums, both by the assertions.
                    unsafe {
                        let mut sums = [[S::splat(0.0); VECTORS]; P];
                        let mut gradient = gradients.as_ptr().add(first * columns * pitch);
                        for number in strip.clone() {
                            let (image, line) = (number / lines, number % lines);
                            let at = image * source.image()
                                + (line * of.stride + row) * source.row()
                                + tile * P;
                            let mut at = pixels.as_ptr().add(at);
                            for _ in 0..columns {
                                let g: [S; VECTORS] =
                                    std::array::from_fn(|v| S::load(gradient.add(v * S::LANES)));
                                gradient = gradient.add(pitch);
                                for (p, sums) in sums.iter_mut().enumerate() {
                                    let x = S::broadcast(at.add(p));
                                    for v in 0..VECTORS {
                                        sums[v] = x.mul_add(g[v], sums[v]);
                                    }
                                }
                                at = at.wrapping_add(step);
                            }
                        }
                        let to = found.as_mut_ptr();
                        for (p, sums) in sums.into_iter().enumerate() {
                            for (v, sum) in sums.into_iter().enumerate() {
                                let to = to.add((p * VECTORS + v) * S::LANES);
                                S::load(to).add(sum).store(to);
                            }
                        }
                    }
                }
            }
        }
    }
}
