//! Joins the records of a cell over its four stages into one row, and sets a row against its baseline.
//!
//! A stage depends on a part of its cell only: a cost knows no seed, a latency no data set. Its [`Scope`] is that part. It
//! serves twice: a record that several cells share is found for each of them, and the baseline of a row is the row whose
//! scope is the same but for the variant, stage by stage.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use crate::interval::Interval;
use ablate_records::{
    Cell, CostMeasurement, EpochLog, EvalMeasurement, LatencyMeasurement, Measurement, Outcome,
    Record, Stage, Timing, TrainMeasurement,
};

/// The name of the variant that others are measured against.
pub const BASELINE: &str = "baseline";

/// What a stage depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Scope<'a> {
    stage: Stage,
    family: &'a str,
    variant: &'a str,
    scale: &'a str,
    nc: usize,
    imgsz: usize,
    device: Option<&'a str>,
    timing: Option<Timing<'a>>,
    training: Option<(Option<&'a str>, Option<u64>)>,
}

impl<'a> Scope<'a> {
    fn of(stage: Stage, cell: &'a Cell) -> Self {
        let training = matches!(stage, Stage::Train | Stage::Eval);
        Self {
            stage,
            family: &cell.family,
            variant: &cell.variant,
            scale: &cell.scale,
            nc: cell.nc,
            imgsz: match stage {
                Stage::Cost => cell.imgsz.cost,
                Stage::Latency => cell.imgsz.latency,
                Stage::Train | Stage::Eval => cell.imgsz.train,
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
    /// The training ended early, by halving; there is nothing to evaluate, either.
    Stopped(&'a str),
    NotYet,
    Skipped(&'a str),
    /// The cell has no data set, so it is neither trained nor evaluated.
    NotAsked,
}

impl Gap<'_> {
    /// In a word or two, for a table's cell.
    pub fn short(&self) -> &'static str {
        match self {
            Gap::Failed(_) => "failed",
            Gap::Stopped(_) => "stopped",
            Gap::NotYet => "not yet measured",
            Gap::Skipped(_) => "skipped",
            Gap::NotAsked => "not asked for",
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

/// One cell with the records of its stages.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub cell: &'a Cell,
    records: [Option<&'a Record>; 4],
}

impl<'a> Row<'a> {
    pub fn record(&self, stage: Stage) -> Option<&'a Record> {
        self.records[stage as usize]
    }

    /// The record of a stage that was run, whether it failed or not.
    pub fn ran(&self, stage: Stage) -> Option<&'a Record> {
        self.record(stage)
            .filter(|record| !matches!(record.outcome, Outcome::Skipped { .. }))
    }

    /// Why the training was stopped early; none where it was not.
    pub fn stopped(&self) -> Option<&'a str> {
        match &self.record(Stage::Train)?.outcome {
            Outcome::Stopped { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// The epochs that were trained, be it to the end or not.
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
        // What was once evaluated has no training to go with it any more.
        if stage == Stage::Eval && self.stopped().is_some() {
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

    pub fn train(&self) -> Option<&'a TrainMeasurement> {
        match self.measurement(Stage::Train) {
            Some(Measurement::Train(train)) => Some(train),
            _ => None,
        }
    }

    pub fn eval(&self) -> Option<&'a EvalMeasurement> {
        match self.measurement(Stage::Eval) {
            Some(Measurement::Eval(eval)) => Some(eval),
            _ => None,
        }
    }

    /// A COCO figure of the boxes by name, 0 to 1.
    pub fn coco(&self, name: &str) -> Option<f64> {
        self.eval()?.boxes.figure(name)
    }

    /// A COCO figure of the masks by name, 0 to 1.
    pub fn coco_of_masks(&self, name: &str) -> Option<f64> {
        self.eval()?.masks.as_ref()?.figure(name)
    }

    /// Why the stage has no figure; none where it has.
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
            None => Some(Gap::NotYet),
        }
    }

    /// `failed` where a stage failed, `partial` where one is still missing, `stopped` where the training was, `skipped` where none was run,
    /// else `done`.
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

/// Change of a row against its baseline; none where either side was not measured, or not in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changes {
    /// Percent.
    pub params: Option<f64>,
    /// Percent, of the published GFLOPs.
    pub gflops: Option<f64>,
    /// Percent, of the median.
    pub latency: Option<f64>,
    /// Whether each median lies outside the middle half of the other's samples.
    pub latency_is_clear: bool,
    /// Points: 100 × the difference.
    pub map50: Option<f64>,
    pub map50_95: Option<f64>,
    /// Of the change of mAP50-95 of this one training, over test images.
    pub map_interval: Option<Interval>,
}

/// All rows of a set of records, in the order in which a reader compares them: by family, device, scale and
/// variant, the baseline first.
pub struct Rows<'a> {
    pub rows: Vec<Row<'a>>,
    baselines: HashMap<Scope<'a>, usize>,
}

impl<'a> Rows<'a> {
    /// Joins records, in any order, into one row a cell. Of two records of one stage the later one counts.
    pub fn join(records: &'a [Record]) -> Self {
        let mut by_scope: HashMap<Scope, Vec<&Record>> = HashMap::new();
        for record in records {
            by_scope
                .entry(Scope::of(record.stage, &record.cell))
                .or_default()
                .push(record);
        }
        let cells: BTreeSet<&Cell> = records.iter().map(|record| &record.cell).collect();
        let mut rows: Vec<Row> = cells
            .into_iter()
            .map(|cell| {
                let records = Stage::ALL.map(|stage| {
                    let shared = by_scope
                        .get(&Scope::of(stage, cell))
                        .map_or(&[][..], Vec::as_slice);
                    shared
                        .iter()
                        .copied()
                        .max_by_key(|record| precedence(record, cell))
                });
                Row { cell, records }
            })
            .collect();
        rows.sort_by(|a, b| cell_order(a.cell, b.cell));
        let mut baselines = HashMap::new();
        for (index, row) in rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.cell.variant == BASELINE)
        {
            for stage in Stage::ALL {
                baselines.entry(Scope::of(stage, row.cell)).or_insert(index);
            }
        }
        Self { rows, baselines }
    }

    fn baseline(&self, stage: Stage, cell: &Cell) -> Option<&Row<'a>> {
        let scope = Scope {
            variant: BASELINE,
            ..Scope::of(stage, cell)
        };
        self.baselines.get(&scope).map(|&index| &self.rows[index])
    }

