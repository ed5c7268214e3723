//! How well a detector detects: network, suppression, COCO metrics, in pixels of the original
//! images.

use std::{ops::Range, path::Path, time::Instant};

use ablate_detection::{
    dataset::Dataset,
    loader::{EvalBatch, EvalLoader},
    mask::Prototypes,
    metrics::coco::{
        self, Category, CategoryAp, CocoMetrics, DetectionBox, GroundTruth, GroundTruthBox,
    },
    nms::{NmsConfig, non_max_suppression},
};
use ablate_model::{
    Detector, Graph,
    weights::{self, Loaded},
};
use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::{account, classes, conventions, data::check_channels};
use ablate_records::{ApFigures, ClassAp, EvalMeasurement};

/// The figures and the boxes that they come from.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The figures as a record keeps them.
    pub measurement: EvalMeasurement,
    /// COCO metrics of the boxes.
    pub boxes: CocoMetrics,
    /// COCO metrics of the masks, if the detector makes them and all objects have some.
    pub masks: Option<CocoMetrics>,
    /// The annotations.
    pub truth: GroundTruth,
    /// Category ids are indices into the data set's classes.
    pub detections: Vec<DetectionBox>,
}

/// Resamplings of the images, enough for the outer twentieth.
const REPLICATES: usize = 1000;

/// Weights to evaluate, on what and how.
pub struct EvaluationSpec<'a> {
    /// The architecture.
    pub graph: &'a Graph,
    /// A file of weights.
    pub weights: &'a Path,
    /// What is evaluated on.
    pub data: &'a Dataset,
    /// Without autodiff, so that batch normalisation uses its running statistics.
    pub device: &'a Device,
}

/// A detector that is ready to be evaluated.
pub struct Evaluator {
    detector: Detector,
    device: Device,
    /// What is suppressed; by default, as the head's family does it.
    pub nms: NmsConfig,
}

impl EvaluationSpec<'_> {
    /// Makes the network and reads its weights; also what the file filled.
    ///
    /// # Errors
    /// Weights that cannot be read, or of which nothing fits; weights of the data set's classes in
    /// another order; a model for images of other channels than a data set's.
    pub fn open(self) -> Result<(Evaluator, Loaded)> {
        check_channels(self.graph)?;
        let mut detector = Detector::new(self.graph, 0, self.device);
        let loaded = weights::load(&mut detector, self.weights)?;
        classes::check_order(self.weights, loaded.classes.as_deref(), self.data)?;
        Ok((Evaluator::new(detector, self.device.clone()), loaded))
    }
}

impl Evaluator {
    /// Of a detector on `device`, both without autodiff.
    pub fn new(detector: Detector, device: Device) -> Self {
        Self {
            nms: conventions::suppression(detector.detect()),
            detector: detector.fuse(),
            device,
        }
    }

    /// Evaluates all images of a loader. `progress` is called with the number of batches that are
    /// done. Masks are evaluated too if the detector makes them and every object of the data set
    /// has one.
    ///
    /// # Errors
    /// A detector of another number of classes than the data set's, or an output that cannot be
    /// read.
    pub fn run(&self, loader: &EvalLoader, mut progress: impl FnMut(usize)) -> Result<Evaluation> {
        let whole = self.run_while(loader, |done| {
            progress(done);
            true
        });
        whole.map(|whole| whole.expect("nothing ends it"))
    }

    /// As [`Self::run`], as long as `goes_on`, which is called with the number of batches that are
    /// done, says so; None if it ended before the last.
    ///
    /// # Errors
    /// As of [`Self::run`].
    pub fn run_while(
        &self,
        loader: &EvalLoader,
        mut goes_on: impl FnMut(usize) -> bool,
    ) -> Result<Option<Evaluation>> {
        let start = Instant::now();
        let (detector, device, nms) = (&self.detector, &self.device, &self.nms);
        let dataset = loader.data().dataset();
        let (nc, classes) = (detector.detect().nc, dataset.classes.len());
        ensure!(
            nc == classes,
            "expected a detector of {classes} classes for data set {}, found {nc}",
            dataset.name
        );
        let masks = detector.detect().masks.is_some() && has_masks(dataset);
        let mut detections = Vec::new();
        for (number, batch) in loader.iter().enumerate() {
            detections.extend(detect(detector, batch, loader, device, nms, masks)?);
            if !goes_on(number + 1) {
                return Ok(None);
            }
        }
        let truth = ground_truth(dataset, masks)?;
        let boxes = coco::evaluate(&truth, &detections)?;
        let masks = if masks {
            Some(coco::evaluate_masks(&truth, &detections)?)
        } else {
            None
        };
        let measurement = EvalMeasurement {
            split: dataset.split.to_string(),
            images: boxes.images,
            instances: boxes.instances,
            data: Some(account(dataset)),
            boxes: figures(&boxes),
            masks: masks.as_ref().map(figures),
            bootstrap: Vec::new(),
            seconds: start.elapsed().as_secs_f64(),
        };
        Ok(Some(Evaluation {
            measurement,
            boxes,
            masks,
            truth,
            detections,
        }))
    }
}

