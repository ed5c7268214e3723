//! What cells are to learn of the boxes that they answer for: from matches on the host, or from an
//! assignment on the device.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};

use super::cells::Matched;
use super::scene::Scene;
use super::tensor_assigner::Assignment;

/// A distance at most this much below the last cell of a distribution, so that there is a cell on
/// either side of it.
const MARGIN: f32 = 0.01;

/// Of so many cells; lengths are in cells.
pub(super) struct BoxTargets {
    /// Of the cells, `[n, 2]`.
    pub cells: Tensor<2>,
    /// Of the boxes, `[n, 2]`.
    pub centers: Tensor<2>,
    /// Widths and heights, `[n, 2]`.
    pub sizes: Tensor<2>,
    /// The distances from a cell's centre to the box's left, top, right and bottom. Of
    /// distributions the shares of their cells, `[n · 4, cells of a distribution]`: a distance lies
    /// between two cells, and both are right, each as far as the other is off. Of plain distances
    /// the shares of the image's width or height, `[n, 4]`.
    pub sides: Tensor<2>,
    /// How plain distances become such shares; None for distributions.
    pub scale: Option<Scale>,
    /// What each cell counts, `[n, 1]`.
    pub weights: Tensor<2>,
}

/// From cells of a level to shares of an image.
#[derive(Clone)]
pub(super) struct Scale {
    /// Of the cells in pixels, `[n, 4]` or `[n, 1]`.
    pub strides: Tensor<2>,
    /// The image's width, height, width and height in pixels, `[1, 4]`.
    pub size: Tensor<2>,
}

impl Scale {
    /// Of distances `[n, 4]`.
    pub fn shares(self, distances: Tensor<2>) -> Tensor<2> {
        distances * self.strides / self.size
    }
}

impl BoxTargets {
    /// Of matches, in their order; on images of `size`, width and height in pixels.
    pub fn of_matches(
        matched: &[Matched],
        reg_max: usize,
        size: [f32; 2],
        device: &Device,
    ) -> Self {
        let pairs = |of: fn(&Matched) -> [f32; 2]| table(matched.iter().flat_map(of), 2, device);
        let (sides, scale) = match reg_max {
            1 => plain(matched, size, device),
            cells => (distributions(matched, cells, device), None),
        };
        Self {
            cells: pairs(|m| m.cell.center),
            centers: pairs(Matched::target_center),
            sizes: pairs(Matched::target_size),
            sides,
            scale,
            weights: table(matched.iter().map(|m| m.score), 1, device),
        }
    }

    /// Of all cells of a batch; those that answer for no box count nothing.
    pub fn of_cells(assignment: &Assignment, scene: &Scene, reg_max: usize) -> Self {
        let [cells, _] = scene.cells.dims();
        let rows = scene.batch * cells;
        let all = scene.cells.clone().unsqueeze::<3>();
        let all = all.expand([scene.batch, cells, 3]).reshape([rows, 3]);
        let (cells, strides) = (all.clone().narrow(1, 0, 2), all.narrow(1, 2, 1));
        let corners = scene.boxes.clone().narrow(1, 0, 4);
        let corners = corners.select(0, assignment.boxes.clone()) / strides.clone();
        let (low, high) = (corners.clone().narrow(1, 0, 2), corners.narrow(1, 2, 2));
        let distances = vec![cells.clone() - low.clone(), high.clone() - cells.clone()];
        let distances = Tensor::cat(distances, 1);
        let scale = Scale {
            strides,
            size: scene.size.clone(),
        };
        let (sides, scale) = match reg_max {
            1 => (scale.clone().shares(distances), Some(scale)),
            cells => (tents(distances, cells), None),
        };
        Self {
            cells,
            centers: (low.clone() + high.clone()).mul_scalar(0.5),
            sizes: high - low,
            sides,
            scale,
            weights: assignment.scores.clone(),
        }
    }
}

/// Distances `[n, 4]` as shares of the two cells around each, `[n · 4, cells]`: a cell's share
/// falls with its distance, to nothing at that of its neighbour.
fn tents(distances: Tensor<2>, cells: usize) -> Tensor<2> {
    let [n, _] = distances.dims();
    let steps = Tensor::<1, Int>::arange(0..cells as i64, &distances.device()).float();
    let distances = distances
        .clamp(0.0, (cells - 1) as f32 - MARGIN)
        .reshape([n * 4, 1]);
    (distances - steps.reshape([1, cells]))
        .abs()
        .neg()
        .add_scalar(1.0)
        .clamp_min(0.0)
}

fn distributions(matched: &[Matched], cells: usize, device: &Device) -> Tensor<2> {
    let mut targets = vec![0.0f32; matched.len() * 4 * cells];
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
    table(targets.into_iter(), cells, device)
}

fn plain(
    matched: &[Matched],
    [width, height]: [f32; 2],
    device: &Device,
) -> (Tensor<2>, Option<Scale>) {
    let sizes = [width, height, width, height];
    let shares = matched.iter().flat_map(|m| {
        let distances = m.distances();
        std::array::from_fn::<f32, 4, _>(|side| distances[side] * m.cell.stride / sizes[side])
    });
    let strides = matched.iter().flat_map(|m| [m.cell.stride; 4]);
    let scale = Scale {
        strides: table(strides, 4, device),
        size: Tensor::from_data([sizes], device),
    };
    (table(shares, 4, device), Some(scale))
}

/// `[n, columns]` from rows.
fn table(values: impl Iterator<Item = f32>, columns: usize, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = values.collect();
    let rows = values.len() / columns;
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}
