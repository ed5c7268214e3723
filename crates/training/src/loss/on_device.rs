//! The losses of a head without anchors, of which nothing is read back: cells are assigned where
//! their logits are. How many cells answer for a box is not known here, so that all take part, and
//! those that answer for none count nothing.

use burn::Tensor;
use burn::tensor::{Device, IndexingUpdateOp};

use super::bce_with_logits_sum;
use super::box_targets::BoxTargets;
use super::cells::Cell;
use super::distances::{box_losses, distances};
use super::scene::{Column, Scene};
use super::task_aligned::TaskAlignedAssigner;
use super::tensor_assigner::{Assignment, assign};
use ablate_kernels::channels;

/// What is known of a batch's logits.
pub(super) struct Batch<'a> {
    pub images: usize,
    pub nc: usize,
    pub reg_max: usize,
    /// Of all levels, finest first.
    pub cells: &'a [Cell],
    /// The images' width and height in pixels.
    pub size: [f32; 2],
    pub assigner: &'a TaskAlignedAssigner,
}

/// The losses on boxes, on classes and on distances, without gains, over the sum of scores.
///
/// `logits` are `[batch · cells, 4 · reg_max + classes]`, `targets` rows of (image, class, cx, cy,
/// w, h).
pub(super) fn losses(logits: Tensor<2>, batch: &Batch, targets: &[[f32; 6]]) -> [Tensor<1>; 3] {
    let device = logits.device();
    let sides = 4 * batch.reg_max;
    let class_logits = channels(logits.clone(), sides, batch.nc);
    if targets.is_empty() {
        let zero = || Tensor::zeros([1], &device);
        let nothing = class_logits.clone().detach().zeros_like();
        return [
            zero(),
            bce_with_logits_sum(class_logits, nothing, 1.0),
            zero(),
        ];
    }

    let sides = channels(logits, 0, sides);
    let distances = distances(sides.clone(), batch.reg_max);
    let scene = Scene::new(
        targets,
        batch.cells,
        [batch.images, batch.nc],
        batch.size,
        batch.assigner,
        &device,
    );
    let by_image = |rows: &Tensor<2>| {
        let columns = rows.dims()[1];
        let rows = rows.clone().detach().inner();
        rows.reshape([batch.images, batch.cells.len(), columns])
    };
    let assignment = assign(
        batch.assigner,
        &scene,
        by_image(&class_logits),
        by_image(&distances),
    );

    let class_targets = class_targets(&assignment, &scene, batch.nc);
    let class_loss = bce_with_logits_sum(class_logits, lifted(class_targets, &device), 1.0);
    // What a cell without a box predicts could have an infinite slope, of which no weight makes
    // nothing: one of a cell's size stands in for it.
    let idle = assignment.scores.clone().lower_equal_scalar(0.0);
    let [rows, _] = distances.dims();
    let distances = distances.mask_fill(idle.expand([rows, 4]), 1.0);
    let targets = BoxTargets::of_cells(&assignment, &scene, batch.reg_max);
    let [box_loss, distance_loss] = box_losses(sides, distances, targets);
    let sum = assignment.scores.sum().clamp_min(1.0);
    [box_loss, class_loss, distance_loss].map(|loss| loss / sum.clone())
}

/// Each cell's score at its box's class, `[batch · cells, classes]`.
fn class_targets(assignment: &Assignment, scene: &Scene, nc: usize) -> Tensor<2> {
    let [rows, _] = assignment.scores.dims();
    let classes = scene.boxes.clone().narrow(1, Column::Class as usize, 1);
    let classes = classes.select(0, assignment.boxes.clone()).int();
    Tensor::zeros([rows, nc], &assignment.scores.device()).scatter(
        1,
        classes,
        assignment.scores.clone(),
        IndexingUpdateOp::Add,
    )
}

/// On the training device, if that is one.
fn lifted(tensor: Tensor<2>, device: &Device) -> Tensor<2> {
    match device.is_autodiff() {
        true => Tensor::from_inner(tensor),
        false => tensor,
    }
}
