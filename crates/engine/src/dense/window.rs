//! What of a map a pixel of another is summed from.

use super::share::Chunk;

/// From one map to another.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    pub batch: usize,
    /// Channels that are summed over, and those that come of it.
    pub c_in: usize,
    pub c_out: usize,
    /// Height and width of the map that is read, and of the one that is written.
    pub from: [usize; 2],
    pub to: [usize; 2],
    /// Pixels from a window to the next, and between those that one window writes.
    pub step_from: usize,
    pub step_to: usize,
}

impl Pass {
    /// Images, lines and columns that a window writes of a chunk.
    pub fn size(&self, window: &Window, chunk: &Chunk) -> [usize; 3] {
        let [height, width] = [0, 1].map(|axis| {
            let side = self.to[axis].saturating_sub(window.first[axis]);
            side.div_ceil(self.step_to)
        });
        let lines = height
            .min(chunk.lines.end)
            .saturating_sub(chunk.lines.start);
        [chunk.images.len(), lines, width]
    }
}

/// The pixels under a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first row and column, for the first pixel that is written; outside the map all is zero.
    pub offset: [isize; 2],
    /// Rows and columns.
    pub taps: [usize; 2],
    /// The first pixel that is written.
    pub first: [usize; 2],
}

impl Window {
    /// What the gradient of the pixel at `first`, and of each `stride`th from it on, is summed from:
    /// outputs whose kernel lies on it.
    pub fn of_gradient(first: [usize; 2], kernel: usize, stride: usize, padding: usize) -> Self {
        let axis = |at: usize| {
            let tap = (at + padding) % stride;
            let taps = kernel.saturating_sub(tap).div_ceil(stride);
            let last = ((at + padding) / stride) as isize;
            (last + 1 - taps as isize, taps)
        };
        let [(y, tall), (x, wide)] = first.map(axis);
        Self {
            offset: [y, x],
            taps: [tall, wide],
            first,
        }
    }

    /// The pixels under any of the windows: the least offset, and how far the furthest reaches
    /// from it.
    pub fn union(windows: &[Self]) -> ([isize; 2], [usize; 2]) {
        let axis = |axis: usize| {
            let used = windows.iter().filter(|window| window.taps[axis] > 0);
            let least = used.clone().map(|window| window.offset[axis]).min();
            let least = least.unwrap_or(0);
            let end = used.map(|window| window.offset[axis] + window.taps[axis] as isize);
            (least, (end.max().unwrap_or(least) - least) as usize)
        };
        let [(y, tall), (x, wide)] = [axis(0), axis(1)];
        ([y, x], [tall, wide])
    }
}