impl Evaluation {
    /// The measurement with mAP50-95 on resampled images, to a millionth: what a paired comparison
    /// with another model needs.
    pub fn resampled(self) -> Result<EvalMeasurement> {
        let replicates = coco::bootstrap(&self.truth, &self.detections, REPLICATES, 0)?;
        let bootstrap = replicates
            .into_iter()
            .map(|ap| ap.map(|ap| (ap * 1e6).round() / 1e6))
            .collect();
        Ok(EvalMeasurement {
            bootstrap,
            ..self.measurement
        })
    }
}

/// Logs why masks can't be evaluated, where they can't.
fn has_masks(dataset: &Dataset) -> bool {
    dataset
        .check_masks()
        .inspect_err(|error| tracing::warn!("mask metrics skipped: {error}"))
        .is_ok()
}

fn figures(metrics: &CocoMetrics) -> ApFigures {
    let coco = metrics
        .figures()
        .into_iter()
        .map(|(name, figure)| (name.to_owned(), figure))
        .collect();
    let class = |class: &CategoryAp| ClassAp {
        name: class.name.clone(),
        instances: class.instances,
        ap: class.ap,
        ap50: class.ap50,
    };
    ApFigures {
        coco,
        per_class: metrics.per_category.iter().map(class).collect(),
    }
}

/// The detections of one batch, in pixels of the original images.
fn detect(
    detector: &Detector,
    EvalBatch { batch, frames }: EvalBatch,
    loader: &EvalLoader,
    device: &Device,
    nms: &NmsConfig,
    masks: bool,
) -> Result<Vec<DetectionBox>> {
    let shape = [batch.size, 3, batch.height, batch.width];
    let images = Tensor::<4>::from_data(TensorData::new(batch.images, shape), device);
    let outputs = detector.outputs(images);
    let protos = outputs.protos;
    let predictions = detector.decode(outputs.levels);
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
        let image_id = loader.data().dataset().samples[frame.index].id;
        let found = non_max_suppression(&boxes[of_image(&boxes, image)], nc, nms);
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
                    prototypes.mask(&rows[detection.row * coefficients..][..coefficients], &bbox)
                }),
            }
        })
    });
    Ok(detections.collect())
}

/// A tensor's numbers on the host.
fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .try_into_vec_as::<f32>()
        .context("cannot read the detector's output")
}

/// A data set's annotations as the metrics take them.
fn ground_truth(dataset: &Dataset, masks: bool) -> Result<GroundTruth> {
    let categories = dataset
        .classes
        .iter()
        .enumerate()
        .map(|(id, name)| Category {
            id: id as u64,
            name: name.clone(),
        });
    let objects = dataset.samples.par_iter().flat_map_iter(|sample| {
        sample
            .annotations
            .iter()
            .map(move |annotation| (sample, annotation))
    });
    let boxes = objects.map(|(sample, annotation)| {
        let b = annotation.bbox;
        let bbox = [b.x1, b.y1, b.width(), b.height()].map(f64::from);
        let mask = annotation
            .mask
            .as_ref()
            .filter(|_| masks)
            .map(|mask| mask.to_rle(sample.height, sample.width));
        let mask = mask
            .transpose()
            .map_err(anyhow::Error::msg)
            .with_context(|| sample.name.clone())?;
        // As COCO has it, the area of an object with a mask is that of its mask.
        let area = mask
            .as_ref()
            .map_or(bbox[2] * bbox[3], |mask| mask.area() as f64);
        let area = annotation.area.unwrap_or(area);
        Ok(GroundTruthBox {
            image_id: sample.id,
            category_id: annotation.class as u64,
            bbox,
            area,
            crowd: annotation.crowd,
            mask,
        })
    });
    let boxes = boxes.collect::<Result<_>>()?;
    let images = dataset.samples.iter().map(|sample| sample.id);
    Ok(GroundTruth::new(
        images.collect(),
        categories.collect(),
        boxes,
    )?)
}
