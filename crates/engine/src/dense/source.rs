//! What a thread has copied of maps, and what it makes of it.

use std::cell::RefCell;

use super::{
    maps::{Rectangle, to_pixels},
    share::Chunk,
};

/// Pixels, or numbers under a kernel, that are summed together at most.
pub const MOST: usize = 12;

/// Pixels whose sums, or gradients, stay in the first cache while all that is summed passes by.
pub const STRIP: usize = 192;

/// A thread's memory, kept, of any values.
#[derive(Default)]
pub struct Scratch {
    /// Pixels that are read.
    pub pixels: Vec<f32>,
    /// Sums, or pixels of a gradient.
    pub sums: Vec<f32>,
    /// Where the pixels are that are summed.
    pub places: Vec<usize>,
}

/// Calls `f` with it. To be called outside of what is compiled for a set of instructions, since `f` is not inlined.
pub fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with_borrow_mut(f)
}

/// The first `len` floats, of any values.
pub fn sized(memory: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
    &mut memory[..len]
}

/// Where the pixels are that a chunk reads.
#[derive(Clone, Copy)]
pub struct Source {
    /// The first row and column of the first image's, and rows and columns of each.
    pub first: [isize; 2],
    pub size: [usize; 2],
    pub channels: usize,
}

impl Source {
    pub fn row(&self) -> usize {
        self.size[1] * self.channels
    }

    pub fn image(&self) -> usize {
        self.size[0] * self.row()
    }

    /// Copies the chunk's images. What is read beyond the last pixel is zero.
    #[inline(always)]
    pub fn fill<'a>(
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

    /// Where each of `size` windows begins, `step` pixels from the one before, the first at `start`; the
    /// last several times more.
    pub fn places(
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
