//! Into the basis of Winograd's products and back, line by line of tiles.

use std::{mem::MaybeUninit, ops::Range};

use rayon::prelude::*;

use super::{product::GROUP, room::SPOTS};
use crate::simd::Simd;

/// Kernels in the basis, G · g · Gᵀ: for each spot and group of output channels, by input channel, a
/// float of each output channel of the group. `kernel` gives that of an output and an input channel.
pub fn to_kernels(
    [c_out, c_in]: [usize; 2],
    kernel: impl Fn(usize, usize) -> [f32; 9] + Sync,
) -> Vec<f32> {
    let groups = c_out.div_ceil(GROUP);
    let row = c_in * GROUP;
    let by_group: Vec<Vec<f32>> = (0..groups)
        .into_par_iter()
        .with_min_len(4096_usize.div_ceil(row.max(1)))
        .map(|group| {
            let mut all = vec![0.0; SPOTS * row];
            for channel in 0..c_in {
                // Tap by tap, those of the group's output channels side by side.
                let mut taps = [[0.0; GROUP]; 9];
                for (i, out) in (group * GROUP..c_out.min((group + 1) * GROUP)).enumerate() {
                    for (tap, weight) in taps.iter_mut().zip(kernel(out, channel)) {
                        tap[i] = weight;
                    }
                }
                for i in 0..GROUP {
                    let along = |[a, b, c]: [f32; 3]| [a, (a + c + b) * 0.5, (a + c - b) * 0.5, c];
                    let rows: [[f32; 4]; 3] =
                        std::array::from_fn(|y| along([0, 1, 2].map(|x| taps[3 * y + x][i])));
                    for x in 0..4 {
                        let column = along([0, 1, 2].map(|y| rows[y][x]));
                        for (y, number) in column.into_iter().enumerate() {
                            all[(4 * y + x) * row + channel * GROUP + i] = number;
                        }
                    }
                }
            }
            all
        })
        .collect();
    let mut kernels = Vec::with_capacity(SPOTS * groups * row);
    for spot in 0..SPOTS {
        for group in &by_group {
            kernels.extend_from_slice(&group[spot * row..][..row]);
        }
    }
    kernels
}

/// The way back for a gradient, Gᵀ · dU · G.
pub fn to_kernel(spots: [f32; SPOTS]) -> [f32; 9] {
    let along = |[a, b, c, d]: [f32; 4]| [a + (b + c) * 0.5, (b - c) * 0.5, (b + c) * 0.5 + d];
    let rows: [[f32; 3]; 4] =
        std::array::from_fn(|y| along(std::array::from_fn(|x| spots[4 * y + x])));
    let columns: [[f32; 3]; 3] = std::array::from_fn(|x| along([0, 1, 2, 3].map(|y| rows[y][x])));
    std::array::from_fn(|tap| columns[tap % 3][tap / 3])
}

/// Lines of maps, every other pixel apart, so that a vector has the same pixel of tiles side by side.
pub struct Lines<'a> {
    height: usize,
    width: usize,
    /// Tiles of a line.
    wide: usize,
    memory: &'a mut [f32],
}

/// Two lines' pixels of tiles, those at even places and those at odd ones, of a row.
pub struct Pixels<'a> {
    even: &'a [f32],
    odd: &'a [f32],
}

impl Pixels<'_> {
    /// The row.
    #[inline(always)]
    pub fn write(&self, row: &mut [MaybeUninit<f32>]) {
        let (pairs, rest) = row.as_chunks_mut::<2>();
        for ((pair, even), odd) in pairs.iter_mut().zip(self.even).zip(self.odd) {
            *pair = [MaybeUninit::new(*even), MaybeUninit::new(*odd)];
        }
        if let [last] = rest {
            last.write(self.even[pairs.len()]);
        }
    }
}

/// Bᵀ of a row or a column of inputs.
#[inline(always)]
fn to_basis<S: Simd>([a, b, c, d]: [S; 4]) -> [S; 4] {
    [a.sub(c), b.add(c), c.sub(b), b.sub(d)]
}

