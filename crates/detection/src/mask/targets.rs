//! Masks as training takes them: a map of object numbers for each image.

use super::Outline;

/// Which object each pixel belongs to, for the images of a batch, on a map coarser than they are.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskTargets {
    /// Height of each mask, in cells.
    pub height: usize,
    /// Width of each mask, in cells.
    pub width: usize,
    /// Batch × height × width: k for the k-th target of the image, counted from 1; 0 for none.
    pub objects: Vec<u16>,
}

/// Draws the objects of an image into its part of [`MaskTargets::objects`], each pixel of which is
/// `stride` of the image's wide. Where objects overlap, the smallest lies on top, as YOLOv5 and
/// Ultralytics have it. Only the first 65,535 have a number and are drawn.
pub fn draw_targets(
    outlines: &[&Outline],
    height: usize,
    width: usize,
    stride: f32,
    objects: &mut [u16],
) {
    let mut spans: Vec<_> = outlines
        .iter()
        .zip(1..=u16::MAX)
        .map(|(outline, object)| {
            let (mut rows, mut area) = (Vec::new(), 0);
            outline.fill(height, width, stride, |row, columns| {
                area += columns.len();
                rows.push((row, columns));
            });
            (area, object, rows)
        })
        .collect();
    spans.sort_by_key(|(area, ..)| std::cmp::Reverse(*area));
    for (_, object, rows) in spans {
        rows.into_iter()
            .for_each(|(row, columns)| objects[row * width..][columns].fill(object));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectangle(x1: f32, y1: f32, x2: f32, y2: f32) -> Outline {
        Outline {
            polygons: vec![vec![[x1, y1], [x2, y1], [x2, y2], [x1, y2]]],
        }
    }

    #[test]
    fn the_smaller_object_lies_on_top() {
        let (small, large) = (
            rectangle(4.0, 0.0, 8.0, 4.0),
            rectangle(0.0, 0.0, 16.0, 8.0),
        );
        for (outlines, expected) in [
            ([&small, &large], [2, 1, 2, 2, 2, 2, 2, 2]),
            ([&large, &small], [1, 2, 1, 1, 1, 1, 1, 1]),
        ] {
            let mut objects = [0; 8];
            draw_targets(&outlines, 2, 4, 4.0, &mut objects);
            assert_eq!(objects, expected);
        }
    }

    #[test]
    fn objects_without_a_number_take_nobody_s_place() {
        let cell = rectangle(0.0, 0.0, 4.0, 4.0);
        let mut objects = [0];
        draw_targets(&vec![&cell; 65_536], 1, 1, 4.0, &mut objects);
        assert_eq!(objects, [65_535]);
    }
}
