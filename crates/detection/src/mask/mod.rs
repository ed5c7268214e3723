//! Masks as COCO keeps them: run lengths down the columns of an image.
//!
//! Pixel for pixel, and to the last bit of an overlap, those of pycocotools' `mask` module
//! (<https://github.com/cocodataset/cocoapi>). Polygons, pixels, counts and compressed strings all
//! become spans of pixels, numbered down the columns, and meet in one place, where spans become
//! runs.

mod bounds;
mod compressed;
mod counts;
mod decode;
mod outline;
mod overlap;
mod pixels;
mod polygon;
mod segmentation;
mod targets;

use std::ops::Range;

pub use decode::Prototypes;
pub use outline::Outline;
pub use segmentation::Segmentation;
pub use targets::{MaskTargets, draw_targets};

/// A binary mask of one image as run lengths down its columns, as COCO keeps masks.
///
/// No run is empty but perhaps the first, so masks of the same pixels are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rle {
    height: u32,
    width: u32,
    /// Lengths of runs outside and inside the mask in turn, beginning outside.
    counts: Vec<u32>,
    /// Pixels inside.
    area: u32,
    /// x, y, width, height of the smallest box around them.
    bbox: [u32; 4],
}

impl Rle {
    /// Height of the image in pixels.
    pub fn height(&self) -> usize {
        self.height as usize
    }

    /// Width of the image in pixels.
    pub fn width(&self) -> usize {
        self.width as usize
    }

    /// Number of pixels inside.
    pub fn area(&self) -> u64 {
        u64::from(self.area)
    }

    /// The smallest box around the pixels: x, y of the top left corner, width, height; zeros where
    /// there is none.
    ///
    /// Like that of pycocotools' `toBbox` it has the image's full height where a run goes on in the
    /// next column.
    pub fn bbox(&self) -> [f64; 4] {
        self.bbox.map(f64::from)
    }

    /// `spans` are the pixels inside, ascending by their start; they may be empty, touch or
    /// overlap.
    fn from_spans(spans: impl IntoIterator<Item = Range<u32>>, size: Size) -> Self {
        let mut inside: Vec<Range<u32>> = Vec::new();
        for span in spans.into_iter().filter(|span| !span.is_empty()) {
            match inside.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => inside.push(span),
            }
        }
        let mut counts = Vec::with_capacity(2 * inside.len() + 1);
        let mut at = 0;
        for span in &inside {
            counts.extend([span.start - at, span.end - span.start]);
            at = span.end;
        }
        if at < size.pixels() || counts.is_empty() {
            counts.push(size.pixels() - at);
        }
        let area = inside.iter().map(|span| span.end - span.start).sum();
        Self {
            height: size.height,
            width: size.width,
            counts,
            area,
            bbox: bounds::bounds(&inside, size.height),
        }
    }

    /// The pixels inside, ascending; no two spans touch.
    fn spans(&self) -> impl Iterator<Item = Range<u32>> {
        let mut at = 0;
        self.counts.chunks_exact(2).map(move |runs| {
            let start = at + runs[0];
            at = start + runs[1];
            start..at
        })
    }
}

/// Height and width of an image whose pixels a run length can count.
#[derive(Clone, Copy)]
struct Size {
    height: u32,
    width: u32,
}

impl Size {
    fn new(height: usize, width: usize) -> Result<Self, String> {
        match (u32::try_from(height), u32::try_from(width)) {
            (Ok(height), Ok(width)) if height.checked_mul(width).is_some() => {
                Ok(Self { height, width })
            }
            _ => Err(format!(
                "an image of height {height} and width {width} has more pixels than a mask can count"
            )),
        }
    }

    fn pixels(self) -> u32 {
        self.height * self.width
    }
}
