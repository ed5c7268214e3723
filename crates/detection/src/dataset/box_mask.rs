//! The mask of a box: in pixels, and of the object that the box is of.

use super::finish::DraftBox;
use crate::geometry::BBox;
use crate::mask::Segmentation;

/// With less overlap than this, box and mask are of two objects or in two units. Above, the box is
/// looser than the outline, or of a whole object that is partly hidden.
const LEAST_IOU: f32 = 0.5;

/// Where no side differs by more than this many pixels, rounding does it, as of an object of a
/// pixel or two.
const ROUNDING: f32 = 2.0;

/// The mask in pixels, of a box that was placed in its image; None if it has none.
///
/// Augmentation takes boxes from masks, so a mask that contradicts its box would move it.
///
/// # Errors
/// Why the mask can't be used.
pub(super) fn mask_of(
    draft: &DraftBox,
    bbox: BBox,
    width: usize,
    height: usize,
) -> Result<Option<Segmentation>, String> {
    match &draft.mask {
        None => Ok(None),
        // The box of a row in shares is made from its polygon.
        Some(mask) if draft.normalised => Ok(Some(scaled(mask, width, height))),
        Some(mask) => {
            check_size(mask, width, height)?;
            check_place(mask, bbox, width, height)?;
            Ok(Some(mask.clone()))
        }
    }
}

fn scaled(mask: &Segmentation, width: usize, height: usize) -> Segmentation {
    let (width, height) = (width as f64, height as f64);
    match mask {
        Segmentation::Polygons(polygons) => {
            let place = |[x, y]: &[f64; 2]| [x * width, y * height];
            let polygons = polygons.iter();
            Segmentation::Polygons(
                polygons
                    .map(|polygon| polygon.iter().map(place).collect())
                    .collect(),
            )
        }
        Segmentation::Rle(_) => mask.clone(),
    }
}

fn check_size(mask: &Segmentation, width: usize, height: usize) -> Result<(), String> {
    match mask {
        Segmentation::Rle(mask) if (mask.height(), mask.width()) != (height, width) => {
            let (h, w) = (mask.height(), mask.width());
            Err(format!(
                "expected a mask of {width}×{height} pixels, as the image, found {w}×{h}"
            ))
        }
        _ => Ok(()),
    }
}

fn check_place(mask: &Segmentation, bbox: BBox, width: usize, height: usize) -> Result<(), String> {
    let Some(bounds) = bounds(mask, width as f32, height as f32) else {
        return Err("the mask has no pixel".into());
    };
    let sides = |b: BBox| [b.x1, b.y1, b.x2, b.y2];
    let pairs = sides(bounds).into_iter().zip(sides(bbox));
    let alike = pairs.into_iter().all(|(a, b)| (a - b).abs() <= ROUNDING);
    if alike || bounds.iou(&bbox) >= LEAST_IOU {
        return Ok(());
    }
    let shown = |b: BBox| format!("({}, {}, {}, {})", b.x1, b.y1, b.x2, b.y2);
    let shares = match bounds.x2.max(bounds.y2) <= 1.0 {
        true => "; it looks like shares of the image, not pixels",
        false => "",
    };
    Err(format!(
        "the mask contradicts the box: it is within {}, the box is {}{shares}",
        shown(bounds),
        shown(bbox)
    ))
}

/// The box around the part of a mask inside the image; None if it has no pixel.
fn bounds(mask: &Segmentation, width: f32, height: f32) -> Option<BBox> {
    match mask {
        Segmentation::Polygons(polygons) => {
            let points = polygons.iter().flatten();
            let points = points.map(|point| point.map(|side| side as f32));
            let around = points.map(|[x, y]| BBox::from_xyxy(x, y, x, y));
            let around = around.reduce(|a, b| {
                BBox::from_xyxy(
                    a.x1.min(b.x1),
                    a.y1.min(b.y1),
                    a.x2.max(b.x2),
                    a.y2.max(b.y2),
                )
            });
            around.map(|bounds| bounds.clip(width, height))
        }
        Segmentation::Rle(mask) if mask.area() == 0 => None,
        Segmentation::Rle(mask) => {
            let [x, y, w, h] = mask.bbox().map(|side| side as f32);
            Some(BBox::from_xywh(x, y, w, h))
        }
    }
}
