//! From a network's prototypes to the masks of its detections.

use std::ops::Range;

use super::Rle;
use crate::augment::Letterbox;
use crate::geometry::BBox;

/// The mask prototypes of an image: maps that coefficients make masks of (Bolya et al., YOLACT,
/// arXiv:1904.02689).
#[derive(Clone, Copy, Debug)]
pub struct Prototypes<'a> {
    /// Coefficients × height × width.
    pub values: &'a [f32],
    /// Height of the prototypes, in cells.
    pub height: usize,
    /// Width of the prototypes, in cells.
    pub width: usize,
    /// How the image lies in the network's input.
    pub letterbox: Letterbox,
}

impl Prototypes<'_> {
    /// The mask of a detection in pixels of the original image, whose size it has: `coefficients` ·
    /// prototypes, interpolated bilinearly at the centre of each pixel within `bbox` (of the
    /// original image), and above 0.
    ///
    /// Straight from the prototypes to the original's pixels and by the logits' sign, as
    /// Ultralytics' masks for COCO, but with the place of each pixel exact: where there is padding,
    /// Ultralytics cuts it off at whole pixels of the prototypes.
    pub fn mask(&self, coefficients: &[f32], bbox: &BBox) -> Rle {
        let (height, width) = (self.letterbox.height, self.letterbox.width);
        // A pixel belongs to a box that its corner lies in.
        let side = |low: f32, high: f32, most: usize| {
            (low.ceil().max(0.0) as usize)..(high.ceil().max(0.0) as usize).min(most)
        };
        let (rows, columns) = (
            side(bbox.y1, bbox.y2, height),
            side(bbox.x1, bbox.x2, width),
        );
        let mut pixels = vec![false; height * width];
        if rows.is_empty() || columns.is_empty() {
            return Rle::from_pixels(&pixels, height, width);
        }
        let Letterbox {
            scale: (sx, sy),
            pad: (left, top),
            input: (input_width, input_height),
            ..
        } = self.letterbox;
        let across: Vec<Tap> = columns
            .clone()
            .map(|x| Tap::at(x, sx, left, input_width, self.width))
            .collect();
        let down: Vec<Tap> = rows
            .clone()
            .map(|y| Tap::at(y, sy, top, input_height, self.height))
            .collect();
        let (from, to) = (across[0].low, across[across.len() - 1].high + 1);
        let logits = self.logits(
            coefficients,
            down[0].low..down[down.len() - 1].high + 1,
            from..to,
        );
        for (row, tap) in rows.zip(&down) {
            let line = |y: usize| &logits[(y - down[0].low) * (to - from)..][..to - from];
            let (upper, lower) = (line(tap.low), line(tap.high));
            for (pixel, at) in pixels[row * width..][columns.clone()]
                .iter_mut()
                .zip(&across)
            {
                let mix = |line: &[f32]| {
                    line[at.low - from] * (1.0 - at.share) + line[at.high - from] * at.share
                };
                *pixel = mix(upper) * (1.0 - tap.share) + mix(lower) * tap.share > 0.0;
            }
        }
        Rle::from_pixels(&pixels, height, width)
    }

    /// The sum of the prototypes, weighed, on a part of their map, row by row.
    fn logits(&self, coefficients: &[f32], rows: Range<usize>, columns: Range<usize>) -> Vec<f32> {
        let mut logits = vec![0.0; rows.len() * columns.len()];
        for (map, coefficient) in self
            .values
            .chunks_exact(self.height * self.width)
            .zip(coefficients)
        {
            for (line, row) in logits.chunks_exact_mut(columns.len()).zip(rows.clone()) {
                let values = &map[row * self.width..][columns.clone()];
                line.iter_mut()
                    .zip(values)
                    .for_each(|(logit, value)| *logit += coefficient * value);
            }
        }
        logits
    }
}

/// Between which two cells of the prototypes' map a pixel lies along an axis.
struct Tap {
    low: usize,
    high: usize,
    /// Of the higher one.
    share: f32,
}

impl Tap {
    /// For a pixel of the original image, scaled and padded into `input` pixels, on which the map
    /// has `cells`.
    fn at(pixel: usize, scale: f32, pad: usize, input: usize, cells: usize) -> Self {
        let place = (pixel as f32 + 0.5) * scale + pad as f32;
        let place = (place * cells as f32 / input as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
        let low = place as usize;
        Self {
            low,
            high: (low + 1).min(cells - 1),
            share: place - low as f32,
        }
    }
}
