//! Joins the records of a cell over its stages into one row, and finds the row's baseline.
//!
//! A stage depends on part of its cell only: a cost has no seed, a latency no data set. Its
//! [`Scope`] is that part. It serves twice: a record that several cells share is found for each of
//! them, and the baseline of a row is the row with the same scope except for the variant, stage by
//! stage. Of several sweeps in one report each has its own scopes: nothing is shared or compared
//! across them.

mod gap;
mod order;
mod row;

use std::collections::{BTreeSet, HashMap};

use ablate_records::{Cell, ImageSize, Judging, Outcome, Record, Stage, Timing};

use self::order::row_order;
pub use self::{
    gap::{Gap, gap},
    order::{scale_order, variant_order},
    row::{Row, evaluated},
};
use crate::source::Source;

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
            ..Judging::default()
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

/// Whether both were evaluated on the same split after trainings of as many epochs from the same
/// first weights. Patience may have ended one of them sooner, as it may end it with another seed.
pub fn comparable(row: &Row, base: &Row) -> bool {
    let split = |row: &Row| row.eval().map(|eval| eval.split.clone());
    let epochs = |row: &Row| {
        let recipe = row.record(Stage::Train)?.inputs.get("recipe");
        let planned = recipe.and_then(|recipe| recipe.get("epochs")?.as_u64());
        planned.or(row.train().map(|train| train.epochs.len() as u64))
    };
    let weights = |row: &Row| {
        row.train()
            .and_then(|train| train.weights.as_ref())
            .map(|weights| weights.file.clone())
    };
    split(row) == split(base) && epochs(row) == epochs(base) && weights(row) == weights(base)
}
