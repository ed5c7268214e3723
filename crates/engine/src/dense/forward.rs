//! Sums under windows: some pixels by some vectors of output channels at a time, in registers.

use std::ops::Range;

use super::{
    maps::to_row,
    panels::{Group, Panels},
    share::Chunk,
    source::{STRIP, Scratch, Source, sized},
    window::{Pass, Window},
};
use crate::{
    shared::Shared,
    simd::{Simd, Task},
};

/// Numbers of a sum whose weights stay in the first cache while a strip's pixels pass by.
const PART: usize = 128;

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
                    // so are those of the pixels before it, or there are none to read; there are weights
                    // for all parts; the room has whole tiles.
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
                // SAFETY: the pixels are of one row, which is in no other chunk; those between steps are of
                // this thread's other windows; the borrow ends here.
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
