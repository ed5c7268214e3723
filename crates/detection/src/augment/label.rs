//! A target of training.

use crate::geometry::BBox;
use crate::mask::Outline;

/// A target of training, in pixels of the image that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Index into the data set's classes.
    pub class: usize,
    /// In pixels of the image that the label belongs to.
    pub bbox: BBox,
    /// Empty where the data set has boxes only.
    pub outline: Outline,
}

impl Label {
    /// One without an outline.
    pub fn of_box(class: usize, bbox: BBox) -> Self {
        Self {
            class,
            bbox,
            outline: Outline::default(),
        }
    }

    /// Moved by so many pixels to the right and down.
    pub fn shifted(&self, x: f32, y: f32) -> Self {
        let b = self.bbox;
        let bbox = BBox::from_xyxy(b.x1 + x, b.y1 + y, b.x2 + x, b.y2 + y);
        Self {
            class: self.class,
            bbox,
            outline: self.outline.map(|[u, v]| [u + x, v + y]),
        }
    }

    /// Left and right swapped in an image of this width.
    pub fn mirrored(&self, width: f32) -> Self {
        let b = self.bbox;
        let bbox = BBox::from_xyxy(width - b.x2, b.y1, width - b.x1, b.y2);
        Self {
            class: self.class,
            bbox,
            outline: self.outline.map(|[x, y]| [width - x, y]),
        }
    }

    /// The part inside an image of this size.
    pub fn clip(&self, width: f32, height: f32) -> Self {
        Self {
            class: self.class,
            bbox: self.bbox.clip(width, height),
            outline: self.outline.clip(width, height),
        }
    }
}
