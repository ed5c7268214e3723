//! Which pixels are done together.

use std::ops::Range;

/// Floats of maps that stay in a core's second cache.
const CACHE: usize = 64 * 1024;

/// A pass in chunks.
pub struct Share {
    batch: usize,
    height: usize,
    /// Images of a chunk, or lines of one image.
    images: usize,
    lines: usize,
}

/// Lines of images. There are several images only with all of their lines.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub images: Range<usize>,
    pub lines: Range<usize>,
}

impl Share {
    /// Of maps of these sides, each pixel of which takes so many floats.
    pub fn new(batch: usize, [height, width]: [usize; 2], floats: usize, threads: usize) -> Self {
        let line = (width * floats).max(1);
        let each = batch.div_ceil(threads).max(1);
        let (images, lines) = match CACHE / (line * height).max(1) {
            0 => (1, (CACHE / line).max(1)),
            // As many in each chunk.
            fit => (each.div_ceil(each.div_ceil(fit)), height),
        };
        // As many lines in each chunk, and some for every thread.
        let parts = threads.div_ceil(batch.max(1));
        let chunks = height.div_ceil(lines.max(1)).next_multiple_of(parts);
        let lines = height.div_ceil(chunks.max(1)).max(1);
        Self {
            batch,
            height,
            images,
            lines,
        }
    }

    fn parts(&self) -> usize {
        self.height.div_ceil(self.lines)
    }

    pub fn chunks(&self) -> usize {
        self.batch.div_ceil(self.images) * self.parts()
    }

    pub fn chunk(&self, number: usize) -> Chunk {
        let (image, part) = (number / self.parts(), number % self.parts());
        let range =
            |number: usize, each: usize, all: usize| number * each..((number + 1) * each).min(all);
        Chunk {
            images: range(image, self.images, self.batch),
            lines: range(part, self.lines, self.height),
        }
    }
}