/// Aᵀ of a row or a column of products.
#[inline(always)]
fn from_basis<S: Simd>([a, b, c, d]: [S; 4]) -> [S; 2] {
    [a.add(b).add(c), b.sub(c).sub(d)]
}

/// A of a row or a column of gradients.
#[inline(always)]
fn gradient_to_basis<S: Simd>([a, b]: [S; 2]) -> [S; 4] {
    [a, a.add(b), a.sub(b), S::splat(0.0).sub(b)]
}

/// Four vectors, each a step after the one before.
///
/// # Safety
/// All can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn four<S: Simd>(at: *const f32, step: usize) -> [S; 4] {
    // SAFETY: by the caller.
    unsafe {
        [
            S::load(at),
            S::load(at.add(step)),
            S::load(at.add(2 * step)),
            S::load(at.add(3 * step)),
        ]
    }
}

/// Floats that a line of so many tiles takes, with what vectors read beyond it.
fn pitch(lanes: usize, wide: usize) -> usize {
    wide.next_multiple_of(lanes) + lanes
}

impl<'a> Lines<'a> {
    /// Floats of memory for some lines of tiles.
    pub fn room(lanes: usize, lines: usize, wide: usize) -> usize {
        (4 * (2 * lines + 2) + 2) * pitch(lanes, wide)
    }

    /// For maps of a size, in memory of [`Self::room`].
    pub fn new(height: usize, width: usize, memory: &'a mut [f32]) -> Self {
        Self {
            height,
            width,
            wide: width.div_ceil(2),
            memory,
        }
    }

