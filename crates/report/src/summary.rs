//! Rows as people compare them: a table for each setting, a line for each model, its seeds taken together.

use std::collections::BTreeMap;

use crate::interval::{Interval, Over};
use crate::number;
use crate::rows::{Changes, Gap, Row, Rows, scale_order, variant_order};
use ablate_records::{Cell, CostMeasurement, ImageSizes, LatencyMeasurement, Stage, Timing};

/// What the models of one table have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting<'a> {
    pub device: &'a str,
    pub imgsz: ImageSizes,
    pub nc: usize,
    pub timing: Timing<'a>,
    /// None where no model of this device, image size and batch has one.
    pub dataset: Option<&'a str>,
}

impl Setting<'_> {
    /// `shapes · flex · 320 px · batch 1 · 4 classes`, or the sizes one by one where they differ.
    pub fn title(&self) -> String {
        let dataset = self
            .dataset
            .map(|name| format!("{name} · "))
            .unwrap_or_default();
        let classes = if self.nc == 1 { "class" } else { "classes" };
        let ImageSizes {
            cost,
            latency,
            train,
        } = self.imgsz;
        let mut sizes = match (cost == latency, self.dataset) {
            (true, _) => format!("{cost} px"),
            (false, _) => format!("GFLOPs at {cost} px, latency at {latency} px"),
        };
        if self.dataset.is_some() && (cost != latency || train != latency) {
            sizes += &format!(", mAP at {train} px");
        }
        format!(
            "{dataset}{} · {sizes} · {} · {} {classes}",
            self.device, self.timing, self.nc
        )
    }
}

/// Mean and spread of a figure over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub mean: f64,
    pub min: f64,
    pub max: f64,
    /// Sample standard deviation; none for a single seed.
    pub std: Option<f64>,
    pub n: usize,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        (n > 0).then(|| Self {
            mean,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            std: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
            n,
        })
    }
}

/// One model in one setting.
pub struct Line<'a> {
    pub rows: Vec<Row<'a>>,
    /// Against the baseline; mAP is the mean of the changes seed by seed.
    pub changes: Changes,
}

impl<'a> Line<'a> {
    pub fn cell(&self) -> &'a Cell {
        self.rows[0].cell
    }

    pub fn cost(&self) -> Option<&'a CostMeasurement> {
        self.rows.iter().find_map(Row::cost)
    }

    pub fn latency(&self) -> Option<&'a LatencyMeasurement> {
        self.rows.iter().find_map(Row::latency)
    }

    /// The rows that were evaluated. None of them where a seed was stopped early: a mean over those that an earlier sweep happened to leave would
    /// pass for one over all.
    pub fn evaluated(&self) -> impl Iterator<Item = &Row<'a>> {
        let whole = self.rows.iter().all(|row| row.stopped().is_none());
        self.rows
            .iter()
            .filter(move |row| whole && row.eval().is_some())
    }

    /// A COCO figure of the boxes by name over the seeds, 0 to 1.
    pub fn coco(&self, name: &str) -> Option<Spread> {
        Spread::of(self.evaluated().filter_map(|row| row.coco(name)))
    }

    /// The same of the masks.
    pub fn coco_of_masks(&self, name: &str) -> Option<Spread> {
        Spread::of(self.evaluated().filter_map(|row| row.coco_of_masks(name)))
    }

    /// Whether the interval of the mAP change over seeds leaves out zero; none for one seed, whose interval knows of no other training.
    pub fn map_is_clear(&self) -> Option<bool> {
        self.changes
            .map_interval
            .filter(|interval| matches!(interval.over, Over::Seeds(_)))
            .map(|interval| interval.excludes_zero())
    }

    /// What the data say of the mAP change, in words.
    pub fn verdict(&self) -> Option<String> {
        let (change, interval) = (self.changes.map50_95?, self.changes.map_interval?);
        let said = match (interval.over, interval.excludes_zero()) {
            (Over::Seeds(_), true) if change > 0.0 => "better than the baseline",
            (Over::Seeds(_), true) => "worse than the baseline",
            (Over::Seeds(_), false) => "the seeds can't tell it from the baseline",
            (Over::Images, true) => {
                "other test images would show it too; whether other seeds would, one seed can't tell"
            }
            (Over::Images, false) => "the test images can't tell these two trainings apart",
        };
        let over = match interval.over {
            Over::Seeds(n) => format!("{n} seeds"),
            Over::Images => "test images".into(),
        };
        Some(format!(
            "{} points of mAP50-95, 95 % interval {interval} over {over}: {said}",
            number::points(change)
        ))
    }

    /// The most telling reason why no row of the line has the stage's figure: a training that failed is the reason why
    /// nothing was evaluated.
    pub fn gap(&self, stage: Stage) -> Option<Gap<'a>> {
        if let (Stage::Train | Stage::Eval, Some(reason)) =
            (stage, self.rows.iter().find_map(Row::stopped))
        {
            return Some(Gap::Stopped(reason));
        }
        let gaps: Option<Vec<Gap>> = self.rows.iter().map(|row| row.gap(stage)).collect();
        let training = self
            .rows
            .iter()
            .filter_map(|row| row.gap(Stage::Train))
            .filter(|_| stage == Stage::Eval);
        gaps?
            .into_iter()
            .chain(training.filter(|gap| matches!(gap, Gap::Failed(_))))
            .min()
    }
}

