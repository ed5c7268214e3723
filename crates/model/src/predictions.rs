//! Predictions from raw maps on the host: what `Detector::decode` does by tensors, written straight
//! into place.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::{
    coding::{BoxCoding, DetectConfig},
    inference::{FeatureMap, Map, Traced},
};
use ablate_kernels::Activation;

/// The head's maps with probabilities in place of logits, which the plan computes on the way, by
/// pixels, mask prototypes as they are; None of a head whose predictions are not decoded here.
pub(crate) fn likely(mut maps: Vec<Traced>, detect: &DetectConfig) -> Option<Vec<Traced>> {
    let likely = |map: Traced| map.activated(Activation::Sigmoid);
    let (outputs, sides) = (detect.outputs(), detect.box_outputs());
    // Numbers of a box that stay as they are: those before the first, and from the last on.
    let (first, last) = match &detect.coding {
        BoxCoding::Anchors(_) => (0, sides + detect.nc),
        BoxCoding::Distances { .. } => (sides, sides + detect.nc),
        BoxCoding::Queries => return None,
    };
    for map in maps.iter_mut().take(detect.maps()) {
        if (first, last) == (0, outputs) {
            *map = likely(map.clone()).by_pixels();
            continue;
        }
        let mut parts = Vec::new();
        for start in (0..map.shape()[1]).step_by(outputs) {
            let part = |from: usize, to: usize| map.clone().channels(start + from, to - from);
            parts.extend((first > 0).then(|| part(0, first)));
            parts.push(likely(part(first, last)));
            parts.extend((last < outputs).then(|| part(last, outputs)));
        }
        *map = FeatureMap::concatenated(parts).by_pixels();
    }
    Some(maps)
}

/// Maps of [`likely`], finest first, to `[batch, positions, 5 + classes + coefficients]`.
pub(crate) fn decoded(maps: &[Map], detect: &DetectConfig, device: &Device) -> Tensor<3> {
    let anchors = detect.boxes_per_cell();
    let batch = maps.first().map_or(0, |map| map.shape[0]);
    let cells = |map: &Map| map.shape[2] * map.shape[3];
    let positions: usize = maps.iter().map(|map| anchors * cells(map)).sum();
    let numbers = 5 + detect.nc + detect.coefficients();
    let mut values = vec![0.0; batch * positions * numbers];
    // Rows of cells, in the order of the predictions.
    let mut rows = Vec::new();
    let mut rest = values.as_mut_slice();
    for image in 0..batch {
        for (level, map) in maps.iter().enumerate() {
            let [_, channels, height, width] = map.shape;
            let outputs = channels / anchors;
            for anchor in 0..anchors {
                for y in 0..height {
                    let (row, after) = rest.split_at_mut(width * numbers);
                    rest = after;
                    let cells = &map.values[(image * height + y) * width * channels..];
                    let cells = cells[..width * channels].chunks_exact(channels);
                    let row = row.chunks_exact_mut(numbers).zip(cells).enumerate();
                    rows.push(row.map(move |(x, (values, cell))| Cell {
                        level,
                        anchor,
                        place: [x, y],
                        outputs: &cell[anchor * outputs..][..outputs],
                        values,
                    }));
                }
            }
        }
    }
    rows.into_par_iter()
        .with_min_len(8)
        .for_each(|row| row.for_each(|cell| cell.decode(detect)));
    Tensor::from_data(TensorData::new(values, [batch, positions, numbers]), device)
}

/// One of the boxes of a level's cell.
struct Cell<'m> {
    level: usize,
    anchor: usize,
    /// Column and row.
    place: [usize; 2],
    /// What the map says of the box.
    outputs: &'m [f32],
    /// The prediction.
    values: &'m mut [f32],
}

impl Cell<'_> {
    fn decode(self, detect: &DetectConfig) {
        let Self {
            place,
            outputs,
            values,
            ..
        } = self;
        let stride = detect.strides[self.level] as f32;
        match &detect.coding {
            BoxCoding::Anchors(sizes) => {
                let size = sizes[self.level][self.anchor];
                for (axis, size) in size.into_iter().enumerate() {
                    let corner = place[axis] as f32 - 0.5;
                    values[axis] = (2.0 * outputs[axis] + corner) * stride;
                    values[2 + axis] = (2.0 * outputs[2 + axis]).powi(2) * size as f32;
                }
                values[4] = outputs[4];
            }
            BoxCoding::Distances { reg_max } => {
                for axis in 0..2 {
                    let [near, far] = [axis, 2 + axis]
                        .map(|side| distance(&outputs[side * reg_max..][..*reg_max]));
                    let corner = place[axis] as f32 + 0.5;
                    values[axis] = ((far - near) * 0.5 + corner) * stride;
                    values[2 + axis] = (near + far) * stride;
                }
                values[4] = 1.0;
            }
            BoxCoding::Queries => return,
        }
        // Classes, then mask coefficients.
        values[5..].copy_from_slice(&outputs[detect.box_outputs()..]);
    }
}

/// To one side: the mean of a distribution, or the distance itself.
fn distance(bins: &[f32]) -> f32 {
    if let [alone] = bins {
        return *alone;
    }
    let most = bins
        .iter()
        .fold(f32::NEG_INFINITY, |most, bin| most.max(*bin));
    let (mut sum, mut mean) = (0.0, 0.0);
    for (distance, bin) in bins.iter().enumerate() {
        let share = (bin - most).exp();
        sum += share;
        mean += share * distance as f32;
    }
    mean / sum
}
