//! Four images around a point (Bochkovskiy et al. 2020, YOLOv4,
//! <https://arxiv.org/abs/2004.10934>).

use image::RgbImage;
use rand::RngCore;

use super::canvas::Canvas;
use super::{Example, Label};
use crate::dataset::{InputSize, random::Draw};

/// Puts four images, none larger than `imgsz`, around a random point of a grey canvas of twice its
/// sides; what does not fit is cut off. The point lies in the middle quarter. Labels move along and
/// are clipped; those that end up without area stay for the next step to drop.
pub fn mosaic(
    parts: [(&RgbImage, &[Label]); 4],
    imgsz: impl Into<InputSize>,
    rng: &mut impl RngCore,
) -> Example {
    let (canvas, labels) = lay_out(parts, imgsz.into(), rng);
    Example {
        image: canvas.draw(),
        labels,
    }
}

/// The same, not drawn yet.
pub(super) fn lay_out<'a>(
    parts: [(&'a RgbImage, &[Label]); 4],
    InputSize { width, height }: InputSize,
    rng: &mut impl RngCore,
) -> (Canvas<'a>, Vec<Label>) {
    let mut point = |side: usize| (rng.uniform(0.5, 1.5) * side as f64) as i64;
    let (cx, cy) = (point(width), point(height));
    let mut canvas = Canvas::new(2 * width, 2 * height);
    let (canvas_width, canvas_height) = (canvas.width as f32, canvas.height as f32);
    let mut labels = Vec::with_capacity(parts.iter().map(|(_, labels)| labels.len()).sum());
    for (place, (part, part_labels)) in parts.into_iter().enumerate() {
        let (width, height) = (i64::from(part.width()), i64::from(part.height()));
        // Top left, top right, bottom left, bottom right of the point.
        let x = if place % 2 == 0 { cx - width } else { cx };
        let y = if place / 2 == 0 { cy - height } else { cy };
        canvas.paste(part, x, y);
        labels.extend(part_labels.iter().map(|label| {
            label
                .shifted(x as f32, y as f32)
                .clip(canvas_width, canvas_height)
        }));
    }
    (canvas, labels)
}
