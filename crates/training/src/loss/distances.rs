//! The losses on boxes that are distances from a cell's centre to the four sides: CIoU, and the
//! distribution focal loss on the distances or, of distances that are no distributions, their L1
//! loss. Source of the second: Li et al., "Generalized Focal Loss", arXiv:2006.04388, equation 6.

use burn::Tensor;
use burn::tensor::Int;
use burn::tensor::activation::{log_softmax, softmax};

use super::box_targets::BoxTargets;
use super::complete_iou;
use super::scene::EPSILON;

/// The distances in cells, `[n, 4]`, that logits `[n, 4 · reg_max]` stand for: means of
/// distributions, or the logits themselves.
pub(super) fn distances(sides: Tensor<2>, reg_max: usize) -> Tensor<2> {
    match reg_max {
        1 => sides,
        cells => expected(sides, cells),
    }
}

/// The CIoU loss, and the loss on the distances, of the boxes that cells answer for, each weighted
/// and summed.
///
/// `sides` are the logits, `[n, 4 · reg_max]`, `distances` what they stand for, `[n, 4]`.
pub(super) fn box_losses(
    sides: Tensor<2>,
    distances: Tensor<2>,
    targets: BoxTargets,
) -> [Tensor<1>; 2] {
    let (near, far) = (
        distances.clone().narrow(1, 0, 2),
        distances.clone().narrow(1, 2, 2),
    );
    let centers = targets.cells + (far.clone() - near.clone()).mul_scalar(0.5);
    // Nothing for widths, made where it is needed: an upload would wait for a GPU.
    let flat = Tensor::<1, Int>::arange(0..2, &distances.device())
        .float()
        .mul_scalar(EPSILON)
        .reshape([1, 2]);
    let iou = complete_iou(
        centers,
        near + far + flat.clone(),
        targets.centers,
        targets.sizes + flat,
    );
    let box_loss = (iou.neg().add_scalar(1.0) * targets.weights.clone()).sum();
    let distance_loss = match targets.scale {
        None => distribution(sides, targets.sides),
        Some(scale) => (scale.shares(distances) - targets.sides).abs().mean_dim(1),
    };
    [box_loss, (distance_loss * targets.weights).sum()]
}

/// The mean of each distribution over distances of 0, 1, 2 … cells: `[n, 4 · cells]` to `[n, 4]`.
fn expected(sides: Tensor<2>, cells: usize) -> Tensor<2> {
    let [n, _] = sides.dims();
    let distances = Tensor::<1, Int>::arange(0..cells as i64, &sides.device())
        .float()
        .reshape([cells, 1]);
    let shares = softmax(sides.reshape([n * 4, cells]), 1);
    shares.matmul(distances).reshape([n, 4])
}

/// The cross-entropy of each box's distributions, `[n, 4 · cells]`, with the shares that their
/// cells should have, `[n · 4, cells]`: `[n, 1]`.
fn distribution(sides: Tensor<2>, shares: Tensor<2>) -> Tensor<2> {
    let ([n, _], [_, cells]) = (sides.dims(), shares.dims());
    (log_softmax(sides.reshape([n * 4, cells]), 1) * shares)
        .sum_dim(1)
        .reshape([n, 4])
        .mean_dim(1)
        .neg()
}
