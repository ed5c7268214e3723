//! From an image to its boxes: letterbox, upload, forward pass, download, suppression.

use std::ops::Range;

use ablate_detection::{
    dataset::Dataset,
    loader::{EvalBatch, Frame},
    mask::Prototypes,
    metrics::coco::DetectionBox,
    nms::non_max_suppression,
};
use anyhow::{Context, Result, bail};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::evaluation::Evaluator;

/// What of the way is done. The letterbox comes before: it makes the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The images are asked for on the device, which may still be at it.
    Upload,
    /// The boxes are asked for on the device, which may still be at it.
    Forward,
    /// The boxes are on the host, before suppression.
    Download,
    /// The detections are there, in pixels of the original images.
    Suppression,
}

impl Evaluator {
    /// The detections of one batch, in pixels of the original images; the frames of the batch name
    /// samples of `dataset`. With `masks` each has its mask. `done` is called after each part.
    ///
    /// # Errors
    /// An output that cannot be read.
    pub fn detect(
        &self,
        EvalBatch { batch, frames }: EvalBatch,
        dataset: &Dataset,
        masks: bool,
        done: &mut dyn FnMut(Part),
    ) -> Result<Vec<DetectionBox>> {
        let detector = &self.detector;
        let shape = [batch.size, 3, batch.height, batch.width];
        let images = Tensor::<4>::from_data(TensorData::new(batch.images, shape), &self.device);
        done(Part::Upload);
        let (predictions, protos) = detector.predict(images);
        done(Part::Forward);
        let (nc, coefficients) = (detector.detect().nc, detector.detect().coefficients());
        let boxes = values(predictions.clone().narrow(2, 0, 5 + nc))?;
        // For each image its boxes' coefficients and its prototypes, which are empty where masks are
        // not wanted.
        let (rows, maps, [height, width]) = match protos.filter(|_| masks) {
            Some(protos) => {
                let [_, _, height, width] = protos.dims();
                (
                    values(predictions.narrow(2, 5 + nc, coefficients))?,
                    values(protos)?,
                    [height, width],
                )
            }
            None => (Vec::new(), Vec::new(), [0, 0]),
        };
        done(Part::Download);
        check_finite(&boxes, &frames, dataset)?;
        let of_image = |all: &[f32], image: usize| -> Range<usize> {
            let size = all.len() / batch.size;
            image * size..(image + 1) * size
        };
        let detections = (0..batch.size).into_par_iter().flat_map(|image| {
            let frame = &frames[image];
            let rows = &rows[of_image(&rows, image)];
            let prototypes = Prototypes {
                values: &maps[of_image(&maps, image)],
                height,
                width,
                letterbox: frame.letterbox,
            };
            let image_id = dataset.samples[frame.index].id;
            let found = non_max_suppression(&boxes[of_image(&boxes, image)], nc, &self.nms);
            found.into_par_iter().map(move |detection| {
                let bbox = frame.letterbox.to_original(&detection.bbox);
                let xywh = [bbox.x1, bbox.y1, bbox.width(), bbox.height()].map(f64::from);
                DetectionBox {
                    image_id,
                    category_id: detection.class as u64,
                    bbox: xywh,
                    area: xywh[2] * xywh[3],
                    score: f64::from(detection.score),
                    mask: masks.then(|| {
                        prototypes
                            .mask(&rows[detection.row * coefficients..][..coefficients], &bbox)
                    }),
                }
            })
        });
        let detections = detections.collect();
        done(Part::Suppression);
        Ok(detections)
    }
}

/// Rejects predictions that are no numbers: they would be no detections, as if there were nothing to be seen.
fn check_finite(boxes: &[f32], frames: &[Frame], dataset: &Dataset) -> Result<()> {
    let size = (boxes.len() / frames.len().max(1)).max(1);
    // A product with zero is no number where a factor is none, and sums are quicker than tests.
    let is_finite = |image: &[f32]| image.iter().map(|value| value * 0.0).sum::<f32>() == 0.0;
    match boxes.chunks(size).position(|image| !is_finite(image)) {
        Some(image) => bail!(
            "the network's output is not finite for image {}: its weights are too large, or no numbers",
            dataset.samples[frames[image].index].name
        ),
        None => Ok(()),
    }
}

/// A tensor's numbers on the host.
fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .try_into_vec_as::<f32>()
        .context("cannot read the detector's output")
}
