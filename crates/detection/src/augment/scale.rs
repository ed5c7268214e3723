//! Resampling where lines stay lines and columns columns, which is what no turn and no shear leave:
//! most of the time of a training's augmentation.

use std::mem::swap;

use image::RgbImage;

use super::GREY;
use super::canvas::Canvas;
use super::warp::fixed;
use crate::vector::vectorized;

/// [`warp`](super::warp::warp) for a map that only scales and shifts. Two lines of the canvas are
/// mixed once for a line of the target. To the bit what the general way gives, since whole numbers
/// may be added in any order.
pub(super) fn scale(
    source: &Canvas,
    to_source: &[[f64; 3]; 3],
    width: usize,
    height: usize,
) -> RgbImage {
    let mut target = RgbImage::new(width as u32, height as u32);
    let [[a, _, c], [_, e, f], [_, _, i]] = *to_source;
    let columns = Columns::new(
        fixed((a * 0.5 + c) / i - 0.5),
        fixed(a / i),
        source.width,
        width,
    );
    let mut lines = Lines::new(source, columns.first, columns.read);
    let mut mixed = vec![[0; 3]; columns.read];
    let mut pairs = vec![[0; 6]; columns.places.len()];
    let rows = target.as_chunks_mut::<3>().0;
    vectorized(
        #[inline(always)]
        || {
            for (y, row) in rows.chunks_exact_mut(width.max(1)).enumerate() {
                let v = fixed((e * (y as f64 + 0.5) + f) / i - 0.5);
                let (y, share) = (v >> 16, (v >> 8) as u16 & 255);
                if !(-1..source.height as i64).contains(&y) {
                    row.fill(GREY.0);
                    continue;
                }
                let (upper, lower) = lines.at(y);
                mix_lines(upper, lower, share, &mut mixed);
                row[..columns.start].fill(GREY.0);
                let (row, rest) = row[columns.start..].split_at_mut(columns.places.len());
                rest.fill(GREY.0);
                // Copied first, so that the compiler then works on several at once.
                for (pair, place) in pairs.iter_mut().zip(&columns.places) {
                    pair.copy_from_slice(&mixed.as_flattened()[*place..][..6]);
                }
                mix_columns(&pairs, &columns.shares, row);
            }
        },
    );
    target
}

/// Where the pixels of a target's line read in a line of the canvas.
struct Columns {
    /// The first pixel of the target that sees the canvas.
    start: usize,
    /// For it and those after it, as far as they do, where the left one of two pixels begins, three
    /// values a pixel, counted from `first`.
    places: Vec<usize>,
    /// The weights of the right ones, of 256.
    shares: Vec<u16>,
    /// The first pixel of a canvas's line that is read, −1 for the ground beside it.
    first: i64,
    /// Number of pixels from there on.
    read: usize,
}

impl Columns {
    /// For a target that begins at `first` and goes on by `step`, in fixed point.
    fn new(first: i64, step: i64, columns: usize, width: usize) -> Self {
        let at = |x: usize| first + x as i64 * step;
        let sees = |x: &usize| (-1..columns as i64).contains(&(at(*x) >> 16));
        let start = (0..width).find(sees).unwrap_or(width);
        let seen: Vec<i64> = (start..width).take_while(sees).map(at).collect();
        let pixels = || seen.iter().map(|u| u >> 16);
        let (first, last) = (pixels().min().unwrap_or(0), pixels().max().unwrap_or(-1));
        Self {
            start,
            places: pixels().map(|pixel| (pixel - first) as usize * 3).collect(),
            shares: seen.iter().map(|u| (u >> 8) as u16 & 255).collect(),
            first,
            read: (last + 2 - first) as usize,
        }
    }
}

/// Two lines of a canvas, one below the other. The lower one is often the next upper one.
struct Lines<'a> {
    canvas: &'a Canvas<'a>,
    first: i64,
    upper: (i64, Vec<[u8; 3]>),
    lower: (i64, Vec<[u8; 3]>),
}

impl<'a> Lines<'a> {
    fn new(canvas: &'a Canvas<'a>, first: i64, read: usize) -> Self {
        let none = || (i64::MIN, vec![[0; 3]; read]);
        Self {
            canvas,
            first,
            upper: none(),
            lower: none(),
        }
    }

    /// Lines `y` and `y + 1`.
    fn at(&mut self, y: i64) -> (&[[u8; 3]], &[[u8; 3]]) {
        if self.lower.0 == y {
            swap(&mut self.upper, &mut self.lower);
        }
        for (line, y) in [(&mut self.upper, y), (&mut self.lower, y + 1)] {
            if line.0 != y {
                self.canvas.line(y, self.first, &mut line.1);
                line.0 = y;
            }
        }
        (&self.upper.1, &self.lower.1)
    }
}

/// Weights two lines by 256 together.
#[inline(always)]
fn mix_lines(upper: &[[u8; 3]], lower: &[[u8; 3]], share: u16, mixed: &mut [[u16; 3]]) {
    let pixels = upper.as_flattened().iter().zip(lower.as_flattened());
    for (mixed, (upper, lower)) in mixed.as_flattened_mut().iter_mut().zip(pixels) {
        *mixed = u16::from(*upper) * (256 - share) + u16::from(*lower) * share;
    }
}

/// Weights two pixels side by side by 256 together, and rounds.
#[inline(always)]
fn mix_columns(pairs: &[[u16; 6]], shares: &[u16], mixed: &mut [[u8; 3]]) {
    for (mixed, (pair, share)) in mixed.iter_mut().zip(pairs.iter().zip(shares)) {
        let share = u32::from(*share);
        let channel = |c: usize| {
            let [left, right] = [pair[c], pair[c + 3]].map(u32::from);
            ((left * (256 - share) + right * share + (1 << 15)) >> 16) as u8
        };
        // One by one: as an array they come out a pixel at a time.
        mixed[0] = channel(0);
        mixed[1] = channel(1);
        mixed[2] = channel(2);
    }
}
