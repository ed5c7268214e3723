//! Which tiles are done together, and where their numbers are in a thread's memory.

use std::ops::Range;

use super::{Planar3x3, product::VECTORS};
use crate::simd::Isa;

/// Numbers of a tile's inputs, and products.
pub const SPOTS: usize = 16;

/// Floats of inputs and products in the basis that stay in the second cache.
const CHUNK: usize = 96 * 1024;

/// Tiles beyond which more at a time gain nothing.
const MOST: usize = 240;

/// Sizes and places of a convolution's chunks.
pub struct Room {
    /// Lines of tiles in all images, in one image, and in a chunk.
    total: usize,
    tall: usize,
    lines: usize,
    /// Tiles of a line.
    wide: usize,
    /// Tiles that are multiplied at a time.
    unit: usize,
    pub inputs: Planes,
    pub outputs: Planes,
    /// Floats to arrange lines in.
    arranged: usize,
}

/// For each spot a row of tiles for each channel.
pub struct Planes {
    /// Rows that there is room for: the channels, in whole steps of those that are done together.
    pub rows: usize,
    /// Floats from a row to the next, and from a spot to the next.
    pub step: usize,
    pub spots: usize,
}

impl Planes {
    fn new(channels: usize, together: usize, room: usize) -> Self {
        // Odd numbers of cache lines, so that neighbours are in different sets.
        let odd = |floats: usize| (floats.div_ceil(16) | 1) * 16;
        let rows = channels.next_multiple_of(together);
        let step = odd(room);
        Self {
            rows,
            step,
            spots: odd(rows * step),
        }
    }

    pub fn place(&self, channel: usize, tile: usize) -> usize {
        channel * self.step + tile
    }
}

/// Some lines of tiles, through all images.
#[derive(Clone, Copy)]
pub struct Chunk {
    first: usize,
    end: usize,
}

/// Lines of tiles of one image.
pub struct Run {
    pub image: usize,
    pub lines: Range<usize>,
    /// The first tile's number in its chunk.
    pub tile: usize,
}

impl Room {
    /// Chunks have `least` tiles, if there are so many for every thread; rows of inputs and outputs are
    /// in multiples of `together`.
    pub fn new(isa: Isa, of: &Planar3x3, least: usize, together: [usize; 2]) -> Self {
        let (lanes, threads) = (isa.lanes(), rayon::current_num_threads());
        let (tall, wide) = (of.height.div_ceil(2), of.width.div_ceil(2));
        let (unit, total) = (VECTORS * lanes, of.batch * tall);
        let tiles = (CHUNK / (SPOTS * (of.c_in + of.c_out)).max(1)).clamp(least, MOST);
        let lines = (tiles / wide.max(1)).max(1);
        // Whole units, where lines so short can make them.
        let even = (1..=lines)
            .rev()
            .find(|lines| (lines * wide).is_multiple_of(unit));
        let chunks = total
            .div_ceil(even.unwrap_or(lines))
            .next_multiple_of(threads);
        let lines = total.div_ceil(chunks.max(1)).max(1);
        // What a vector writes beyond the last tile.
        let room = (lines * wide).next_multiple_of(unit) + lanes;
        Self {
            total,
            tall,
            lines,
            wide,
            unit,
            inputs: Planes::new(of.c_in, together[0], room),
            outputs: Planes::new(of.c_out, together[1], room),
            arranged: super::Lines::room(lanes, lines, wide),
        }
    }

    /// Floats of a thread's memory.
    pub fn len(&self) -> usize {
        SPOTS * (self.inputs.spots + self.outputs.spots) + self.arranged
    }

    /// The memory of inputs, outputs and lines.
    pub fn split<'a>(&self, scratch: &'a mut [f32]) -> [&'a mut [f32]; 3] {
        let (inputs, rest) = scratch.split_at_mut(SPOTS * self.inputs.spots);
        let (outputs, rest) = rest.split_at_mut(SPOTS * self.outputs.spots);
        [inputs, outputs, rest]
    }

    pub fn chunks(&self) -> usize {
        self.total.div_ceil(self.lines)
    }

    pub fn chunk(&self, number: usize) -> Chunk {
        let first = number * self.lines;
        Chunk {
            first,
            end: (first + self.lines).min(self.total),
        }
    }

    /// A chunk's tiles, in whole units.
    pub fn tiles(&self, chunk: Chunk) -> usize {
        ((chunk.end - chunk.first) * self.wide).next_multiple_of(self.unit)
    }

    /// A chunk's lines, image by image.
    #[inline(always)]
    pub fn runs(&self, chunk: Chunk) -> impl Iterator<Item = Run> + use<> {
        let (tall, wide) = (self.tall, self.wide);
        (chunk.first / tall..chunk.end.div_ceil(tall)).map(move |image| {
            let start = chunk.first.max(image * tall);
            let end = chunk.end.min((image + 1) * tall);
            Run {
                image,
                lines: start - image * tall..end - image * tall,
                tile: (start - chunk.first) * wide,
            }
        })
    }

    /// Sets the numbers behind a chunk's last tile to zero.
    #[inline(always)]
    pub fn clear_rest(&self, chunk: Chunk, of: &Planes, channels: usize, planes: &mut [f32]) {
        let last = (chunk.end - chunk.first) * self.wide;
        let end = last.next_multiple_of(self.unit);
        if last == end {
            return;
        }
        for spot in 0..SPOTS {
            for channel in 0..channels {
                planes[spot * of.spots + channel * of.step..][last..end].fill(0.0);
            }
        }
    }
}
