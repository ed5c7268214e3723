//! Mirror images.

use image::imageops::flip_vertical_in_place;

use super::Example;
use crate::geometry::BBox;
use crate::vector::vectorized;

/// Swaps left and right.
pub fn flip_left_right(example: &mut Example) {
    let width = example.image.width();
    let mut line = vec![[0; 3]; width as usize];
    let lines = example.image.as_chunks_mut::<3>().0;
    vectorized(
        #[inline(always)]
        || {
            // Through a copy, which is ten times as fast as in place.
            for pixels in lines.chunks_exact_mut(line.len().max(1)) {
                line.copy_from_slice(pixels);
                for (to, from) in pixels.iter_mut().zip(line.iter().rev()) {
                    to[0] = from[0];
                    to[1] = from[1];
                    to[2] = from[2];
                }
            }
        },
    );
    for label in &mut example.labels {
        *label = label.mirrored(width as f32);
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
