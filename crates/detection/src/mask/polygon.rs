//! Polygons to pixels, with the rounding of pycocotools.
//!
//! Corners are rounded to a grid of fifths of pixels, and edges are drawn on it step by step along
//! their longer axis. Where an edge steps over the middle of a column of pixels, inside and outside
//! change places from there on down the column.

use std::ops::Range;

use super::{Rle, Size};

/// Steps a pixel.
const STEPS: i64 = 5;

/// The middle of a pixel lies between this step and the next.
const MIDDLE: i64 = 2;

/// No corner is farther out, in steps: enough for any image, and differences and products of such
/// numbers are exact.
const FARTHEST: f64 = (1_u64 << 40) as f64;

impl Rle {
    /// The union of polygons, each a list of \[x, y\] in pixels, as pycocotools' `frPyObjects` and
    /// `merge` make it.
    ///
    /// Polygons may reach out of the image. Those of less than three corners are empty.
    ///
    /// # Panics
    /// If the image has so many pixels that 32 bits can't count them.
    pub fn from_polygons(polygons: &[Vec<[f64; 2]>], height: usize, width: usize) -> Self {
        let size = Size::new(height, width).unwrap_or_else(|problem| panic!("{problem}"));
        let mut spans: Vec<_> = polygons
            .iter()
            .flat_map(|polygon| spans(polygon, size))
            .collect();
        spans.sort_unstable_by_key(|span| span.start);
        Self::from_spans(spans, size)
    }
}

/// The pixels inside a polygon, ascending.
fn spans(polygon: &[[f64; 2]], size: Size) -> Vec<Range<u32>> {
    let corners: Vec<[i64; 2]> = polygon.iter().map(|corner| corner.map(on_grid)).collect();
    let mut changes = Vec::new();
    for (index, &corner) in corners.iter().enumerate() {
        let next = corners[(index + 1) % corners.len()];
        push_changes(corner, next, size, &mut changes);
    }
    changes.sort_unstable();
    // A closed line steps over the middle of a column as often to the right as to the left.
    changes
        .chunks_exact(2)
        .map(|pair| pair[0]..pair[1])
        .collect()
}

/// Rounded to the grid; numbers below 0 only roughly, as in pycocotools, which no pixel shows.
fn on_grid(coordinate: f64) -> i64 {
    (coordinate * STEPS as f64 + 0.5).clamp(-FARTHEST, FARTHEST) as i64
}

/// Appends the pixels from which on an edge changes inside to outside or back.
fn push_changes(a: [i64; 2], b: [i64; 2], size: Size, changes: &mut Vec<u32>) {
    let (left, right) = (a[0].min(b[0]), a[0].max(b[0]));
    // Columns whose middle the edge steps over: `left <= step` and `step + 1 <= right` for their
    // middle step.
    let first = (left - MIDDLE + STEPS - 1).div_euclid(STEPS).max(0);
    let last = (right - MIDDLE - 1)
        .div_euclid(STEPS)
        .min(i64::from(size.width) - 1);
    let flat = right - left >= (a[1] - b[1]).abs();
    let edge = Edge::new(a, b, if flat { 0 } else { 1 });
    for column in first..=last {
        let step = column * STEPS + MIDDLE;
        let y = if flat {
            edge.at(step).min(edge.at(step + 1))
        } else {
            edge.last_before(step)
        };
        // The first pixel whose middle is not above.
        let row = (y - MIDDLE + STEPS - 1)
            .div_euclid(STEPS)
            .clamp(0, i64::from(size.height));
        changes.push((column * i64::from(size.height) + row) as u32);
    }
}

/// An edge along its longer axis, in grid steps.
struct Edge {
    /// Where it begins and ends on the longer axis, ascending.
    from: i64,
    to: i64,
    /// The other coordinate at `from`, and how it changes a step.
    start: i64,
    slope: f64,
}

impl Edge {
    fn new(a: [i64; 2], b: [i64; 2], longer: usize) -> Self {
        let (a, b) = if a[longer] <= b[longer] {
            (a, b)
        } else {
            (b, a)
        };
        let (from, to, start, end) = (a[longer], b[longer], a[1 - longer], b[1 - longer]);
        Self {
            from,
            to,
            start,
            slope: (end - start) as f64 / (to - from) as f64,
        }
    }

    /// The other coordinate at a step of the longer axis.
    fn at(&self, step: i64) -> i64 {
        // In this order, and rounded by cutting off: another one gives other pixels.
        (self.start as f64 + self.slope * (step - self.from) as f64 + 0.5) as i64
    }

    /// The step of the longer axis before the other coordinate passes from `step` to the next or
    /// back. It must do so.
    fn last_before(&self, step: i64) -> i64 {
        let passed = |at: i64| {
            if self.slope > 0.0 {
                self.at(at) > step
            } else {
                self.at(at) <= step
            }
        };
        // Solved for the step, then corrected by what rounding made of it.
        let guess = ((step - self.start) as f64 + 0.5) / self.slope;
        let mut at = (self.from + guess as i64).clamp(self.from, self.to - 1);
        while at > self.from && passed(at) {
            at -= 1;
        }
        while at + 1 < self.to && !passed(at + 1) {
            at += 1;
        }
        at
    }
}
