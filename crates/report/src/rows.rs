//! Joins the records of a cell over its stages into one row, and finds the row's baseline.
//!
//! A stage depends on part of its cell only: a cost has no seed, a latency no data set. Its
//! [`Scope`] is that part. It serves twice: a record that several cells share is found for each of
//! them, and the baseline of a row is the row with the same scope except for the variant, stage by
//! stage. Of several sweeps in one report each has its own scopes: nothing is shared or compared
//! across them.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use crate::source::Source;

use ablate_records::{
    Cell, CostMeasurement, DetectMeasurement, EpochLog, EvalMeasurement, ImageSize, Judging,
    LatencyMeasurement, Measurement, Outcome, Record, Rung, Stage, Timing, TrainMeasurement,
};

/// The variant that others are compared with.
pub const BASELINE: &str = "baseline";

/// What a stage depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Scope<'a> {
    source: usize,
    stage: Stage,
    family: &'a str,
    variant: &'a str,
    scale: &'a str,
    nc: usize,
    imgsz: ImageSize,
    device: Option<&'a str>,
    timing: Option<Timing<'a>>,
    training: Option<(Option<&'a str>, Option<u64>)>,
}

impl<'a> Scope<'a> {
    fn of(source: usize, stage: Stage, cell: &'a Cell) -> Self {
        let training = matches!(stage, Stage::Train | Stage::Eval | Stage::Detect);
        Self {
            source,
            stage,
            family: &cell.family,
            variant: &cell.variant,
            scale: &cell.scale,
            nc: cell.nc,
            imgsz: match stage {
                Stage::Cost => cell.imgsz.cost,
                Stage::Latency => cell.imgsz.latency,
                Stage::Train | Stage::Eval | Stage::Detect => cell.imgsz.train,
            },
            device: (stage != Stage::Cost).then_some(cell.device.as_str()),
            timing: (stage == Stage::Latency).then(|| cell.timing()),
            training: training.then_some((cell.dataset.as_deref(), cell.seed)),
        }
    }
}

/// Why a figure is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap<'a> {
    Failed(&'a str),
    /// Halving stopped the training, so there is nothing to evaluate either.
    Stopped(&'a str),
    NotYet,
    Skipped(&'a str),
    /// The cell has no data set, so it is neither trained nor evaluated.
    NotAsked,
}

impl Gap<'_> {
    /// One to three words, for a table.
    pub fn short(&self) -> &'static str {
        match self {
            Gap::Failed(_) => "failed",
            Gap::Stopped(_) => "stopped",
            Gap::NotYet => "not yet measured",
            Gap::Skipped(_) => "skipped",
            Gap::NotAsked => "not asked for",
        }
    }

    /// A sign or a word, for a table of text.
    pub fn sign(&self) -> &'static str {
        match self {
            Gap::Failed(_) => "failed",
            Gap::Stopped(_) => "stopped",
            Gap::Skipped(_) => "skipped",
            Gap::NotYet => "…",
            Gap::NotAsked => "–",
        }
    }

    /// With the reason or the error.
    pub fn long(&self) -> String {
        match self {
            Gap::Failed(error) => format!("failed: {error}"),
            Gap::Stopped(reason) => format!("stopped {reason}"),
            Gap::NotYet => "not yet measured".into(),
            Gap::Skipped(reason) => format!("skipped: {reason}"),
            Gap::NotAsked => "not asked for: the cell has no data set".into(),
        }
    }
}

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
    records: [Option<&'a Record>; Stage::ALL.len()],
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

/// The most telling reason why no seed of a model has the stage's figure; None if one has. A
/// training that failed is the reason why nothing was evaluated.
pub fn gap<'a>(seeds: &[Row<'a>], stage: Stage) -> Option<Gap<'a>> {
    if let (Stage::Train | Stage::Eval, Some(reason)) = (stage, seeds.iter().find_map(Row::stopped))
    {
        return Some(Gap::Stopped(reason));
    }
    let gaps: Option<Vec<Gap>> = seeds.iter().map(|row| row.gap(stage)).collect();
    let training = seeds
        .iter()
        .filter_map(|row| row.gap(Stage::Train))
        .filter(|_| stage == Stage::Eval);
    gaps?
        .into_iter()
        .chain(training.filter(|gap| matches!(gap, Gap::Failed(_))))
        .min()
}

/// All rows of a set of records, in the order in which a reader compares them: by family, device,
/// scale and variant, the baseline first.
pub struct Rows<'a> {
    pub rows: Vec<Row<'a>>,
    /// How changes are judged.
    pub judging: Judging,
    /// Sweep by sweep, the seeds that chose how many more there are.
    first_seeds: Vec<Option<usize>>,
    baselines: HashMap<Scope<'a>, usize>,
}

impl<'a> Rows<'a> {
    /// Joins records, in any order, into one row per cell. Of two records of one stage the later
    /// one counts.
    pub fn join(records: &'a [Record], judging: Judging) -> Self {
        let label = |cell: &'a Cell| cell.device.as_str();
        Self::of(
            joined(records, 0, "", label),
            judging,
            vec![judging.first_seeds],
        )
    }

