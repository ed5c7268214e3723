//! Objects pasted again, mirrored (Ghiasi et al. 2021, "Simple Copy-Paste",
//! <https://arxiv.org/abs/2012.07177>, in YOLOv5's form).

use rand::RngCore;

use super::Example;
use crate::dataset::random::Draw;
use crate::geometry::BBox;

/// A pasted object's box covers less than this share of every other's.
const MOST_COVERED: f32 = 0.3;

/// Takes a random `share` of the objects that have an outline and pastes each where it would be in
/// the mirror image, if it doesn't cover too much of another there.
pub fn copy_paste(example: &mut Example, share: f64, rng: &mut impl RngCore) {
    if share == 0.0 {
        return;
    }
    let mut candidates: Vec<usize> = (0..example.labels.len())
        .filter(|place| !example.labels[*place].outline.is_empty())
        .collect();
    if candidates.is_empty() {
        return;
    }
    rng.shuffle(&mut candidates);
    candidates.truncate((share * candidates.len() as f64).round_ties_even() as usize);
    let (width, height) = (
        example.image.width() as usize,
        example.image.height() as usize,
    );
    let original = example.image.clone();
    for place in candidates {
        let pasted = example.labels[place].mirrored(width as f32);
        if example
            .labels
            .iter()
            .any(|label| covered(&label.bbox, &pasted.bbox) >= MOST_COVERED)
        {
            continue;
        }
        pasted.outline.fill(height, width, 1.0, |row, columns| {
            for x in columns {
                example.image.put_pixel(
                    x as u32,
                    row as u32,
                    *original.get_pixel((width - 1 - x) as u32, row as u32),
                );
            }
        });
        example.labels.push(pasted);
    }
}

/// Share of a box that another covers.
fn covered(of: &BBox, by: &BBox) -> f32 {
    let side = |low: f32, high: f32| (high - low).max(0.0);
    let intersection =
        side(of.x1.max(by.x1), of.x2.min(by.x2)) * side(of.y1.max(by.y1), of.y2.min(by.y2));
    intersection / (of.width() * of.height() + 1e-7)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::augment::Label;
    use crate::dataset::random::stream;
    use crate::mask::{Outline, Segmentation};

    const RED: Rgb<u8> = Rgb([255, 0, 0]);

    /// A red square on black.
    fn square(x: f32, side: f32) -> Example {
        let corners = [
            [x, 4.0],
            [x + side, 4.0],
            [x + side, 4.0 + side],
            [x, 4.0 + side],
        ];
        let outline = Outline::of(&Segmentation::Polygons(vec![
            corners.iter().map(|p| p.map(f64::from)).collect(),
        ]));
        let mut image = RgbImage::new(32, 16);
        outline.fill(16, 32, 1.0, |row, columns| {
            columns.for_each(|x| image.put_pixel(x as u32, row as u32, RED))
        });
        let label = Label {
            class: 1,
            bbox: outline.bounds().unwrap(),
            outline,
        };
        Example {
            image,
            labels: vec![label],
        }
    }

    #[test]
    fn an_object_is_there_again_in_the_mirror() {
        let mut example = square(2.0, 6.0);
        copy_paste(&mut example, 1.0, &mut stream(0, 0, 0, 0));
        assert_eq!(example.labels.len(), 2);
        assert_eq!(
            example.labels[1].bbox,
            BBox::from_xyxy(24.0, 4.0, 30.0, 10.0)
        );
        let red: Vec<u32> = (0..32)
            .filter(|x| *example.image.get_pixel(*x, 6) == RED)
            .collect();
        assert_eq!(red, [2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29]);
        assert_eq!(
            example
                .image
                .pixels()
                .filter(|pixel| **pixel == RED)
                .count(),
            72
        );
    }

    #[test]
    fn not_where_it_would_cover_another() {
        // Its mirror image lies on itself.
        let mut example = square(13.0, 6.0);
        let before = example.clone();
        copy_paste(&mut example, 1.0, &mut stream(0, 0, 0, 0));
        assert_eq!(
            (example.image, example.labels),
            (before.image, before.labels)
        );
    }

    #[test]
    fn boxes_alone_are_not_pasted() {
        let mut example = square(2.0, 6.0);
        example.labels[0].outline = Outline::default();
        copy_paste(&mut example, 1.0, &mut stream(0, 0, 0, 0));
        assert_eq!(example.labels.len(), 1);
    }
}
