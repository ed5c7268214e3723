//! The innermost loops: some pixels, or some numbers under a kernel, by some vectors of output
//! channels, in registers.

use std::{cell::RefCell, ops::Range};

use super::{
    Chunk, Dense,
    maps::{Rectangle, to_lanes, to_pixels, to_row},
    panels::{Group, Panels, TOGETHER, together},
    window::{Pass, Window},
};
use crate::{
    shared::Shared,
    simd::{Isa, Simd, Task},
};

/// Pixels, or numbers under a kernel, that are summed together at most.
const MOST: usize = 12;

/// Pixels whose sums, or gradients, stay in the first cache while all that is summed passes by.
const STRIP: usize = 192;

/// Numbers of a sum whose weights stay there while a strip's pixels pass by.
const PART: usize = 128;

/// A thread's memory, kept, of any values.
#[derive(Default)]
pub struct Scratch {
    /// Pixels that are read.
    pixels: Vec<f32>,
    /// Sums, or pixels of a gradient.
    sums: Vec<f32>,
    /// Where the pixels are that are summed.
    places: Vec<usize>,
}

/// Calls `f` with it. To be called outside of what is compiled for a set of instructions, since `f` is not inlined.
pub fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with_borrow_mut(f)
}

/// The first `len` floats, of any values.
fn sized(memory: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
    &mut memory[..len]
}

/// A chunk's outputs.
pub struct Forward<'a> {
    pub pass: &'a Pass,
    pub windows: &'a [Window],
    pub panels: &'a [Panels],
    pub chunk: Chunk,
    pub from: &'a [f32],
    pub to: &'a Shared<'a>,
    pub scratch: &'a mut Scratch,
}

/// Where the pixels are that a chunk reads.
#[derive(Clone, Copy)]
struct Source {
    /// The first row and column of the first image's, and rows and columns of each.
    first: [isize; 2],
    size: [usize; 2],
    channels: usize,
}

impl Source {
    fn row(&self) -> usize {
        self.size[1] * self.channels
    }

    fn image(&self) -> usize {
        self.size[0] * self.row()
    }

    /// Copies the chunk's images. What is read beyond the last pixel is zero.
    #[inline(always)]
    fn fill<'a>(
        &self,
        (maps, sides): (&[f32], [usize; 2]),
        chunk: &Chunk,
        memory: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let (each, all) = (self.image(), chunk.images.len() * self.image());
        let memory = sized(memory, all + MOST);
        memory[all..].fill(0.0);
        let area = self.channels * sides[0] * sides[1];
        let of = Rectangle {
            sides,
            first: self.first,
            size: self.size,
        };
        for (number, image) in chunk.images.clone().enumerate() {
            let planes = &maps[image * area..][..area];
            to_pixels(
                planes,
                self.channels,
                of,
                &mut memory[number * each..][..each],
            );
        }
        memory
    }
}

impl Source {
    /// Where each of `size` windows begins, `step` pixels from the one before, the first at `start`; the
    /// last several times more.
    fn places(
        &self,
        [images, lines, columns]: [usize; 3],
        step: usize,
        start: [usize; 2],
        places: &mut Vec<usize>,
    ) {
        places.clear();
        for image in 0..images {
            for line in 0..lines {
                let row = image * self.image() + (line * step + start[0]) * self.row();
                let first = row + start[1] * self.channels;
                places.extend((0..columns).map(|column| first + column * step * self.channels));
            }
        }
        let last = *places.last().expect("there are windows");
        places.resize(places.len() + MOST, last);
    }
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self {
            pass,
            windows,
            panels,
            chunk,
            from,
            to,
            scratch,
        } = self;
        let (offset, reach) = Window::union(windows);
        let columns = pass.to[1].div_ceil(pass.step_to);
        let side = |count: usize, reach: usize| (count - 1) * pass.step_from + reach;
        let source = Source {
            first: [
                (chunk.lines.start * pass.step_from) as isize + offset[0],
                offset[1],
            ],
            size: [side(chunk.lines.len(), reach[0]), side(columns, reach[1])],
            channels: pass.c_in,
        };
        let Scratch {
            pixels,
            sums,
            places,
        } = scratch;
        let pixels = source.fill((from, pass.from), &chunk, pixels);
        for (window, panels) in windows.iter().zip(panels) {
            // A window without taps has no place; its sums are of nothing.
            let start = [0, 1].map(|axis| (window.offset[axis] - offset[axis]).max(0) as usize);
            let size = pass.size(window, &chunk);
            if size.contains(&0) {
                continue;
            }
            source.places(size, pass.step_from, start, places);
            for (group, weights) in panels.groups() {
                let strip = Strip {
                    pass,
                    chunk: &chunk,
                    to,
                    window,
                    panels,
                    group,
                    weights,
                    source,
                    size,
                    places,
                };
                strip.all::<S>(pixels, sums);
            }
        }
    }
}

