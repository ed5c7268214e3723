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
        let images = (CACHE / (line * height).max(1)).min(batch.div_ceil(threads));
        let lines = match images {
            0 => (CACHE / line).clamp(1, height.max(1)),
            _ => height,
        };
        // Lines for every thread.
        let parts = threads.div_ceil(batch.max(1));
        let lines = lines.min(height.div_ceil(parts)).max(1);
        Self {
            batch,
            height,
            images: images.max(1),
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