    /// The row's change against the baseline of the same family, scale and setting; all none for a baseline.
    pub fn changes(&self, row: &Row<'a>) -> Changes {
        let mut changes = Changes::default();
        if row.cell.variant == BASELINE {
            return changes;
        }
        if let (Some(own), Some(base)) = (
            row.cost(),
            self.baseline(Stage::Cost, row.cell).and_then(Row::cost),
        ) {
            changes.params = percent(own.params as f64, base.params as f64);
            changes.gflops = percent(own.gflops, base.gflops);
        }
        if let (Some(own), Some(base)) = (
            row.latency(),
            self.baseline(Stage::Latency, row.cell)
                .and_then(Row::latency),
        ) {
            changes.latency = percent(own.median_ms, base.median_ms);
            changes.latency_is_clear = is_clear(own, base);
        }
        if let Some(base) = self
            .baseline(Stage::Eval, row.cell)
            .filter(|base| comparable(row, base))
        {
            let points = |name| Some(100.0 * (row.coco(name)? - base.coco(name)?));
            changes.map50 = points("AP50");
            changes.map50_95 = points("AP");
            let bootstrap =
                |row: &Row<'a>| row.eval().map_or(&[][..], |eval| eval.bootstrap.as_slice());
            changes.map_interval = Interval::over_images(bootstrap(row), bootstrap(base));
        }
        changes
    }
}

/// A cell's own record counts most, unless it only says that the stage was skipped and another cell measured the same.
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

/// Evaluated on the same split after as many epochs that began with the same weights.
fn comparable(row: &Row, base: &Row) -> bool {
    let split = |row: &Row| row.eval().map(|eval| eval.split.clone());
    let epochs = |row: &Row| row.train().map(|train| train.epochs.len());
    let weights = |row: &Row| {
        row.train()
            .and_then(|train| train.weights.as_ref())
            .map(|weights| weights.file.clone())
    };
    split(row) == split(base) && epochs(row) == epochs(base) && weights(row) == weights(base)
}

fn percent(own: f64, base: f64) -> Option<f64> {
    Some(100.0 * (own / base - 1.0)).filter(|change| change.is_finite())
}

fn is_clear(a: &LatencyMeasurement, b: &LatencyMeasurement) -> bool {
    let inside = |x: f64, samples: &[f64]| {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |q: f64| sorted[((sorted.len() - 1) as f64 * q).round() as usize];
        !sorted.is_empty() && (at(0.25)..=at(0.75)).contains(&x)
    };
    !inside(a.median_ms, &b.samples_ms) && !inside(b.median_ms, &a.samples_ms)
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