/// The outputs of one window in one group of channels.
struct Strip<'a> {
    pass: &'a Pass,
    chunk: &'a Chunk,
    to: &'a Shared<'a>,
    window: &'a Window,
    panels: &'a Panels,
    group: Group,
    weights: &'a [f32],
    source: Source,
    /// Images, lines and columns that are written.
    size: [usize; 3],
    /// Where the sums of each of these pixels begin in the source, at the end the last several times.
    places: &'a [usize],
}

impl Strip<'_> {
    #[inline(always)]
    fn all<S: Simd>(&self, pixels: &[f32], sums: &mut Vec<f32>) {
        let wide = S::REGISTERS == 32;
        match self.group.vectors {
            4 => self.lines::<S, 4, 6, 3>(pixels, sums),
            2 if wide => self.lines::<S, 2, 12, 6>(pixels, sums),
            2 => self.lines::<S, 2, 6, 3>(pixels, sums),
            _ => self.lines::<S, 1, 12, 6>(pixels, sums),
        }
    }

    /// In tiles of `P` pixels, and at the end one of `HALF` where that is enough.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn lines<S: Simd, const VECTORS: usize, const P: usize, const HALF: usize>(
        &self,
        pixels: &[f32],
        sums: &mut Vec<f32>,
    ) {
        let source = &self.source;
        let pitch = VECTORS * S::LANES;
        let all = self.size.iter().product::<usize>();
        let (rows, run) = (self.panels.rows, self.panels.run);
        if rows * run > 0 {
            let last = self.places[all - 1] + (rows - 1) * source.row() + run;
            assert!(last <= pixels.len());
        }
        let weights = self.weights;
        assert_eq!(weights.len(), rows * run * pitch);
        let strip = all.div_ceil(all.div_ceil(STRIP)).next_multiple_of(P);
        let room = sized(sums, strip * pitch);
        for first in (0..all).step_by(strip) {
            let strip = first..all.min(first + strip);
            for part in parts(rows, run) {
                for tile in strip.clone().step_by(P) {
                    let at = *self.places[tile..]
                        .first_chunk()
                        .expect("a tile more than pixels");
                    // SAFETY: the last pixel's numbers are within the source by the assertion above, and
                    // so are those of the pixels before it; there are weights for all parts; the room
                    // has whole tiles.
                    unsafe {
                        let sum = Sum {
                            part,
                            row: source.row(),
                            weights: weights.as_ptr().add((part.row * run + part.first) * pitch),
                            out: room.as_mut_ptr().add((tile - first) * pitch),
                        };
                        match strip.end - tile <= HALF {
                            true => sum.tile::<S, VECTORS, HALF>(pixels.as_ptr(), halved(at)),
                            false => sum.tile::<S, VECTORS, P>(pixels.as_ptr(), at),
                        }
                    }
                }
            }
            self.give(room, pitch, strip);
        }
    }

    /// A strip's sums to their planes, row by row.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn give(&self, sums: &[f32], pitch: usize, strip: Range<usize>) {
        let (pass, chunk, [_, lines, columns]) = (self.pass, self.chunk, self.size);
        let [height, width] = pass.to;
        let first = self.group.first * self.panels.lanes;
        let channels = pitch.min(pass.c_out - first);
        let mut done = strip.start;
        while done < strip.end {
            let (line, column) = (done / columns, done % columns);
            let count = (columns - column).min(strip.end - done);
            let (image, line) = (chunk.images.start + line / lines, line % lines);
            let y = (chunk.lines.start + line) * pass.step_to + self.window.first[0];
            let x = column * pass.step_to + self.window.first[1];
            let from = &sums[(done - strip.start) * pitch..][..count * pitch];
            for channel in 0..channels {
                let plane = (image * pass.c_out + first + channel) * height + y;
                let len = (count - 1) * pass.step_to + 1;
                // SAFETY: a chunk's lines are in no other chunk, so nobody else writes these pixels;
                // the borrow ends here.
                let row = unsafe { self.to.part(plane * width + x, len) };
                to_row(from, pitch, channel, row, pass.step_to);
            }
            done += count;
        }
    }
}

/// The first half of some places.
#[inline(always)]
fn halved<const P: usize, const HALF: usize>(at: [usize; P]) -> [usize; HALF] {
    std::array::from_fn(|p| at[p])
}

/// Some numbers of a sum: of some rows all, or of one row some.
#[derive(Clone, Copy)]
struct Part {
    row: usize,
    rows: usize,
    first: usize,
    len: usize,
}

