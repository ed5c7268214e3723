//! What a plan is made of: kernels that read and write blocked maps in one memory.

pub mod attention;
pub mod bilinear;
pub mod constant;
pub mod conv;
pub mod depthwise;
pub mod elementwise;
pub mod ending;
pub mod exchange;
pub mod largest;
pub mod mixture;
pub mod packed;
pub mod panels;
pub mod pixels;
pub mod pool;
pub mod repack;
pub mod tile;
pub mod transposed;
pub mod winograd;

use std::ops::Range;

use self::packed::Aligned;
use crate::{geometry::Geometry, view::View};

/// A step of a plan, cut into jobs that may run at the same time.
pub trait Kernel: Send + Sync {
    /// What it does, in a word.
    fn name(&self) -> &'static str;

    /// How many jobs there are.
    fn jobs(&self) -> usize;

    /// Its weights, if they are many.
    fn weights(&mut self) -> Vec<&mut Aligned> {
        Vec::new()
    }

    /// Does one of them.
    ///
    /// # Safety
    /// The memory is as long as the plan says; nobody writes what this kernel reads, nor reads or
    /// writes what this job writes.
    #[allow(unsafe_code)]
    unsafe fn run(&self, memory: &Memory, job: usize);
}

/// What kernels read and write.
pub struct Memory<'a> {
    /// All maps.
    pub arena: *mut f32,
    /// The plan's input, `[batch, channels, height, width]`.
    pub input: &'a [f32],
    /// The plan's outputs.
    pub outputs: Vec<Output<'a>>,
}

/// An output's memory, which jobs write in parts.
pub struct Output<'a> {
    start: *mut f32,
    len: usize,
    lives: std::marker::PhantomData<&'a mut [f32]>,
}

impl<'a> Output<'a> {
    pub fn new(out: &'a mut [f32]) -> Self {
        Self {
            start: out.as_mut_ptr(),
            len: out.len(),
            lives: std::marker::PhantomData,
        }
    }

    /// # Safety
    /// No other job has any of it.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice by the assertion, and nobody else's by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

// SAFETY: the pointers are to memory that outlives the borrow, and [`Kernel::run`] says who may
// touch which part of it.
#[allow(unsafe_code)]
unsafe impl Sync for Memory<'_> {}

/// A buffer's place in the memory.
#[derive(Clone, Debug)]
pub struct Buffer {
    pub blocks: usize,
    pub geometry: Geometry,
    /// The first float.
    pub start: usize,
}

impl Buffer {
    /// Floats.
    pub fn len(&self) -> usize {
        self.blocks * self.geometry.plane()
    }

    pub fn plane(&self, block: usize) -> usize {
        self.start + block * self.geometry.plane()
    }
}

/// A plane that a kernel reads.
#[derive(Clone, Debug)]
pub struct Plane {
    pub start: usize,
    pub geometry: Geometry,
    /// Lane and channel, by lane.
    pub channels: Vec<(usize, usize)>,
}

/// The planes of a view.
pub fn planes(view: &View, buffers: &[Buffer]) -> Vec<Plane> {
    let plane = |block: crate::view::ViewBlock| {
        let buffer = &buffers[block.buffer];
        Plane {
            start: buffer.plane(block.block),
            geometry: buffer.geometry,
            channels: block.channels,
        }
    };
    view.blocks().into_iter().map(plane).collect()
}

/// Of each block that is made of the same block of a view: where the planes of input and output
/// begin, and the input's geometry.
fn block_by_block(
    input: &View,
    output: &Buffer,
    buffers: &[Buffer],
) -> Vec<(usize, usize, Geometry)> {
    let blocks = planes(input, buffers).into_iter().enumerate();
    blocks
        .map(|(number, plane)| (plane.start, output.plane(number), plane.geometry))
        .collect()
}

/// Sets a plane's halo to zero.
///
/// # Safety
/// The plane is within the memory, and nobody else touches its halo.
#[allow(unsafe_code)]
unsafe fn clear_halo(arena: *mut f32, start: usize, borders: &[Range<usize>]) {
    for range in borders {
        // SAFETY: by the caller.
        unsafe { arena.add(start + range.start).write_bytes(0, range.len()) };
    }
}
