//! The innermost loop of a convolution: some blocks of output channels at some pixels, in
//! registers.

use crate::simd::Simd;

/// Neighbouring floats that are read from each pixel: channels of a block under one tap of the
/// kernel.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// From a pixel's first float in the first plane of the memory.
    pub offset: isize,
    pub len: usize,
}

/// Floats of a cache line.
const LINE: usize = 16;

/// Weights that are read next, which come from memory meanwhile: a tile asks for so many cache lines
/// with each of its segments.
///
/// The processor itself looks no further than the end of a page, so that a sum whose weights are
/// read for the first time would wait for them at each.
#[derive(Clone, Copy)]
pub struct Ahead {
    from: *const f32,
    lines: usize,
}

impl Ahead {
    /// Nothing is asked for.
    pub const NONE: Self = Self {
        from: std::ptr::null(),
        lines: 0,
    };

    /// What one of so many tiles, each of so many segments, asks for of these weights.
    #[inline(always)]
    pub fn share(weights: &[f32], segments: usize, (number, tiles): (usize, usize)) -> Self {
        let lines = weights.len().div_ceil(LINE * (segments * tiles).max(1));
        match weights.get(number * segments * lines * LINE..) {
            Some(rest) if !rest.is_empty() => Self {
                from: rest.as_ptr(),
                lines,
            },
            _ => Self::NONE,
        }
    }
}

/// A part of a sum, for one group of output blocks.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub segments: &'a [Segment],
    /// For each float of each segment a vector for each block.
    pub weights: *const f32,
    /// What the sum begins with, a vector for each block; without it the sum is added to what is
    /// there.
    pub bias: Option<*const f32>,
}

/// Where it reads and writes.
#[derive(Clone, Copy)]
pub struct Place {
    pub memory: *mut f32,
    /// For each pixel, where it begins in an input's plane.
    pub input: *const u32,
    /// For each pixel, where it begins in an output's plane.
    pub output: *const u32,
    /// The first output plane, and the step to the next.
    pub plane: usize,
    pub step: usize,
}

/// [`tile`] of `P` pixels, or of `HALF` where no more are left.
///
/// # Safety
/// As of a tile of `P` pixels.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tile_of_left<
    S: Simd,
    const BLOCKS: usize,
    const P: usize,
    const HALF: usize,
    const FULL: bool,
>(
    part: Part,
    ahead: Ahead,
    place: Place,
    left: usize,
) {
    // SAFETY: by the caller; a half needs less.
    unsafe {
        match left <= HALF {
            true => tile::<S, BLOCKS, HALF, FULL>(part, ahead, place),
            false => tile::<S, BLOCKS, P, FULL>(part, ahead, place),
        }
    }
}

/// Sums a part at `P` pixels for `BLOCKS` blocks. `FULL`: every segment has `LANES` floats.
///
/// # Safety
/// The tables have `P` entries; all floats that they and the segments name are within the memory,
/// and nobody else writes them; there are weights for all segments.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn tile<S: Simd, const BLOCKS: usize, const P: usize, const FULL: bool>(
    part: Part,
    ahead: Ahead,
    place: Place,
) {
    // SAFETY: the caller vouches for all of it.
    unsafe {
        let pixels: [*const f32; P] =
            std::array::from_fn(|p| place.memory.add(*place.input.add(p) as usize).cast_const());
        let zero = S::splat(0.0);
        let mut sums = [[zero; P]; BLOCKS];
        if let Some(bias) = part.bias {
            for (block, sums) in sums.iter_mut().enumerate() {
                *sums = [S::load(bias.add(block * S::LANES)); P];
            }
        }
        let mut weights = part.weights;
        let mut next = ahead.from;
        for segment in part.segments {
            for _ in 0..ahead.lines {
                S::prefetch(next);
                next = next.wrapping_add(LINE);
            }
            let len = if FULL { S::LANES } else { segment.len };
            let at: [*const f32; P] = std::array::from_fn(|p| pixels[p].offset(segment.offset));
            for i in 0..len {
                let factors: [S; BLOCKS] =
                    std::array::from_fn(|block| S::load(weights.add(block * S::LANES)));
                weights = weights.add(BLOCKS * S::LANES);
                for p in 0..P {
                    let x = S::broadcast(at[p].add(i));
                    for block in 0..BLOCKS {
                        sums[block][p] = x.mul_add(factors[block], sums[block][p]);
                    }
                }
            }
        }
        let out: [*mut f32; P] = std::array::from_fn(|p| {
            place
                .memory
                .add(place.plane + *place.output.add(p) as usize)
        });
        if part.bias.is_none() {
            for (block, sums) in sums.iter_mut().enumerate() {
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(S::load(out[p].add(block * place.step)));
                }
            }
        }
        for (block, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                sum.store(out[p].add(block * place.step));
            }
        }
    }
}