    /// The rows of several sweeps, each with its own baselines. `margin` is common to all.
    pub fn union(sources: &'a [Source<'a>], margin: Option<f64>) -> Self {
        let of_source = |(place, source): (usize, &'a Source<'a>)| {
            joined(source.records, place, source.name, |cell| {
                source.label(cell)
            })
        };
        let rows = sources.iter().enumerate().flat_map(of_source).collect();
        let judging = Judging {
            margin,
            first_seeds: None,
        };
        let first_seeds = sources.iter().map(|source| source.judging.first_seeds);
        Self::of(rows, judging, first_seeds.collect())
    }

    fn of(mut rows: Vec<Row<'a>>, judging: Judging, first_seeds: Vec<Option<usize>>) -> Self {
        rows.sort_by(|a, b| row_order(a, b));
        let mut baselines = HashMap::new();
        for (index, row) in rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.cell.variant == BASELINE)
        {
            for stage in Stage::ALL {
                baselines
                    .entry(Scope::of(row.place, stage, row.cell))
                    .or_insert(index);
            }
        }
        Self {
            rows,
            judging,
            first_seeds,
            baselines,
        }
    }

    /// Whether the rows are of several sweeps.
    pub fn is_union(&self) -> bool {
        self.first_seeds.len() > 1
    }

    /// The seeds of the row's sweep that chose how many more there are; None if none did.
    pub fn first_seeds(&self, row: &Row) -> Option<usize> {
        self.first_seeds[row.place]
    }

    /// The row that this one is compared with in the figures of a stage: the baseline of the same
    /// family, scale and setting.
    ///
    /// None for a baseline, and if the two were trained or evaluated differently.
    pub fn baseline(&self, stage: Stage, row: &Row<'a>) -> Option<&Row<'a>> {
        if row.cell.variant == BASELINE {
            return None;
        }
        let scope = Scope {
            variant: BASELINE,
            ..Scope::of(row.place, stage, row.cell)
        };
        let base = self.baselines.get(&scope).map(|&index| &self.rows[index])?;
        (stage != Stage::Eval || comparable(row, base)).then_some(base)
    }
}

/// The rows of one sweep, in any order.
fn joined<'a>(
    records: &'a [Record],
    place: usize,
    source: &'a str,
    label: impl Fn(&'a Cell) -> &'a str,
) -> Vec<Row<'a>> {
    let mut by_scope: HashMap<Scope, Vec<&Record>> = HashMap::new();
    for record in records {
        by_scope
            .entry(Scope::of(place, record.stage, &record.cell))
            .or_default()
            .push(record);
    }
    let cells: BTreeSet<&Cell> = records.iter().map(|record| &record.cell).collect();
    let row = |cell| {
        let records = Stage::ALL.map(|stage| {
            let shared = by_scope
                .get(&Scope::of(place, stage, cell))
                .map_or(&[][..], Vec::as_slice);
            shared
                .iter()
                .copied()
                .max_by_key(|record| precedence(record, cell))
        });
        Row {
            cell,
            place,
            source,
            device: label(cell),
            records,
        }
    };
    cells.into_iter().map(row).collect()
}

/// A cell's own record comes first, unless it was skipped and another cell measured the same.
fn precedence<'r>(
    record: &'r Record,
    cell: &Cell,
) -> (bool, bool, bool, Option<jiff::Timestamp>, &'r str) {
    let own = record.cell == *cell;
    let ran = !matches!(record.outcome, Outcome::Skipped { .. });
    let done = matches!(record.outcome, Outcome::Done { .. });
    (
        own && ran,
        done,
        own,
        record.finished.parse().ok(),
        &record.key,
    )
}

/// Whether both were evaluated on the same split after as many epochs from the same first weights.
pub fn comparable(row: &Row, base: &Row) -> bool {
    let split = |row: &Row| row.eval().map(|eval| eval.split.clone());
    let epochs = |row: &Row| row.train().map(|train| train.epochs.len());
    let weights = |row: &Row| {
        row.train()
            .and_then(|train| train.weights.as_ref())
            .map(|weights| weights.file.clone())
    };
    split(row) == split(base) && epochs(row) == epochs(base) && weights(row) == weights(base)
}

/// `n`, `s`, `m`, `l`, `x`, then any other scale by its name.
pub fn scale_order(scale: &str) -> (usize, &str) {
    (
        ["n", "s", "m", "l", "x"]
            .iter()
            .position(|&known| known == scale)
            .unwrap_or(5),
        scale,
    )
}

/// The baseline first, then by name.
pub fn variant_order(variant: &str) -> (bool, &str) {
    (variant != BASELINE, variant)
}

fn row_order(a: &Row, b: &Row) -> Ordering {
    let place = (a.place).cmp(&b.place);
    (a.cell.family.cmp(&b.cell.family))
        .then(place)
        .then_with(|| cell_order(a.cell, b.cell))
}

fn cell_order(a: &Cell, b: &Cell) -> Ordering {
    fn rest(cell: &Cell) -> impl Ord + '_ {
        (cell.imgsz, cell.nc, cell.timing(), cell.seed)
    }
    (a.family.cmp(&b.family))
        .then_with(|| a.device.cmp(&b.device))
        .then_with(|| scale_order(&a.scale).cmp(&scale_order(&b.scale)))
        .then_with(|| variant_order(&a.variant).cmp(&variant_order(&b.variant)))
        .then_with(|| a.dataset.cmp(&b.dataset))
        .then_with(|| rest(a).cmp(&rest(b)))
        .then_with(|| a.cmp(b))
}
