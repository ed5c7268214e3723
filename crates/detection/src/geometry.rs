//! Boxes, in pixels.

use serde::{Deserialize, Serialize};

/// An axis-aligned box by its corners, in pixels of the image that it belongs to; `x1 <= x2`, `y1
/// <= y2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BBox {
    /// Left side.
    pub x1: f32,
    /// Top side.
    pub y1: f32,
    /// Right side.
    pub x2: f32,
    /// Bottom side.
    pub y2: f32,
}

impl BBox {
    /// From the two corners.
    pub fn from_xyxy(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// From the top left corner, width and height, as COCO writes boxes.
    pub fn from_xywh(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self::from_xyxy(x, y, x + width, y + height)
    }

    /// From the centre, width and height, as YOLO writes boxes.
    pub fn from_cxcywh(cx: f32, cy: f32, width: f32, height: f32) -> Self {
        Self::from_xyxy(
            cx - width / 2.0,
            cy - height / 2.0,
            cx + width / 2.0,
            cy + height / 2.0,
        )
    }

    /// Width in pixels.
    pub fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    /// Height in pixels.
    pub fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    /// Centre of the box, (x, y).
    pub fn center(&self) -> (f32, f32) {
        ((self.x1 + self.x2) / 2.0, (self.y1 + self.y2) / 2.0)
    }

    /// Area in square pixels; 0 where the corners are the wrong way round.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Intersection over union with another box, in 0..=1; 0 where both have no area.
    pub fn iou(&self, other: &Self) -> f32 {
        let width = (self.x2.min(other.x2) - self.x1.max(other.x1)).max(0.0);
        let height = (self.y2.min(other.y2) - self.y1.max(other.y1)).max(0.0);
        let intersection = width * height;
        let union = self.area() + other.area() - intersection;
        if union > 0.0 {
            intersection / union
        } else {
            0.0
        }
    }

    /// The part of the box that lies inside an image of the given size.
    pub fn clip(&self, width: f32, height: f32) -> Self {
        Self::from_xyxy(
            self.x1.clamp(0.0, width),
            self.y1.clamp(0.0, height),
            self.x2.clamp(0.0, width),
            self.y2.clamp(0.0, height),
        )
    }
}
