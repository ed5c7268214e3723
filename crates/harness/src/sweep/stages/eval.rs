//! Evaluation of the best weights of a training.

use ablate_detection::{
    dataset::{Interpolation, Split},
    loader::{EvalLoader, InputShape},
};
use ablate_training::{EvaluationSpec, Evaluator, conventions, gaps};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Job, Obstacle, Work, Workbench, train::Train};
use crate::{
    progress::Steps,
    sweep::{WeightsFile, plan::PlannedCell},
};
use ablate_records::{
    Measurement, Outcome, Stage, TrainMeasurement,
    store::{self, Store},
};

/// The evaluation stage.
pub struct Eval<'b> {
    pub bench: &'b Workbench,
    pub store: &'b Store,
}

/// Trained weights, and how images become what they take.
pub struct Opened {
    pub evaluator: Evaluator,
    pub interpolation: Interpolation,
    pub shape: InputShape,
}

impl Eval<'_> {
    /// The split that is evaluated.
    pub fn split(&self) -> Result<Split> {
        let eval = self.bench.config.eval.as_ref();
        Ok(eval.context("the sweep evaluates nothing")?.split)
    }

    /// Opens the best weights of the cell's training.
    pub fn open(&self, cell: &PlannedCell) -> Result<Opened> {
        let trained = self.training(cell)?.map_err(|obstacle| match obstacle {
            Obstacle::Final(reason) | Obstacle::NotYet(reason) => anyhow::Error::msg(reason),
        })?;
        let (data, recipe) = (self.bench.data()?, self.bench.recipe(&cell.model)?);
        let split = data.split(self.split()?)?;
        data.split(Split::Train)?.check_same_classes(split)?;
        let graph = self.bench.graph(&cell.model, split.classes.len())?;
        let device = cell.device.open()?;
        let file = self.store.folder().join(&trained.best_weights);
        ensure!(
            file.exists(),
            "{} is missing; --fresh --cell {} trains it again",
            file.display(),
            cell.id
        );
        let file = WeightsFile::open(file)?;
        ensure!(
            trained.best_hash.is_none_or(|hash| hash == file.hash),
            "{}: not the file that the training wrote; --fresh --cell {} trains it again",
            file.path.display(),
            cell.id
        );
        let file = file.path;
        let spec = EvaluationSpec {
            graph: &graph,
            weights: &file,
            data: split,
            device: &device,
        };
        let (evaluator, loaded) = spec.open()?;
        if let Some(gaps) = gaps(&loaded) {
            bail!("{}: {gaps}", file.display());
        }
        Ok(Opened {
            evaluator,
            interpolation: conventions::interpolation(graph.detect()),
            shape: InputShape::new(recipe.val_rect, graph.max_stride()),
        })
    }

    fn measure_one(&self, job: &Job, steps: &Steps) -> Result<Measurement> {
        let opened = self.open(job.cell)?;
        let images = self
            .bench
            .data()?
            .cached(self.split()?, opened.interpolation)?;
        let batch = self.bench.recipe(&job.cell.model)?.eval_batch();
        let loader = EvalLoader::new(images, opened.shape, batch, 1)?;
        let bar = steps.parts(loader.batches() as u64);
        let evaluation = (opened.evaluator).run(&loader, |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        Ok(Measurement::Eval(evaluation?.resampled()?))
    }

    /// The cell's training, or why there is none.
    fn training(&self, cell: &PlannedCell) -> Result<Result<TrainMeasurement, Obstacle>> {
        let record = self.store.try_load(&self.training_key(cell)?)?;
        Ok(match record.map(|record| record.outcome) {
            Some(Outcome::Done {
                measurement: Measurement::Train(trained),
            }) => Ok(trained),
            Some(Outcome::Failed { .. }) => Err(Obstacle::Final("its training failed".into())),
            Some(Outcome::Stopped { rung, .. }) => Err(Obstacle::Final(format!(
                "its training was stopped by halving after epoch {} of {}",
                rung.epoch, rung.epochs
            ))),
            _ => Err(Obstacle::NotYet("it is not trained yet".into())),
        })
    }

    /// Stands for all that went into the cell's weights.
    pub fn training_key(&self, cell: &PlannedCell) -> Result<String> {
        let train = Train {
            bench: self.bench,
            store: self.store,
        };
        let inputs = super::inputs(Stage::Train, &train, cell)?;
        Ok(store::key(Stage::Train, &inputs))
    }
}

impl Work for Eval<'_> {
    fn inputs(&self, cell: &PlannedCell) -> Result<Value> {
        let (data, split) = (self.bench.data()?, self.split()?);
        let graph = self.bench.graph(&cell.model, cell.cell.nc)?;
        Ok(json!({
            "train": self.training_key(cell)?,
            "split": split,
            "dataset": data.fingerprint(split)?,
            "resized": conventions::interpolation(graph.detect()),
            "nms": conventions::suppression(graph.detect()),
        }))
    }

    fn obstacle(&self, cell: &PlannedCell) -> Option<Obstacle> {
        self.training(cell).ok()?.err()
    }

    fn measure(&self, jobs: &[Job], steps: &Steps) -> Vec<Result<Measurement>> {
        jobs.iter()
            .map(|job| self.measure_one(job, steps))
            .collect()
    }
}
