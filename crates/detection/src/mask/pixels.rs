//! Masks from pixels and back.

use super::{Rle, Size};

impl Rle {
    /// From row-major pixels, `height * width` of them.
    ///
    /// # Panics
    /// If `pixels` has another length, or so many pixels that 32 bits can't count them.
    pub fn from_pixels(pixels: &[bool], height: usize, width: usize) -> Self {
        let size = Size::new(height, width).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(
            pixels.len(),
            height * width,
            "pixels of an image of height {height} and width {width}"
        );
        let mut spans = Vec::new();
        // Going down a column of a row-major image is slow, so only those with a pixel inside are
        // walked.
        let [left, top, right, bottom] = corners(pixels, width);
        for x in left..right {
            let mut y = top;
            while y < bottom {
                let start = y;
                while y < bottom && pixels[y * width + x] {
                    y += 1;
                }
                spans.push((x * height + start) as u32..(x * height + y) as u32);
                y += 1;
            }
        }
        Self::from_spans(spans, size)
    }

    /// Row-major pixels, `height * width` of them.
    pub fn to_pixels(&self) -> Vec<bool> {
        let (height, width) = (self.height(), self.width());
        let mut pixels = vec![false; height * width];
        for position in self.spans().flatten() {
            let (x, y) = (position as usize / height, position as usize % height);
            pixels[y * width + x] = true;
        }
        pixels
    }
}

/// Left, top, right and bottom of the pixels inside, right and bottom excluded; an empty range
/// where there is none.
fn corners(pixels: &[bool], width: usize) -> [usize; 4] {
    let [mut left, mut top, mut right, mut bottom] = [usize::MAX, usize::MAX, 0, 0];
    for (y, row) in pixels.chunks_exact(width.max(1)).enumerate() {
        let inside = |&inside: &bool| inside;
        if let (Some(first), Some(last)) =
            (row.iter().position(inside), row.iter().rposition(inside))
        {
            left = left.min(first);
            right = right.max(last + 1);
            top = top.min(y);
            bottom = y + 1;
        }
    }
    [left, top, right, bottom]
}
