//! Mirror images.

use image::imageops::{flip_horizontal_in_place, flip_vertical_in_place};

use super::Example;
use crate::geometry::BBox;

/// Swaps left and right.
pub fn flip_left_right(example: &mut Example) {
    flip_horizontal_in_place(&mut example.image);
    let width = example.image.width() as f32;
    for label in &mut example.labels {
        *label = label.mirrored(width);
    }
}

/// Turns upside down.
pub fn flip_up_down(example: &mut Example) {
    flip_vertical_in_place(&mut example.image);
    let height = example.image.height() as f32;
    for label in &mut example.labels {
        let b = label.bbox;
        label.bbox = BBox::from_xyxy(b.x1, height - b.y2, b.x2, height - b.y1);
        label.outline = label.outline.map(|[x, y]| [x, height - y]);
    }
}
