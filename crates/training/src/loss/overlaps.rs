//! How far every cell's prediction overlaps every box of its image, by tensor operations.

use std::f32::consts::FRAC_2_PI;

use burn::Tensor;

use super::scene::{Column, EPSILON, Scene};
use super::task_aligned::EPSILON as MARGIN;

/// CIoU of every box with what every cell predicts, `[batch, most, cells]`: 0 where it is below,
/// and where the cell's centre lies outside of the box.
///
/// `distances` are those from the cells' centres to the predicted left, top, right and bottom, in
/// cells: `[batch, cells, 4]`; off any training device.
pub(super) fn overlaps(scene: &Scene, distances: Tensor<3>) -> Tensor<3> {
    let found = complete_iou(scene, distances);
    // Also what is not a number is none.
    let counts = inside(scene).bool_and(found.clone().greater_scalar(0.0));
    found.mask_fill(counts.bool_not(), 0.0)
}

/// Whether each box surrounds each cell's centre, `[batch, most, cells]`.
fn inside(scene: &Scene) -> Tensor<3, burn::tensor::Bool> {
    let places = centers(scene).swap_dims(1, 2);
    let room = |axis: usize, low: Column, high: Column| {
        let place = places.clone().narrow(1, axis, 1);
        (place.clone() - scene.column(low)).min_pair(scene.column(high) - place)
    };
    room(0, Column::Left, Column::Right)
        .min_pair(room(1, Column::Top, Column::Bottom))
        .greater_scalar(MARGIN)
}

/// In pixels, `[1, cells, 2]`.
fn centers(scene: &Scene) -> Tensor<3> {
    let cells = scene.cells.clone().unsqueeze::<3>();
    cells.clone().narrow(2, 0, 2) * cells.narrow(2, 2, 1)
}

/// See [`super::complete_iou`], which is the same on pairs of boxes.
///
/// Where two intervals' ends differ says both how long they overlap and how long their hull is:
/// few steps, as each goes through boxes times cells.
fn complete_iou(scene: &Scene, distances: Tensor<3>) -> Tensor<3> {
    let strides = scene.cells.clone().narrow(1, 2, 1).unsqueeze::<3>();
    let lengths = distances * strides;
    let centers = centers(scene);
    let low = (centers.clone() - lengths.clone().narrow(2, 0, 2)).swap_dims(1, 2);
    let high = (centers + lengths.narrow(2, 2, 2)).swap_dims(1, 2);
    // `[batch, 1, cells]` of the predictions, `[batch, most, 1]` of the boxes.
    let along = |axis: usize, from: Column, to: Column| {
        let (low, high) = (
            low.clone().narrow(1, axis, 1),
            high.clone().narrow(1, axis, 1),
        );
        let (from, to) = (scene.column(from), scene.column(to));
        let difference = (to.clone() - high.clone()).clamp_max(0.0)
            - (from.clone() - low.clone()).clamp_min(0.0);
        let length = high.clone() - low.clone();
        Along {
            overlap: (difference.clone() + length.clone()).clamp_min(0.0),
            hull: difference - (to.clone() - from.clone()),
            offset: (low + high) - (from + to),
            length,
        }
    };
    let x = along(0, Column::X1, Column::X2);
    let y = along(1, Column::Y1, Column::Y2);

    let height = y.length.add_scalar(EPSILON);
    let angle = (x.length.clone() / height.clone())
        .atan()
        .mul_scalar(FRAC_2_PI);
    let intersection = x.overlap * y.overlap;
    let union = (scene.column(Column::Area) + x.length * height) - intersection.clone();
    let iou = intersection / union.add_scalar(EPSILON);
    let diagonal = (x.hull.square() + y.hull.square()).add_scalar(EPSILON);
    let distance = (x.offset.square() + y.offset.square()).mul_scalar(0.25) / diagonal;
    let aspect = (angle - scene.column(Column::Angle)).square();
    let penalty = aspect.clone().square() / (aspect - iou.clone()).add_scalar(1.0 + EPSILON);
    iou - distance - penalty
}

/// Of boxes and predictions along an axis.
struct Along {
    overlap: Tensor<3>,
    /// Negative.
    hull: Tensor<3>,
    /// Twice that of the middles.
    offset: Tensor<3>,
    /// Of the predictions alone.
    length: Tensor<3>,
}
