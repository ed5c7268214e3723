//! Time from an image to its boxes, by the weights that have the mAP. All variants of a scale are timed
//! in turn, on the same images.

use std::time::Duration;

use ablate_training::conventions;
use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Job, Obstacle, Work, all_failed, eval::Eval, time_in_rounds};
use crate::{
    environment,
    guard::guarded,
    measure::{
        detect::{Detections, Photo, photos},
        forward::Way,
        mode::Mode,
        precision::Precision,
        timing::{Aim, Protocol},
    },
    progress::Steps,
    sweep::{config::DetectionConfig, plan::PlannedCell},
};
use ablate_detection::{dataset::Dataset, nms::NmsConfig};
use ablate_records::Measurement;

/// Untimed detections of each model; each image is detected on once before, too.
const WARMUP: usize = 3;

/// The detection stage.
pub struct Detect<'b>(pub Eval<'b>);

impl<'b> Detect<'b> {
    fn config(&self) -> Result<&'b DetectionConfig> {
        let detect = self.0.bench.config.detect.as_ref();
        detect.context("the sweep times no detection")
    }

    fn protocol(&self, cell: &PlannedCell) -> Result<Protocol> {
        let config = self.config()?;
        Ok(Protocol {
            batch: 1,
            imgsz: cell.cell.imgsz.train,
            warmup: WARMUP,
            budget: Duration::from_secs_f64(config.budget_s),
            // Each image once.
            min_rounds: config.images,
            min_iterations: config.images,
            aim: Aim::new(config.within, config.limit_s(), self.0.bench.comparisons()),
            fuse: true,
            precision: Precision::F32,
            mode: Mode::Eager,
        })
    }

    /// Of one family, whose models share the way images are resized, and so the photos.
    fn group(&self, jobs: &[Job], steps: &Steps) -> Result<Vec<Result<Measurement>>> {
        let Some(Job { cell: first, .. }) = jobs.first() else {
            return Ok(Vec::new());
        };
        let (config, protocol) = (self.config()?, self.protocol(first)?);
        // Those that were evaluated: what cannot be decoded is left out, and told.
        let graph = self.0.bench.graph(&first.model, first.cell.nc)?;
        let interpolation = conventions::interpolation(graph.detect());
        let images = self
            .0
            .bench
            .data()?
            .cached(self.0.split()?, interpolation)?;
        let data = images.dataset();
        let photos = photos(data, config.images)?;
        let device = first.device.open()?;
        let mut subjects: Vec<Result<Detections>> = jobs
            .iter()
            .map(|job| guarded(|| self.subject(job, data, &photos)))
            .collect();
        let names = jobs.iter().map(|job| job.cell.cell.model.as_str());
        let opened = names.zip(&subjects);
        let opened = opened.filter_map(|(name, subject)| Some((name, subject.as_ref().ok()?)));
        let way = Way::of(opened.map(|(name, subject)| (name, subject.execution())));
        for subject in subjects.iter_mut().flatten() {
            subject.run_by(&way);
        }
        let iterations = subjects
            .iter()
            .map(|subject| match subject {
                Ok(subject) => subject.iteration(),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            })
            .collect();
        let measured = time_in_rounds(jobs, iterations, &device, &protocol, steps);
        let measurement = |(whole, subject): (Result<_>, Result<Detections>)| {
            Ok(Measurement::Detect(Box::new(subject?.measurement(whole?))))
        };
        Ok(measured
            .into_iter()
            .zip(subjects)
            .map(measurement)
            .collect())
    }

    fn subject<'d>(
        &self,
        job: &Job,
        data: &'d Dataset,
        photos: &'d [Photo],
    ) -> Result<Detections<'d>> {
        let opened = self.0.open(job.cell)?;
        let mut evaluator = opened.evaluator;
        evaluator.nms = NmsConfig {
            confidence: self.config()?.confidence as f32,
            ..conventions::prediction(evaluator.head())
        };
        Ok(Detections::new(
            evaluator,
            data,
            photos,
            job.cell.cell.imgsz.train,
            opened.shape,
            opened.interpolation,
        ))
    }
}

impl Work for Detect<'_> {
    fn inputs(&self, cell: &PlannedCell) -> Result<Value> {
        let config = self.config()?;
        let (data, split) = (self.0.bench.data()?, self.0.split()?);
        let graph = self.0.bench.graph(&cell.model, cell.cell.nc)?;
        let environment = environment::current();
        let mut inputs = json!({
            "train": self.0.training_key(cell)?,
            "split": split,
            "dataset": data.fingerprint(split)?,
            "resized": conventions::interpolation(graph.detect()),
            "nms": conventions::prediction(graph.detect()),
            "images": config.images,
            "confidence": config.confidence,
            "budget_s": config.budget_s,
            "within": config.within,
            "limit_s": config.limit_s(),
            "device": cell.device,
            // A time is of a machine; another one measures its own.
            "cpu": environment.cpu,
            "threads": environment.threads,
        });
        if let Some(adapter) = cell.device.adapter() {
            inputs["adapter"] = adapter.into();
        }
        Ok(inputs)
    }

    fn together(&self, a: &PlannedCell, b: &PlannedCell) -> bool {
        a.device == b.device
            && a.cell.seed == b.cell.seed
            && a.model.family == b.model.family
            && a.model.scale == b.model.scale
    }

    fn obstacle(&self, cell: &PlannedCell) -> Option<Obstacle> {
        self.0.obstacle(cell)
    }

    fn measure(&self, jobs: &[Job], steps: &Steps) -> Vec<Result<Measurement>> {
        self.group(jobs, steps)
            .unwrap_or_else(|error| all_failed(jobs, &error))
    }
}