/// The models of one setting.
pub struct Table<'a> {
    pub setting: Setting<'a>,
    /// By family and scale, the baseline first.
    pub lines: Vec<Line<'a>>,
}

/// All tables, by setting.
pub fn tables<'a>(rows: &Rows<'a>) -> Vec<Table<'a>> {
    let mut tables: BTreeMap<Setting, BTreeMap<_, Vec<Row>>> = BTreeMap::new();
    for &row in &rows.rows {
        let cell = row.cell;
        let line = (
            &cell.family,
            scale_order(&cell.scale),
            variant_order(&cell.variant),
        );
        tables
            .entry(setting(rows, cell))
            .or_default()
            .entry(line)
            .or_default()
            .push(row);
    }
    let line = |lines: Vec<Row<'a>>| summarise(rows, lines);
    tables
        .into_iter()
        .map(|(setting, lines)| Table {
            setting,
            lines: lines.into_values().map(line).collect(),
        })
        .collect()
}

/// A cell without a data set stands in the table of the first data set of its setting, so that models that are only
/// costed and timed are read beside those that are trained too.
fn setting<'a>(rows: &Rows<'a>, cell: &'a Cell) -> Setting<'a> {
    let of = |cell: &'a Cell, dataset| {
        let Cell {
            device, imgsz, nc, ..
        } = cell;
        Setting {
            device,
            imgsz: *imgsz,
            nc: *nc,
            timing: cell.timing(),
            dataset,
        }
    };
    let own = of(cell, cell.dataset.as_deref());
    let beside = rows
        .rows
        .iter()
        .filter(|row| of(row.cell, None) == own)
        .filter_map(|row| row.cell.dataset.as_deref());
    Setting {
        dataset: own.dataset.or_else(|| beside.min()),
        ..own
    }
}

