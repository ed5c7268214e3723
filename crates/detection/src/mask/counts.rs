//! COCO's uncompressed counts.

use super::{Rle, Size};

impl Rle {
    /// From COCO's uncompressed counts: lengths of runs outside and inside the mask in turn, down
    /// the columns, beginning outside.
    ///
    /// # Errors
    /// Counts that don't add up to `height * width`.
    pub fn from_counts(counts: Vec<u32>, height: usize, width: usize) -> Result<Self, String> {
        let size = Size::new(height, width)?;
        let sum: u64 = counts.iter().copied().map(u64::from).sum();
        if sum != u64::from(size.pixels()) {
            return Err(format!(
                "the counts add up to {sum}, an image of height {height} and width {width} has {} pixels",
                size.pixels()
            ));
        }
        let mut at = 0;
        let spans = counts.chunks(2).map(|runs| {
            let start = at + runs[0];
            at = start + runs.get(1).copied().unwrap_or(0);
            start..at
        });
        Ok(Self::from_spans(spans, size))
    }
}
