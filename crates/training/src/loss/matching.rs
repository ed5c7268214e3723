//! Which cells and anchors answer for which box: YOLOv5's anchor matching, on the host.

use super::LossError;

/// A cell moves to a neighbour for the half of it that lies nearer.
const NEIGHBOUR: f32 = 0.5;

/// One anchor of one cell that has to predict one target. Lengths are in cells of its level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Row in the level's logits as `[batch × anchors × height × width, outputs]`.
    pub cell: usize,
    /// Class of the target.
    pub class: usize,
    /// Row of the target.
    pub target: usize,
    /// Width and height of the anchor.
    pub anchor: [f32; 2],
    /// Centre of the target from the cell's top left corner; -0.5 to 1.5, as neighbours answer too.
    pub center: [f32; 2],
    /// Width and height of the target.
    pub size: [f32; 2],
}

/// Matches targets with the anchors of one pyramid level.
///
/// An anchor answers for a box when neither side of the two is `threshold` times the other's or
/// more. It does so in the box's own cell, and in the cells beside and above or below it to whose
/// side the box's centre is nearer.
#[derive(Clone, Debug)]
pub struct AnchorMatcher {
    /// Anchors of the level in cells.
    pub anchors: Vec<[f32; 2]>,
    /// The ratio of sides from which on a box and an anchor don't match.
    pub threshold: f32,
}

impl AnchorMatcher {
    /// Matches of `targets`, rows of (image, class, cx, cy, w, h) with the box as fractions of the
    /// image, on a map of `height` × `width` cells.
    ///
    /// The order is YOLOv5's: own cells, then left, upper, right and lower neighbours; within those
    /// by anchor, then by target. It matters, for where two boxes meet in a cell of one anchor the
    /// later match sets the objectness target.
    pub fn matches(&self, targets: &[[f32; 6]], height: usize, width: usize) -> Vec<Match> {
        let mut candidates = Vec::new();
        for (index, anchor) in self.anchors.iter().enumerate() {
            for (row, target) in targets.iter().enumerate() {
                let size = [target[4] * width as f32, target[5] * height as f32];
                if self.fits(size, *anchor) {
                    let center = [target[2] * width as f32, target[3] * height as f32];
                    candidates.push((index, *anchor, center, size, row));
                }
            }
        }
        let limits = [width as f32, height as f32];
        let mut matches = Vec::with_capacity(3 * candidates.len());
        for side in SIDES {
            for &(index, anchor, center, size, target) in &candidates {
                let [image, class, ..] = targets[target];
                let Some(step) = side.step(center, limits) else {
                    continue;
                };
                let column = cell(center[0] + step[0], width);
                let row = cell(center[1] + step[1], height);
                matches.push(Match {
                    cell: ((image as usize * self.anchors.len() + index) * height + row) * width
                        + column,
                    class: class as usize,
                    target,
                    anchor,
                    center: [center[0] - column as f32, center[1] - row as f32],
                    size,
                });
            }
        }
        matches
    }

    fn fits(&self, size: [f32; 2], anchor: [f32; 2]) -> bool {
        let ratio = |a: f32, b: f32| (a / b).max(b / a);
        ratio(size[0], anchor[0]).max(ratio(size[1], anchor[1])) < self.threshold
    }
}

/// Index of the cell that holds a coordinate; the last one for a box on the image's far edge.
fn cell(coordinate: f32, cells: usize) -> usize {
    (coordinate as usize).min(cells - 1)
}

#[derive(Clone, Copy)]
enum Side {
    Own,
    Left,
    Above,
    Right,
    Below,
}

const SIDES: [Side; 5] = [Side::Own, Side::Left, Side::Above, Side::Right, Side::Below];

impl Side {
    /// The way from a centre into this side's cell, or none where that cell is the farther one or
    /// off the map.
    fn step(self, center: [f32; 2], limits: [f32; 2]) -> Option<[f32; 2]> {
        let near = |distance: f32| distance > 1.0 && distance % 1.0 < NEIGHBOUR;
        let [x, y] = center;
        let (taken, step) = match self {
            Side::Own => (true, [0.0, 0.0]),
            Side::Left => (near(x), [-NEIGHBOUR, 0.0]),
            Side::Above => (near(y), [0.0, -NEIGHBOUR]),
            Side::Right => (near(limits[0] - x), [NEIGHBOUR, 0.0]),
            Side::Below => (near(limits[1] - y), [0.0, NEIGHBOUR]),
        };
        taken.then_some(step)
    }
}

/// Rejects targets of a class or an image that does not exist.
pub(super) fn check_targets(
    targets: &[[f32; 6]],
    batch: usize,
    nc: usize,
) -> Result<(), LossError> {
    for (row, target) in targets.iter().enumerate() {
        let [image, class, ..] = *target;
        if !(0.0..nc as f32).contains(&class) {
            return Err(LossError::Class { row, class, nc });
        }
        if !(0.0..batch as f32).contains(&image) {
            return Err(LossError::Image { row, image, batch });
        }
    }
    Ok(())
}