fn summarise<'a>(rows: &Rows<'a>, lines: Vec<Row<'a>>) -> Line<'a> {
    let all: Vec<Changes> = lines.iter().map(|row| rows.changes(row)).collect();
    let first = |pick: fn(&Changes) -> Option<f64>| all.iter().find_map(pick);
    let line = Line {
        rows: lines,
        changes: Changes::default(),
    };
    // Changes of mAP are of those lines that show mAP.
    let of_map = || all.iter().filter(|_| line.evaluated().next().is_some());
    let map_change = Spread::of(of_map().filter_map(|c| c.map50_95));
    let changes = Changes {
        params: first(|c| c.params),
        gflops: first(|c| c.gflops),
        latency: first(|c| c.latency),
        latency_is_clear: all
            .iter()
            .find(|c| c.latency.is_some())
            .is_some_and(|c| c.latency_is_clear),
        map50: Spread::of(of_map().filter_map(|c| c.map50)).map(|s| s.mean),
        map50_95: map_change.map(|s| s.mean),
        map_interval: map_change
            .and_then(Interval::over_seeds)
            .or_else(|| of_map().find_map(|c| c.map_interval)),
    };
    Line { changes, ..line }
}

fn mostly(clear: impl Iterator<Item = bool>) -> bool {
    let (yes, no): (Vec<bool>, Vec<bool>) = clear.partition(|&clear| clear);
    yes.len() > no.len()
}

/// The mean change of a variant over the scales where both it and the baseline were measured.
pub struct Glance<'a> {
    pub family: &'a str,
    pub variant: &'a str,
    /// Percent, a geometric mean, and over how many scales.
    pub params: Option<(f64, usize)>,
    pub gflops: Option<(f64, usize)>,
    pub latency: Option<(f64, usize)>,
    /// Points, an arithmetic mean.
    pub map50_95: Option<(f64, usize)>,
    /// Whether the change is clear at more than half of those scales.
    pub latency_is_clear: bool,
    /// The same; none where no scale was trained with several seeds.
    pub map_is_clear: Option<bool>,
    lines: Vec<&'a Line<'a>>,
}

impl<'a> Glance<'a> {
    /// The most telling reason why the stage has no mean.
    pub fn gap(&self, stage: Stage) -> Option<Gap<'a>> {
        self.lines.iter().filter_map(|line| line.gap(stage)).min()
    }
}

/// A line for each variant of a table but the baseline; empty where there is nothing to compare.
pub fn glance<'a>(table: &'a Table<'a>) -> Vec<Glance<'a>> {
    let mut variants: BTreeMap<_, Vec<&Line>> = BTreeMap::new();
    for line in &table.lines {
        let cell = line.cell();
        variants
            .entry((cell.family.as_str(), variant_order(&cell.variant)))
            .or_default()
            .push(line);
    }
    let mean = |lines: &[&Line], pick: fn(&Changes) -> Option<f64>| {
        Spread::of(lines.iter().filter_map(|line| pick(&line.changes)))
            .map(|spread| (spread.mean, spread.n))
    };
    let ratio = |lines: &[&Line], pick: fn(&Changes) -> Option<f64>| {
        // A change of −100 % has no logarithm, and a mean over it means nothing.
        let logs: Vec<f64> = lines
            .iter()
            .filter_map(|line| pick(&line.changes))
            .map(|p| (p / 100.0).ln_1p())
            .collect();
        Spread::of(logs)
            .map(|s| (100.0 * s.mean.exp_m1(), s.n))
            .filter(|(mean, _)| mean.is_finite())
    };
    let glances = variants
        .into_iter()
        .map(|((family, (_, variant)), lines)| Glance {
            family,
            variant,
            params: ratio(&lines, |c| c.params),
            gflops: ratio(&lines, |c| c.gflops),
            latency: ratio(&lines, |c| c.latency),
            map50_95: mean(&lines, |c| c.map50_95),
            latency_is_clear: mostly(
                lines
                    .iter()
                    .filter(|l| l.changes.latency.is_some())
                    .map(|l| l.changes.latency_is_clear),
            ),
            map_is_clear: {
                let judged = || lines.iter().filter_map(|l| l.map_is_clear());
                judged().next().map(|_| mostly(judged()))
            },
            lines,
        });
    glances
        .filter(|g| {
            [g.params, g.gflops, g.latency, g.map50_95]
                .iter()
                .any(Option::is_some)
        })
        .collect()
}
