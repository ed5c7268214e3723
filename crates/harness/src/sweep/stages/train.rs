//! Training, with checkpoints in `weights/CELL/KEY`: a training that was cut off goes on from
//! there.

use std::path::{Path, PathBuf};

use ablate_detection::dataset::{Interpolation, Split};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use ablate_records::{FirstWeights, Measurement, TrainMeasurement, store::Store};
use ablate_training::{
    Identity, Leg, Progress, RESUME, TrainingSpec, account, conventions, describe_anchors,
};

use super::{Job, Work, Workbench};
use crate::{
    curves::{self, Curves},
    interrupt,
    measure::{auto_batch::resolved, memory},
    progress::{Epochs, Steps},
    sweep::{WeightsFile, plan::PlannedCell},
};

/// Where the checkpoints of a cell's training are: another recipe has another key, and so another
/// folder.
pub fn checkpoints(store: &Store, cell: &str, key: &str) -> PathBuf {
    let of_key = key.get(..8).unwrap_or(key);
    store.folder().join("weights").join(cell).join(of_key)
}

/// The training stage.
pub struct Train<'b> {
    /// The models, recipes and data.
    pub bench: &'b Workbench,
    /// Where checkpoints and weights go.
    pub store: &'b Store,
}

impl Train<'_> {
    /// Trains a leg of a training; the second value is whether more of it is left.
    pub fn leg(&self, job: &Job, leg: Leg, steps: &Steps) -> Result<(TrainMeasurement, bool)> {
        let (data, recipe) = (self.bench.data()?, self.bench.recipe(&job.cell.model)?);
        let seed = job.cell.cell.seed.context("the cell has no seed")?;
        let train_images = data.cached(Split::Train, Interpolation::Linear)?;
        let folder = self.folder(job);
        let graph = self
            .bench
            .graph(&job.cell.model, train_images.dataset().classes.len())?;
        let val_images = match data.has(Split::Val)? {
            true => Some(data.cached(Split::Val, conventions::interpolation(graph.detect()))?),
            false => None,
        };
        let device = job.cell.device.open()?;
        let recipe = &resolved(recipe, &graph, &train_images, &job.cell.device, &device);
        let training = TrainingSpec {
            graph: &graph,
            train: train_images.clone(),
            val: val_images.clone(),
            recipe,
            seed,
            device: &device,
            weights: self.bench.weights().map(|weights| weights.path.as_path()),
        }
        .open()?;
        let (weights, anchors) = (training.first_weights(), training.anchors.clone());
        if let Some(FirstWeights {
            file, taken, total, ..
        }) = &weights
        {
            tracing::info!(
                "{} starts from {file}: {taken} of {total} tensors",
                job.cell.cell.model
            );
        }
        if let Some(fit) = anchors.as_ref().filter(|_| !folder.join(RESUME).exists()) {
            tracing::info!("{}: {}", job.cell.cell.model, describe_anchors(fit));
        }
        ablate_files::remove_unfinished(&folder);
        memory::begin(&device);
        let signals = interrupt::Training::begin()?;
        let ends = || signals.interrupted() || job.seems_lost();
        let epochs = Epochs::new(&job.cell.cell.model, steps, ends, || job.is_lost());
        let mut progress: Box<dyn Progress> = match self.bench.config.writes_curves() {
            true => {
                let curves = curves::folder_of(self.store, &job.cell.cell, seed);
                let images = train_images.len();
                Box::new(Curves::new(epochs, curves, folder.clone(), images))
            }
            false => Box::new(epochs),
        };
        let identity = Identity {
            key: &job.key,
            inputs: &job.inputs,
        };
        let trained = training.run(&folder, identity, leg, &mut *progress)?;
        if trained.interrupted {
            interrupt::check()?;
            bail!("its lease is gone: another run has taken it over, or the folder was removed");
        }
        let measurement = TrainMeasurement {
            epochs: trained.epochs,
            train_s: trained.train_s,
            images_per_s: trained.images_per_s,
            best_epoch: trained.best_epoch,
            best_weights: self.relative(&trained.best_weights),
            best_hash: Some(WeightsFile::open(trained.best_weights)?.hash),
            last_weights: self.relative(&trained.last_weights),
            train_images: train_images.len(),
            val_images: val_images.as_ref().map_or(0, |images| images.len()),
            data: [Some(&train_images), val_images.as_ref()]
                .into_iter()
                .flatten()
                .map(|images| account(images.dataset()))
                .collect(),
            weights,
            anchors: anchors.map(Box::new),
            memory: memory::peak(&device),
        };
        Ok((measurement, trained.paused))
    }

    fn measure_one(&self, job: &Job, steps: &Steps) -> Result<Measurement> {
        self.leg(job, Leg::default(), steps)
            .map(|(measurement, _)| Measurement::Train(measurement))
    }

    fn folder(&self, job: &Job) -> PathBuf {
        checkpoints(self.store, &job.cell.id, &job.key)
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(self.store.folder())
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/")
    }
}

impl Work for Train<'_> {
    fn inputs(&self, cell: &PlannedCell) -> Result<Value> {
        let (data, recipe) = (self.bench.data()?, self.bench.recipe(&cell.model)?);
        let train = data.split(Split::Train)?;
        let val = match data.has(Split::Val)? {
            true => {
                train.check_same_classes(data.split(Split::Val)?)?;
                Some(data.fingerprint(Split::Val)?)
            }
            false => None,
        };
        let graph = self.bench.graph(&cell.model, train.classes.len())?;
        let mut inputs = json!({
            "model": self.bench.table(&cell.model)?,
            "nc": train.classes.len(),
            "imgsz": self.bench.config.train.as_ref().map(|train| train.imgsz),
            "recipe": recipe.inputs(graph.detect()),
            "dataset": { "train": data.fingerprint(Split::Train)?, "val": val },
            "seed": cell.cell.seed,
            "device": cell.device,
        });
        if let Some(weights) = self.bench.weights() {
            inputs["weights"] = weights.hash.as_str().into();
        }
        Ok(inputs)
    }

    /// When the last checkpoint was written.
    fn progress(&self, job: &Job) -> String {
        let checkpoint = std::fs::metadata(self.folder(job).join(RESUME));
        let written = checkpoint.and_then(|checkpoint| checkpoint.modified());
        written.map_or(String::new(), |written| format!("{written:?}"))
    }

    fn forget(&self, job: &Job) -> Result<()> {
        match std::fs::remove_dir_all(self.folder(job)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.folder(job).display()))
            }
            _ => Ok(()),
        }
    }

    fn measure(&self, jobs: &[Job], steps: &Steps) -> Vec<Result<Measurement>> {
        jobs.iter()
            .map(|job| self.measure_one(job, steps))
            .collect()
    }
}
