//! Where RT-DETR's queries start.

/// Side of a first box, as a share of the image, at the finest level; it doubles with each.
const FIRST_BOX: f32 = 0.05;
/// First boxes nearer to an edge are left out.
const EDGE: f32 = 0.01;

/// The logits of each cell's first box: its centre, and a side that grows with the level; infinite
/// where it is too near to an edge, and whether it is not, as 1 or 0.
pub(super) fn first_boxes(sides: &[[usize; 2]]) -> (Vec<f32>, Vec<f32>) {
    let (mut boxes, mut inside) = (Vec::new(), Vec::new());
    for (level, [height, width]) in sides.iter().enumerate() {
        let side = FIRST_BOX * 2f32.powi(level as i32);
        for row in 0..*height {
            for column in 0..*width {
                let x = (column as f32 + 0.5) / *width as f32;
                let y = (row as f32 + 0.5) / *height as f32;
                let shares = [x, y, side, side];
                let valid = shares
                    .iter()
                    .all(|share| *share > EDGE && *share < 1.0 - EDGE);
                boxes.extend(shares.map(|share| match valid {
                    true => (share / (1.0 - share)).ln(),
                    false => f32::INFINITY,
                }));
                inside.push(f32::from(valid));
            }
        }
    }
    (boxes, inside)
}
