//! The boxes to be found in a batch and the cells that could answer for them, as tensors: all of
//! it by one upload, as each waits for a GPU.

use std::f32::consts::FRAC_2_PI;

use ablate_detection::geometry::BBox;
use ablate_kernels::uploaded;
use burn::Tensor;
use burn::tensor::Device;

use super::cells::{Cell, pixels};
use super::task_aligned::TaskAlignedAssigner;

/// Numbers of a box, by their columns. Lengths are in pixels.
#[derive(Clone, Copy)]
pub(super) enum Column {
    X1,
    Y1,
    X2,
    Y2,
    Class,
    /// Row of its class among the class scores `[batch · classes, cells]`.
    Scores,
    /// Where the box ends for a cell's centre that it is to surround: it may be widened.
    Left,
    Top,
    Right,
    Bottom,
    Area,
    /// Of the diagonal, as a share of a right angle.
    Angle,
}

/// So many are in a row.
const COLUMNS: usize = Column::Angle as usize + 1;

/// Added to heights, which keeps a box without one from an infinite slope.
pub(super) const EPSILON: f32 = 1e-7;

/// What is on the images of a batch, off any training device.
pub(super) struct Scene {
    pub batch: usize,
    /// Boxes of the image that has the most; each image has so many rows.
    pub most: usize,
    /// `[batch · most, columns]`; rows of zeros, which surround no cell, fill up the images.
    pub boxes: Tensor<2>,
    /// Centre x and y in cells, and stride: `[cells, 3]`, finest level first.
    pub cells: Tensor<2>,
    /// Width, height, width, height of an image in pixels: `[1, 4]`.
    pub size: Tensor<2>,
}

impl Scene {
    /// Of the targets, (image, class, cx, cy, w, h) as shares of an image, at least one, on images
    /// of `size`, width and height in pixels.
    pub fn new(
        targets: &[[f32; 6]],
        cells: &[Cell],
        [batch, nc]: [usize; 2],
        size: [f32; 2],
        assigner: &TaskAlignedAssigner,
        device: &Device,
    ) -> Self {
        let mut counts = vec![0usize; batch];
        let places: Vec<[usize; 2]> = targets
            .iter()
            .map(|target| {
                let image = target[0] as usize;
                counts[image] += 1;
                [image, counts[image] - 1]
            })
            .collect();
        let most = counts.into_iter().max().unwrap_or(0);

        let rows = batch * most;
        let mut values = vec![0.0f32; rows * COLUMNS];
        for (target, [image, place]) in targets.iter().zip(places) {
            let class = target[1] as usize;
            values[(image * most + place) * COLUMNS..][..COLUMNS].copy_from_slice(&row(
                pixels(*target, size),
                [class, image * nc + class],
                assigner,
            ));
        }
        let of_cell = |cell: &Cell| [cell.center[0], cell.center[1], cell.stride];
        values.extend(cells.iter().flat_map(of_cell));
        values.extend(size.into_iter().chain(size));

        let all = values.len();
        let all = uploaded(values, [all], &device.clone().inner());
        let mut start = 0;
        let mut table = |rows: usize, columns: usize| {
            let table = all.clone().narrow(0, start, rows * columns);
            start += rows * columns;
            table.reshape([rows, columns])
        };
        Self {
            batch,
            most,
            boxes: table(rows, COLUMNS),
            cells: table(cells.len(), 3),
            size: table(1, 4),
        }
    }

    /// One number of every box, `[batch, most, 1]`.
    pub fn column(&self, column: Column) -> Tensor<3> {
        self.boxes
            .clone()
            .narrow(1, column as usize, 1)
            .reshape([self.batch, self.most, 1])
    }
}

fn row(bbox: BBox, [class, scores]: [usize; 2], assigner: &TaskAlignedAssigner) -> [f32; COLUMNS] {
    let [left, right] = assigner.widened(bbox.x1, bbox.x2);
    let [top, bottom] = assigner.widened(bbox.y1, bbox.y2);
    let (width, height) = (bbox.x2 - bbox.x1, bbox.y2 - bbox.y1 + EPSILON);
    let mut row = [0.0; COLUMNS];
    let mut put = |column: Column, value: f32| row[column as usize] = value;
    put(Column::X1, bbox.x1);
    put(Column::Y1, bbox.y1);
    put(Column::X2, bbox.x2);
    put(Column::Y2, bbox.y2);
    put(Column::Class, class as f32);
    put(Column::Scores, scores as f32);
    put(Column::Left, left);
    put(Column::Top, top);
    put(Column::Right, right);
    put(Column::Bottom, bottom);
    put(Column::Area, width * height);
    put(Column::Angle, (width / height).atan() * FRAC_2_PI);
    row
}
