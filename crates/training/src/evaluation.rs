//! How well a detector detects: network, suppression, COCO metrics, in pixels of the original
//! images.

use std::{path::Path, time::Instant};

use ablate_detection::{
    dataset::Dataset,
    loader::EvalLoader,
    metrics::coco::{
        self, Category, CategoryAp, CocoMetrics, DetectionBox, GroundTruth, GroundTruthBox,
    },
    nms::NmsConfig,
};
use ablate_model::{
    Detector, Graph,
    coding::DetectConfig,
    inference::Execution,
    weights::{self, Loaded},
};
use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use crate::{account, classes, conventions, data::check_channels};
use ablate_records::{ApFigures, ClassAp, EvalMeasurement, ImageSize};

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
    pub(crate) detector: Detector,
    pub(crate) device: Device,
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

    /// How images of a size run.
    pub fn execution(&self, size: ImageSize) -> Execution {
        let shape = [1, 3, size.height, size.width];
        self.detector.execution(&Tensor::zeros(shape, &self.device))
    }

    /// From here on the network runs operation by operation.
    pub fn without_plans(&mut self) {
        self.detector = self.detector.clone().without_plans();
    }

    /// Moves the network's plans to other memory: see [`Detector::relocate_plans`].
    pub fn relocate_plans(&self) {
        self.detector.relocate_plans();
    }

    /// What the detector's head is.
    pub fn head(&self) -> &DetectConfig {
        self.detector.detect()
    }

    /// Where the detector is.
    pub fn device(&self) -> &Device {
        &self.device
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
        ablate_kernels::keep_freed_memory();
        let detector = &self.detector;
        let dataset = loader.data().dataset();
        let (nc, classes) = (detector.detect().nc, dataset.classes.len());
        ensure!(
            nc == classes,
            "expected a detector of {classes} classes for data set {}, found {nc}",
            dataset.name
        );
        let masks = detector.detect().masks.is_some() && has_masks(dataset);
        let mut detections = Vec::new();
        loader.data().begin();
        for (number, batch) in loader.iter().enumerate() {
            loader.data().check()?;
            detections.extend(self.detect(batch, dataset, masks, &mut |_| {})?);
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