    /// Some lines of tiles of a map in the basis, Bᵀ · d · B, to the first tile's first spot and on,
    /// spots being `step` apart. A vector more than there are tiles is written.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn take_inputs<S: Simd>(
        &mut self,
        plane: &[f32],
        lines: Range<usize>,
        to: &mut [f32],
        step: usize,
    ) {
        let (wide, pitch) = (self.wide, pitch(S::LANES, self.wide));
        let (apart, rows) = self.memory.split_at_mut(2 * pitch);
        let (odd, even) = apart.split_at_mut(pitch);
        let count = 2 * lines.len() + 2;
        let rows = &mut rows[..4 * count * pitch];
        for (number, row) in rows.chunks_exact_mut(4 * pitch).enumerate() {
            let y = (2 * lines.start + number).wrapping_sub(1);
            if y >= self.height {
                row.fill(0.0);
                continue;
            }
            // Pixel 2j - 1 is odd[j], pixel 2j even[j]; there are wide + 1 of both.
            let (pairs, rest) = plane[y * self.width..][..self.width].as_chunks::<2>();
            (odd[0], odd[wide], even[wide]) = (0.0, 0.0, 0.0);
            for (([first, second], even), odd) in pairs.iter().zip(&mut *even).zip(&mut odd[1..]) {
                (*even, *odd) = (*first, *second);
            }
            if let [last] = rest {
                even[wide - 1] = *last;
            }
            for tile in (0..wide).step_by(S::LANES) {
                // SAFETY: a pitch has room for a vector at wide + 1 less one, and so have the four
                // lines of the row.
                unsafe {
                    let [odd, even] = [&*odd, &*even].map(|line| line.as_ptr().add(tile));
                    let pixels = [odd, even, odd.add(1), even.add(1)].map(|at| S::load(at));
                    for (x, number) in to_basis(pixels).into_iter().enumerate() {
                        number.store(row.as_mut_ptr().add(x * pitch + tile));
                    }
                }
            }
        }
        assert!((SPOTS - 1) * step + (lines.len() - 1) * wide + pitch <= to.len() + S::LANES);
        for line in 0..lines.len() {
            for tile in (0..wide).step_by(S::LANES) {
                for x in 0..4 {
                    // SAFETY: there are two rows more than two for each line, of four lines each;
                    // by the assertion there is room for the last vector of the last spot.
                    unsafe {
                        let at = rows.as_ptr().add((8 * line + x) * pitch + tile);
                        let out = to.as_mut_ptr().add(x * step + line * wide + tile);
                        let column = to_basis(four::<S>(at, 4 * pitch));
                        for (y, number) in column.into_iter().enumerate() {
                            number.store(out.add(4 * y * step));
                        }
                    }
                }
            }
        }
    }

    /// The same of a gradient, A · dY · Aᵀ.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn take_gradient<S: Simd>(
        &mut self,
        plane: &[f32],
        lines: Range<usize>,
        to: &mut [f32],
        step: usize,
    ) {
        let (wide, pitch) = (self.wide, pitch(S::LANES, self.wide));
        let apart = &mut self.memory[..4 * pitch];
        assert!((SPOTS - 1) * step + (lines.len() - 1) * wide + pitch <= to.len() + S::LANES);
        for (number, line) in lines.enumerate() {
            for (row, apart) in apart.chunks_exact_mut(2 * pitch).enumerate() {
                let (even, odd) = apart.split_at_mut(pitch);
                let y = 2 * line + row;
                if y >= self.height {
                    even.fill(0.0);
                    odd.fill(0.0);
                    continue;
                }
                let (pairs, rest) = plane[y * self.width..][..self.width].as_chunks::<2>();
                for (([first, second], even), odd) in pairs.iter().zip(&mut *even).zip(&mut *odd) {
                    (*even, *odd) = (*first, *second);
                }
                if let [last] = rest {
                    (even[wide - 1], odd[wide - 1]) = (*last, 0.0);
                }
            }
            for tile in (0..wide).step_by(S::LANES) {
                // SAFETY: a pitch has room for a vector beyond the tiles; by the assertion there
                // is room for the last vector of the last spot.
                unsafe {
                    let [top, left, bottom, right] = four::<S>(apart.as_ptr().add(tile), pitch);
                    let (top, bottom) = (
                        gradient_to_basis([top, left]),
                        gradient_to_basis([bottom, right]),
                    );
                    let out = to.as_mut_ptr().add(number * wide + tile);
                    for x in 0..4 {
                        let column = gradient_to_basis([top[x], bottom[x]]);
                        for (y, number) in column.into_iter().enumerate() {
                            number.store(out.add((4 * y + x) * step));
                        }
                    }
                }
            }
        }
    }

    /// Some lines of tiles back from the basis, Aᵀ · m · A, from the first tile's first spot and on.
    /// `row` is given the number of each row of pixels, and it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn give_outputs<S: Simd>(
        &mut self,
        from: &[f32],
        step: usize,
        lines: Range<usize>,
        mut row: impl FnMut(usize, Pixels),
    ) {
        let (wide, pitch) = (self.wide, pitch(S::LANES, self.wide));
        let apart = &mut self.memory[..4 * pitch];
        assert!((SPOTS - 1) * step + (lines.len() - 1) * wide + pitch <= from.len() + S::LANES);
        for (number, line) in lines.enumerate() {
            for tile in (0..wide).step_by(S::LANES) {
                // SAFETY: by the assertion the last vector of the last spot can be read; a pitch
                // has room for a vector beyond the tiles.
                unsafe {
                    let at = from.as_ptr().add(number * wide + tile);
                    let mut columns = [[S::splat(0.0); 2]; 4];
                    for (x, column) in columns.iter_mut().enumerate() {
                        *column = from_basis(four(at.add(x * step), 4 * step));
                    }
                    let [a, b, c, d] = columns;
                    for y in 0..2 {
                        let pixels = from_basis([a[y], b[y], c[y], d[y]]);
                        let out = apart.as_mut_ptr().add(2 * y * pitch + tile);
                        pixels[0].store(out);
                        pixels[1].store(out.add(pitch));
                    }
                }
            }
            for (y, apart) in apart.chunks_exact(2 * pitch).enumerate() {
                if 2 * line + y < self.height {
                    let (even, odd) = apart.split_at(pitch);
                    row(2 * line + y, Pixels { even, odd });
                }
            }
        }
    }
}