/// A sum over `rows` runs of `run` numbers in parts, in order; a part without numbers where there are none.
#[inline(always)]
fn parts(rows: usize, run: usize) -> impl Iterator<Item = Part> {
    let tall = (PART / run.max(1)).clamp(1, rows.max(1));
    let pieces = run.div_ceil(PART).max(1);
    let len = run.div_ceil(pieces);
    (0..rows.max(1)).step_by(tall).flat_map(move |row| {
        (0..pieces).map(move |piece| Part {
            row,
            rows: tall.min(rows - row),
            first: piece * len,
            len: len.min(run - piece * len),
        })
    })
}

/// A part of the sums of some pixels.
#[derive(Clone, Copy)]
struct Sum {
    part: Part,
    /// Numbers from a run to the next.
    row: usize,
    /// For each number of the part some vectors.
    weights: *const f32,
    /// For each pixel as many vectors, which the first part begins.
    out: *mut f32,
}

impl Sum {
    /// Of `P` pixels whose first numbers are at these places.
    ///
    /// # Safety
    /// All runs can be read, there are weights for them, and the sums can be written.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn tile<S: Simd, const VECTORS: usize, const P: usize>(
        self,
        pixels: *const f32,
        at: [usize; P],
    ) {
        let Part {
            row,
            rows,
            first,
            len,
        } = self.part;
        // SAFETY: the caller vouches for all of it.
        unsafe {
            let mut sums = [[S::splat(0.0); P]; VECTORS];
            if row + first > 0 {
                for (v, sums) in sums.iter_mut().enumerate() {
                    for (p, sum) in sums.iter_mut().enumerate() {
                        *sum = S::load(self.out.add((p * VECTORS + v) * S::LANES));
                    }
                }
            }
            let mut weights = self.weights;
            for row in row..row + rows {
                let at: [*const f32; P] =
                    std::array::from_fn(|p| pixels.add(at[p] + row * self.row + first));
                for i in 0..len {
                    let factors: [S; VECTORS] =
                        std::array::from_fn(|v| S::load(weights.add(v * S::LANES)));
                    weights = weights.add(VECTORS * S::LANES);
                    for p in 0..P {
                        let x = S::broadcast(at[p].add(i));
                        for v in 0..VECTORS {
                            sums[v][p] = x.mul_add(factors[v], sums[v][p]);
                        }
                    }
                }
            }
            for (v, sums) in sums.into_iter().enumerate() {
                for (p, sum) in sums.into_iter().enumerate() {
                    sum.store(self.out.add((p * VECTORS + v) * S::LANES));
                }
            }
        }
    }
}

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
            groups: together(isa, of.c_out.div_ceil(lanes)).collect(),
            lanes,
            c_in: of.c_in,
            kernel: of.kernel,
            run: (of.kernel * of.c_in).next_multiple_of(MOST),
        }
    }

    /// Floats of all sums.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| self.group(*group)).sum()
    }

    fn group(&self, group: Group) -> usize {
        self.kernel * self.run * group.vectors * self.lanes
    }

    /// Each group's number and its output channels.
    pub fn channels(&self, c_out: usize) -> impl Iterator<Item = Range<usize>> {
        self.groups.iter().map(move |group| {
            group.first * self.lanes..c_out.min((group.first + group.vectors) * self.lanes)
        })
    }

    /// The gradient of the weights of a group's output channels, `[…, c_in, kernel, kernel]`, of all
    /// shares of it.
    pub fn add_up(&self, shares: &[Vec<f32>], number: usize, found: &mut [f32]) {
        let first: usize = self.groups[..number].iter().map(|g| self.group(*g)).sum();
        let pitch = self.groups[number].vectors * self.lanes;
        let taps = (0..self.kernel)
            .flat_map(|y| (0..self.kernel).map(move |x| (y * self.run + x * self.c_in) * pitch));
        let taps: Vec<usize> = taps.collect();
        for block in (0..self.c_in).step_by(TOGETHER) {
            let channels = block..self.c_in.min(block + TOGETHER);
            for (i, found) in found.chunks_exact_mut(self.c_in * taps.len()).enumerate() {
                for channel in channels.clone() {
                    let from = first + channel * pitch + i;
                    let found = &mut found[channel * taps.len()..][..taps.len()];
                    for (sum, tap) in found.iter_mut().zip(&taps) {
                        *sum = shares.iter().map(|share| share[from + tap]).sum();
                    }
                }
            }
        }
    }
}

/// What a chunk adds to the gradient of the weights.
pub struct Backward<'a> {
    pub of: &'a Dense,
    pub sums: &'a Sums,
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
        for group in &self.sums.groups {
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
