//! What masks have in common, and what they cover together.

use std::ops::Range;

use super::{Rle, Size};

impl Rle {
    /// Intersection over union with an object's mask; intersection over the area of `self`, the
    /// detection, where the object is a crowd. 0 where the two have nothing in common or are masks
    /// of images of different sizes.
    pub fn iou(&self, truth: &Self, crowd: bool) -> f64 {
        if (self.height, self.width) != (truth.height, truth.width) || apart(self.bbox, truth.bbox)
        {
            return 0.0;
        }
        let intersection = self.intersection(truth);
        if intersection == 0 {
            return 0.0;
        }
        let union = if crowd {
            self.area()
        } else {
            self.area() + truth.area() - intersection
        };
        intersection as f64 / union as f64
    }

    /// The mask of all pixels that are inside any of `masks`.
    ///
    /// # Errors
    /// No mask, or masks of images of different sizes.
    pub fn union(masks: &[Self]) -> Result<Self, String> {
        let [first, others @ ..] = masks else {
            return Err("no masks: the size of their union is not known".into());
        };
        for other in others {
            if (first.height, first.width) != (other.height, other.width) {
                let sizes = [first, other]
                    .map(|mask| format!("height {} and width {}", mask.height, mask.width));
                return Err(format!(
                    "masks of images of {} and of {} have no union",
                    sizes[0], sizes[1]
                ));
            }
        }
        let mut spans: Vec<_> = masks.iter().flat_map(Self::spans).collect();
        spans.sort_unstable_by_key(|span| span.start);
        Ok(Self::from_spans(
            spans,
            Size {
                height: first.height,
                width: first.width,
            },
        ))
    }

    /// Number of pixels that are inside both.
    fn intersection(&self, other: &Self) -> u64 {
        let (mut ours, mut theirs) = (self.spans(), other.spans());
        let (mut our, mut their) = (ours.next(), theirs.next());
        let mut pixels = 0;
        while let (
            Some(Range {
                start: a,
                end: a_end,
            }),
            Some(Range {
                start: b,
                end: b_end,
            }),
        ) = (&our, &their)
        {
            pixels += u64::from(a_end.min(b_end).saturating_sub(*a.max(b)));
            if a_end <= b_end {
                our = ours.next();
            } else {
                their = theirs.next();
            }
        }
        pixels
    }
}

/// Whether two boxes x, y, width, height have no pixel in common.
fn apart(a: [u32; 4], b: [u32; 4]) -> bool {
    let apart_along =
        |axis: usize| a[axis] + a[axis + 2] <= b[axis] || b[axis] + b[axis + 2] <= a[axis];
    apart_along(0) || apart_along(1)
}
