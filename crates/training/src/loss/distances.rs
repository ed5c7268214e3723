//! The losses on boxes that are distances from a cell's centre to the four sides: CIoU, and the
//! distribution focal loss on the distances or, of distances that are no distributions, their L1
//! loss. Source of the second: Li et al., "Generalized Focal Loss", arXiv:2006.04388, equation 6.

use burn::Tensor;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Int, TensorData};

use super::cells::Matched;
use super::complete_iou;

/// A distance at most this much below the last cell of a distribution, so that there is a cell on
/// either side of it.
const MARGIN: f32 = 0.01;

/// Added to heights, which keeps a box without one from an infinite slope.
const EPSILON: f32 = 1e-7;

/// The CIoU loss, and the loss on the distances, of the boxes that cells answer for, each weighted
/// by its cell's score and summed.
///
/// `sides` are the logits of their distances, `[matched, 4 · reg_max]`; `size` the image's width
/// and height in pixels, of which plain distances are taken as shares.
pub(super) fn box_losses(
    sides: Tensor<2>,
    reg_max: usize,
    matched: &[Matched],
    size: [f32; 2],
    device: &Device,
) -> [Tensor<1>; 2] {
    let n = matched.len();
    let distances = match reg_max {
        1 => sides.clone(),
        cells => expected(sides.clone(), cells),
    };
    let pairs = |of: fn(&Matched) -> [f32; 2]| {
        let values: Vec<f32> = matched.iter().flat_map(of).collect();
        Tensor::<2>::from_data(TensorData::new(values, [n, 2]), device)
    };
    let weights: Vec<f32> = matched.iter().map(|m| m.score).collect();
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [n, 1]), device);

    let (near, far) = (
        distances.clone().narrow(1, 0, 2),
        distances.clone().narrow(1, 2, 2),
    );
    let centers = pairs(|m| m.cell.center) + (far.clone() - near.clone()).mul_scalar(0.5);
    let flat = Tensor::<2>::from_data([[0.0, EPSILON]], device);
    let iou = complete_iou(
        centers,
        near + far + flat.clone(),
        pairs(Matched::target_center),
        pairs(Matched::target_size) + flat,
    );
    let box_loss = (iou.neg().add_scalar(1.0) * weights.clone()).sum();
    let distance_loss = match reg_max {
        1 => plain(distances, matched, size, device),
        cells => distribution(sides, cells, matched, device),
    };
    [box_loss, (distance_loss * weights).sum()]
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

/// The cross-entropy of each box's distributions, `[n, 1]`. A side's distance lies between two
/// cells of its distribution: both are right, each as far as the other is off.
fn distribution(sides: Tensor<2>, cells: usize, matched: &[Matched], device: &Device) -> Tensor<2> {
    let n = matched.len();
    let mut targets = vec![0.0f32; n * 4 * cells];
    for (side, targets) in matched
        .iter()
        .flat_map(Matched::distances)
        .zip(targets.chunks_exact_mut(cells))
    {
        let distance = side.clamp(0.0, (cells - 1) as f32 - MARGIN);
        let below = distance.floor();
        targets[below as usize] = below + 1.0 - distance;
        targets[below as usize + 1] = distance - below;
    }
    let targets = Tensor::<2>::from_data(TensorData::new(targets, [n * 4, cells]), device);
    (log_softmax(sides.reshape([n * 4, cells]), 1) * targets)
        .sum_dim(1)
        .reshape([n, 4])
        .mean_dim(1)
        .neg()
}

/// The L1 loss of each box's distances as shares of the image's width and height, `[n, 1]`.
fn plain(
    distances: Tensor<2>,
    matched: &[Matched],
    [width, height]: [f32; 2],
    device: &Device,
) -> Tensor<2> {
    let table = |values: Vec<f32>| {
        Tensor::<2>::from_data(TensorData::new(values, [matched.len(), 4]), device)
    };
    let sizes = [width, height, width, height];
    let strides = matched.iter().flat_map(|m| [m.cell.stride; 4]).collect();
    let targets = matched.iter().flat_map(|m| {
        let distances = m.distances();
        std::array::from_fn::<f32, 4, _>(|side| distances[side] * m.cell.stride / sizes[side])
    });
    let targets = table(targets.collect());
    let shares = distances * table(strides) / Tensor::<2>::from_data([sizes], device);
    (shares - targets).abs().mean_dim(1)
}
