//! One cell with the records of its stages, and the figures in them.

use ablate_records::{
    Cell, CostMeasurement, DetectMeasurement, EpochLog, EvalMeasurement, LatencyMeasurement,
    Measurement, Outcome, Record, Rung, Stage, TrainMeasurement,
};

use super::Gap;

/// A row of `results.csv`: one cell with the records of its stages.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub cell: &'a Cell,
    /// Place of the sweep that it is from; 0 if there is one only.
    pub place: usize,
    /// Name of that sweep; empty if there is one only.
    pub source: &'a str,
    /// The device, with the sweep's name if there are several: a device of each is another one.
    pub device: &'a str,
    pub(super) records: [Option<&'a Record>; Stage::ALL.len()],
}

impl<'a> Row<'a> {
    /// The record of a stage, whatever its outcome.
    pub fn record(&self, stage: Stage) -> Option<&'a Record> {
        self.records[stage as usize]
    }

    /// The record of a stage that ran, even if it failed.
    pub fn ran(&self, stage: Stage) -> Option<&'a Record> {
        self.record(stage)
            .filter(|record| !matches!(record.outcome, Outcome::Skipped { .. }))
    }

    /// The record of the stage that ended last.
    pub fn latest(&self) -> Option<&'a Record> {
        Stage::ALL
            .iter()
            .filter_map(|&stage| self.ran(stage))
            .max_by_key(|record| record.finished.parse::<jiff::Timestamp>().ok())
    }

    /// What tells its measurements from others of the same cell: key and end of each stage.
    pub fn measurements(&self) -> [Option<(&'a str, &'a str)>; Stage::ALL.len()] {
        Stage::ALL.map(|stage| {
            let record = self.ran(stage)?;
            Some((record.key.as_str(), record.finished.as_str()))
        })
    }

    /// Why halving stopped the training; None if it did not.
    pub fn stopped(&self) -> Option<&'a str> {
        match &self.record(Stage::Train)?.outcome {
            Outcome::Stopped { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Where halving stopped the training; None if it did not.
    pub fn rung(&self) -> Option<&'a Rung> {
        match &self.record(Stage::Train)?.outcome {
            Outcome::Stopped { rung, .. } => Some(rung),
            _ => None,
        }
    }

    /// The epochs that were trained, to the end or not.
    pub fn epochs(&self) -> Option<&'a [EpochLog]> {
        match &self.record(Stage::Train)?.outcome {
            Outcome::Done {
                measurement: Measurement::Train(train),
            } => Some(&train.epochs),
            Outcome::Stopped { epochs, .. } => Some(epochs),
            _ => None,
        }
    }

    fn measurement(&self, stage: Stage) -> Option<&'a Measurement> {
        // An earlier evaluation belongs to another training.
        if matches!(stage, Stage::Eval | Stage::Detect) && self.stopped().is_some() {
            return None;
        }
        match &self.record(stage)?.outcome {
            Outcome::Done { measurement } => Some(measurement),
            _ => None,
        }
    }

    pub fn cost(&self) -> Option<&'a CostMeasurement> {
        match self.measurement(Stage::Cost) {
            Some(Measurement::Cost(cost)) => Some(cost),
            _ => None,
        }
    }

    pub fn latency(&self) -> Option<&'a LatencyMeasurement> {
        match self.measurement(Stage::Latency) {
            Some(Measurement::Latency(latency)) => Some(latency),
            _ => None,
        }
    }

    /// What disturbed the timing, in words; None if nothing did, as far as the machine says.
    pub fn disturbance(&self, stage: Stage) -> Option<String> {
        let cores = self.record(stage)?.environment.cores;
        self.timed(stage)?.load?.disturbance(cores)
    }

    /// What a stage timed: the forward pass, or the way from an image to its boxes.
    pub fn timed(&self, stage: Stage) -> Option<&'a LatencyMeasurement> {
        match self.measurement(stage)? {
            Measurement::Latency(latency) => Some(latency),
            Measurement::Detect(detect) => Some(&detect.whole),
            _ => None,
        }
    }

    pub fn train(&self) -> Option<&'a TrainMeasurement> {
        match self.measurement(Stage::Train) {
            Some(Measurement::Train(train)) => Some(train),
            _ => None,
        }
    }

    /// From an image to its boxes.
    pub fn detect(&self) -> Option<&'a DetectMeasurement> {
        match self.measurement(Stage::Detect) {
            Some(Measurement::Detect(detect)) => Some(detect),
            _ => None,
        }
    }

    pub fn eval(&self) -> Option<&'a EvalMeasurement> {
        match self.measurement(Stage::Eval) {
            Some(Measurement::Eval(eval)) => Some(eval),
            _ => None,
        }
    }

    /// Number of the best epoch, counted from 1; records count from 0.
    pub fn best_epoch(&self) -> Option<usize> {
        Some(self.train()?.best_epoch + 1)
    }

    /// mAP50-95 of the best epoch on the validation split, 0 to 1.
    pub fn best_map(&self) -> Option<f64> {
        let train = self.train()?;
        let best = |epoch: &&EpochLog| epoch.epoch == train.best_epoch;
        train.epochs.iter().find(best)?.map50_95
    }

    /// A COCO figure of the boxes by name, 0 to 1.
    pub fn coco(&self, name: &str) -> Option<f64> {
        self.eval()?.boxes.figure(name)
    }

    /// A COCO figure of the masks by name, 0 to 1.
    pub fn coco_of_masks(&self, name: &str) -> Option<f64> {
        self.eval()?.masks.as_ref()?.figure(name)
    }

    /// Why the stage has no figure; None if it has.
    pub fn gap(&self, stage: Stage) -> Option<Gap<'a>> {
        if let (Stage::Train | Stage::Eval, Some(reason)) = (stage, self.stopped()) {
            return Some(Gap::Stopped(reason));
        }
        match self.record(stage).map(|record| &record.outcome) {
            Some(Outcome::Done { .. }) => None,
            Some(Outcome::Failed { error }) => Some(Gap::Failed(error)),
            Some(Outcome::Skipped { reason }) => Some(Gap::Skipped(reason)),
            Some(Outcome::Stopped { reason, .. }) => Some(Gap::Stopped(reason)),
            None if self.cell.dataset.is_none() && matches!(stage, Stage::Train | Stage::Eval) => {
                Some(Gap::NotAsked)
            }
            // Sweeps of earlier versions know no such stage.
            None if stage == Stage::Detect => Some(Gap::NotAsked),
            None => Some(Gap::NotYet),
        }
    }

    /// `latency: out of memory; eval: …`: the errors of the stages that failed.
    pub fn errors(&self) -> String {
        self.gaps(|gap| match gap {
            Gap::Failed(error) => Some((*error).into()),
            _ => None,
        })
    }

    /// `train: skipped: …`: why other stages have no figure.
    pub fn not_measured(&self) -> String {
        self.gaps(|gap| (!matches!(gap, Gap::Failed(_))).then(|| gap.long()))
    }

    fn gaps(&self, text: impl Fn(&Gap) -> Option<String>) -> String {
        let asked = |stage: &&Stage| **stage != Stage::Detect || self.record(**stage).is_some();
        let gap = |&stage: &Stage| Some(format!("{}: {}", stage.name(), text(&self.gap(stage)?)?));
        let gaps: Vec<String> = Stage::ALL.iter().filter(asked).filter_map(gap).collect();
        gaps.join("; ")
    }

    /// The first that holds: `failed` (a stage failed), `partial` (a stage is missing), `stopped`
    /// (halving stopped the training), `done` (a stage ran), `skipped` (none did).
    pub fn status(&self) -> &'static str {
        let gaps: Vec<Option<Gap>> = Stage::ALL.iter().map(|&stage| self.gap(stage)).collect();
        let any = |test: fn(&Option<Gap>) -> bool| gaps.iter().any(test);
        if any(|gap| matches!(gap, Some(Gap::Failed(_)))) {
            "failed"
        } else if any(|gap| matches!(gap, Some(Gap::NotYet))) {
            "partial"
        } else if self.stopped().is_some() {
            "stopped"
        } else if any(|gap| gap.is_none()) {
            "done"
        } else {
            "skipped"
        }
    }
}

/// The rows of one model that were evaluated: all seeds, or none if one was stopped. A mean over
/// the seeds that an earlier sweep happened to finish would pass for a mean over all.
pub fn evaluated<'r, 'a>(seeds: &'r [Row<'a>]) -> impl Iterator<Item = &'r Row<'a>> {
    let whole = seeds.iter().all(|row| row.stopped().is_none());
    seeds
        .iter()
        .filter(move |row| whole && row.eval().is_some())
}
