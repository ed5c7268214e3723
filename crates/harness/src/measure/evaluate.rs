//! How well a detector detects: network, suppression, COCO metrics, in pixels of the original images.

use std::time::Instant;

use ablate_detection::{
    dataset::Dataset,
    loader::{EvalBatch, EvalLoader},
    metrics::coco::{self, Category, DetectionBox, GroundTruth, GroundTruthBox},
    nms::{NmsConfig, non_max_suppression},
};
use ablate_model::Detector;
use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::record::{ClassAp, EvalMeasurement};

/// The figures and the boxes that they come from.
#[derive(Clone, Debug)]
pub struct Evaluation {
    pub measurement: EvalMeasurement,
    /// Category ids are indices into the data set's classes.
    pub detections: Vec<DetectionBox>,
}

/// Evaluates a detector on all images of a loader. Detector and `device` are without autodiff, so that batch normalisation uses
/// its running statistics. `progress` hears how many batches are done.
///
/// # Errors
/// Where the detector's classes are not as many as the data set's, or its output can't be read.
pub fn evaluate(
    detector: &Detector,
    loader: &EvalLoader,
    device: &Device,
    nms: &NmsConfig,
    mut progress: impl FnMut(usize),
) -> Result<Evaluation> {
    let start = Instant::now();
    let dataset = loader.data().dataset();
    let (nc, classes) = (detector.detect().nc, dataset.classes.len());
    ensure!(nc == classes, "the detector has {nc} classes, the data set {} {classes}", dataset.name);
    let mut detections = Vec::new();
    for (number, batch) in loader.iter().enumerate() {
        detections.extend(detect(detector, batch, dataset, device, nms)?);
        progress(number + 1);
    }
    let metrics = coco::evaluate(&ground_truth(dataset)?, &detections)?;
    let measurement = EvalMeasurement {
        split: dataset.split.to_string(),
        images: metrics.images,
        instances: metrics.instances,
        coco: metrics.figures().into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect(),
        per_class: metrics
            .per_category
            .into_iter()
            .map(|class| ClassAp { name: class.name, instances: class.instances, ap: class.ap, ap50: class.ap50 })
            .collect(),
        seconds: start.elapsed().as_secs_f64(),
    };
    Ok(Evaluation { measurement, detections })
}

/// The detections of one batch, in pixels of the original images.
fn detect(
    detector: &Detector,
    EvalBatch { batch, frames }: EvalBatch,
    dataset: &Dataset,
    device: &Device,
    nms: &NmsConfig,
) -> Result<Vec<DetectionBox>> {
    let shape = [batch.size, 3, batch.height, batch.width];
    let images = Tensor::<4>::from_data(TensorData::new(batch.images, shape), device);
    let predictions = detector.decode(detector.forward(images));
    let outputs = 5 + detector.detect().nc;
    // Boxes only: masks take no part in it.
    let predictions = predictions.narrow(2, 0, outputs);
    let [_, positions, outputs] = predictions.dims();
    let data = predictions.try_into_data().context("the detector's output can't be read")?;
    let values = data.as_slice::<f32>().map_err(|error| anyhow::anyhow!("the detector's output: {error:?}"))?;
    let boxes = values.par_chunks_exact(positions * outputs).zip(&frames).flat_map_iter(|(rows, frame)| {
        let image_id = dataset.samples[frame.index].id;
        non_max_suppression(rows, outputs - 5, nms).into_iter().map(move |detection| {
            let bbox = frame.letterbox.to_original(&detection.bbox);
            DetectionBox {
                image_id,
                category_id: detection.class as u64,
                bbox: [bbox.x1, bbox.y1, bbox.width(), bbox.height()].map(f64::from),
                score: f64::from(detection.score),
                mask: None,
            }
        })
    });
    Ok(boxes.collect())
}

/// A data set's annotations as the metrics take them.
fn ground_truth(dataset: &Dataset) -> Result<GroundTruth> {
    let categories = dataset.classes.iter().enumerate().map(|(id, name)| Category { id: id as u64, name: name.clone() });
    let boxes = dataset.samples.iter().flat_map(|sample| {
        sample.annotations.iter().map(|annotation| {
            let b = annotation.bbox;
            let bbox = [b.x1, b.y1, b.width(), b.height()].map(f64::from);
            GroundTruthBox {
                image_id: sample.id,
                category_id: annotation.class as u64,
                bbox,
                area: annotation.area.unwrap_or(bbox[2] * bbox[3]),
                crowd: annotation.crowd,
                mask: None,
            }
        })
    });
    let images = dataset.samples.iter().map(|sample| sample.id);
    Ok(GroundTruth::new(images.collect(), categories.collect(), boxes.collect())?)
}
