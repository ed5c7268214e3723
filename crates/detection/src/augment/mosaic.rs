//! Four images around a point (Bochkovskiy et al. 2020, YOLOv4,
//! <https://arxiv.org/abs/2004.10934>).

use image::RgbImage;
use rand::RngCore;

use super::{Example, GREY, Label};
use crate::dataset::{InputSize, random::Draw};

/// Puts four images, none larger than `imgsz`, around a random point of a grey canvas of twice its
/// sides; what does not fit is cut off. The point lies in the middle quarter. Labels move along and
/// are clipped; those that end up without area stay for the next step to drop.
pub fn mosaic(
    parts: [(&RgbImage, &[Label]); 4],
    imgsz: impl Into<InputSize>,
    rng: &mut impl RngCore,
) -> Example {
    let InputSize { width, height } = imgsz.into();
    let mut point = |side: usize| (rng.uniform(0.5, 1.5) * side as f64) as i64;
    let (cx, cy) = (point(width), point(height));
    let (canvas_width, canvas_height) = (2 * width, 2 * height);
    let mut image = RgbImage::from_pixel(canvas_width as u32, canvas_height as u32, GREY);
    let mut labels = Vec::with_capacity(parts.iter().map(|(_, labels)| labels.len()).sum());
    for (place, (part, part_labels)) in parts.into_iter().enumerate() {
        let (width, height) = (i64::from(part.width()), i64::from(part.height()));
        // Top left, top right, bottom left, bottom right of the point.
        let x = if place % 2 == 0 { cx - width } else { cx };
        let y = if place / 2 == 0 { cy - height } else { cy };
        paste(&mut image, part, x, y);
        labels.extend(part_labels.iter().map(|label| {
            label
                .shifted(x as f32, y as f32)
                .clip(canvas_width as f32, canvas_height as f32)
        }));
    }
    Example { image, labels }
}

/// Copies an image into another with its corner at (x, y), as far as it fits.
fn paste(canvas: &mut RgbImage, part: &RgbImage, x: i64, y: i64) {
    let (width, height) = (i64::from(canvas.width()), i64::from(canvas.height()));
    let (x1, x2) = (x.max(0), (x + i64::from(part.width())).min(width));
    let (y1, y2) = (y.max(0), (y + i64::from(part.height())).min(height));
    if x1 >= x2 {
        return;
    }
    let bytes = (x2 - x1) as usize * 3;
    let part_stride = part.width() as usize * 3;
    for row in y1..y2 {
        let to = (row * width + x1) as usize * 3;
        let from = (row - y) as usize * part_stride + (x1 - x) as usize * 3;
        (**canvas)[to..to + bytes].copy_from_slice(&part.as_raw()[from..from + bytes]);
    }
}
