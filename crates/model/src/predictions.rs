//! Predictions from raw maps on the host: what `Detector::decode` does by tensors, written straight
//! into place.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::{
    coding::{BoxCoding, DetectConfig},
    inference::{FeatureMap, Map, Traced},
};
use ablate_kernels::Activation;

/// The head's maps with probabilities in place of logits, which the plan computes on the way, mask
/// prototypes as they are; None of a head whose predictions are not decoded here.
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
            *map = likely(map.clone());
            continue;
        }
        let mut parts = Vec::new();
        for start in (0..map.shape()[1]).step_by(outputs) {
            let part = |from: usize, to: usize| map.clone().channels(start + from, to - from);
            parts.extend((first > 0).then(|| part(0, first)));
            parts.push(likely(part(first, last)));
            parts.extend((last < outputs).then(|| part(last, outputs)));
        }
        *map = FeatureMap::concatenated(parts);
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
            for anchor in 0..anchors {
                for y in 0..height {
                    let (row, after) = rest.split_at_mut(width * numbers);
                    rest = after;
                    let per_anchor = channels / anchors;
                    let first = (image * channels + anchor * per_anchor) * cells(map) + y * width;
                    rows.push((
                        row,
                        Row {
                            level,
                            anchor,
                            y,
                            first,
                            map,
                        },
                    ));
                }
            }
        }
    }
    rows.into_par_iter()
        .with_min_len(8)
        .for_each(|(values, row)| row.decode(detect, values));
    Tensor::from_data(TensorData::new(values, [batch, positions, numbers]), device)
}

/// A row of a level's cells, and one of its anchors.
struct Row<'m> {
    level: usize,
    anchor: usize,
    y: usize,
    /// Where its first channel begins in the map.
    first: usize,
    map: &'m Map,
}

impl Row<'_> {
    /// A channel's numbers, one for each cell.
    fn channel(&self, channel: usize) -> &[f32] {
        let [_, _, height, width] = self.map.shape;
        &self.map.values[self.first + channel * height * width..][..width]
    }

    fn decode(&self, detect: &DetectConfig, values: &mut [f32]) {
        let stride = detect.strides[self.level] as f32;
        let numbers = 5 + detect.nc + detect.coefficients();
        let mut fill = |number: usize, of: &mut dyn FnMut(usize) -> f32| {
            let cells = values[number..].iter_mut().step_by(numbers);
            cells.enumerate().for_each(|(x, value)| *value = of(x));
        };
        match &detect.coding {
            BoxCoding::Anchors(sizes) => {
                let size = sizes[self.level][self.anchor];
                for (axis, size) in size.into_iter().enumerate() {
                    let (centre, extent) = (self.channel(axis), self.channel(2 + axis));
                    let corner = |x: usize| [x, self.y][axis] as f32 - 0.5;
                    fill(axis, &mut |x| (2.0 * centre[x] + corner(x)) * stride);
                    fill(2 + axis, &mut |x| (2.0 * extent[x]).powi(2) * size as f32);
                }
                let objectness = self.channel(4);
                fill(4, &mut |x| objectness[x]);
            }
            BoxCoding::Distances { reg_max } => {
                for axis in 0..2 {
                    let near = self.distances(axis, *reg_max);
                    let far = self.distances(2 + axis, *reg_max);
                    let corner = |x: usize| [x, self.y][axis] as f32 + 0.5;
                    fill(axis, &mut |x| {
                        ((far[x] - near[x]) * 0.5 + corner(x)) * stride
                    });
                    fill(2 + axis, &mut |x| (near[x] + far[x]) * stride);
                }
                fill(4, &mut |_| 1.0);
            }
            BoxCoding::Queries => return,
        }
        // Classes, then mask coefficients.
        for number in 0..detect.nc + detect.coefficients() {
            let channel = self.channel(detect.box_outputs() + number);
            fill(5 + number, &mut |x| channel[x]);
        }
    }

    /// To one side: the mean of each cell's distribution, or the distance itself.
    fn distances(&self, side: usize, reg_max: usize) -> Vec<f32> {
        let bins: Vec<&[f32]> = (0..reg_max)
            .map(|bin| self.channel(side * reg_max + bin))
            .collect();
        let distance = |x: usize| {
            if let [alone] = bins[..] {
                return alone[x];
            }
            let most = bins
                .iter()
                .fold(f32::NEG_INFINITY, |most, bin| most.max(bin[x]));
            let (mut sum, mut mean) = (0.0, 0.0);
            for (distance, bin) in bins.iter().enumerate() {
                let share = (bin[x] - most).exp();
                sum += share;
                mean += share * distance as f32;
            }
            mean / sum
        };
        (0..bins[0].len()).map(distance).collect()
    }
}
