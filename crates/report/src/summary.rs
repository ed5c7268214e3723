//! Rows as people compare them: a table for each setting, and in it a line for each model with all
//! its seeds.

use std::collections::BTreeMap;

use crate::columns::{self, AtCost, Change, Column, Evidence, LATENCY_MARGIN, Outlook, SameCost};
use crate::interval::{Interval, Over};
use crate::mark::Mark;
use crate::rows::{self, Gap, Row, Rows, scale_order, variant_order};
use ablate_records::{
    Cell, CostMeasurement, ImageSizes, Judging, LatencyMeasurement, Stage, Timing,
};
use ablate_statistics::Spread;

/// What the models of one table have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting<'a> {
    /// Place of the sweep among several.
    pub place: usize,
    /// With the sweep's name if there are several.
    pub device: &'a str,
    pub imgsz: ImageSizes,
    pub nc: usize,
    pub timing: Timing<'a>,
    /// None if no model of this device, image size and batch has one.
    pub dataset: Option<&'a str>,
}

impl Setting<'_> {
    /// `shapes · flex · 320 px · batch 1 · 4 classes`, or the sizes one by one if they differ.
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

/// The changes of one model against the baseline that the plots show.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changes {
    /// Percent.
    pub params: Option<f64>,
    /// Percent, of the published GFLOPs.
    pub gflops: Option<f64>,
    /// Percent, of the median.
    pub latency: Option<f64>,
    /// Of the change of the latency.
    pub latency_interval: Option<Interval>,
    /// Points: 100 × the difference of the means over the seeds.
    pub map50_95: Option<f64>,
    /// Of the change of mAP50-95: over the seeds, or over test images for one seed.
    pub map_interval: Option<Interval>,
}

/// One model in one setting.
pub struct Line<'a> {
    /// One for each seed, at least one.
    pub rows: Vec<Row<'a>>,
    /// Against the baseline.
    pub changes: Changes,
    /// The changes of all columns, by their name in `results.csv`.
    by_column: BTreeMap<&'static str, Change>,
    /// Beside the baseline of the same latency, then of the same GFLOPs.
    at_cost: [Option<AtCost>; 2],
}

impl<'a> Line<'a> {
    fn of(
        rows: Vec<Row<'a>>,
        by_column: BTreeMap<&'static str, Change>,
        at_cost: [Option<AtCost>; 2],
    ) -> Self {
        let change = |name| by_column.get(name).map(|change| change.value);
        let interval = |name| {
            by_column
                .get(name)
                .and_then(|change: &Change| change.interval)
        };
        let changes = Changes {
            params: change("params"),
            gflops: change("gflops"),
            latency: change("latency_ms_median"),
            latency_interval: interval("latency_ms_median"),
            map50_95: change("map50_95"),
            map_interval: interval("map50_95"),
        };
        Self {
            rows,
            changes,
            by_column,
            at_cost,
        }
    }

    /// The cell of the first seed.
    pub fn cell(&self) -> &'a Cell {
        self.rows[0].cell
    }

    /// The model, with the sweep that it is from if there are several.
    pub fn name(&self) -> String {
        let model = &self.cell().model;
        match self.rows[0].source {
            "" => model.clone(),
            source => format!("{model} ({source})"),
        }
    }

    /// The change of a column; None if it is not compared, or not measured on both sides.
    pub fn change(&self, column: &Column) -> Option<&Change> {
        self.by_column.get(column.csv)
    }

    /// Its accuracy beside that of the baseline at the same cost; None if that is not known.
    pub fn at_same(&self, cost: SameCost) -> Option<&AtCost> {
        self.at_cost[cost as usize].as_ref()
    }

    /// The cost, which all seeds share.
    pub fn cost(&self) -> Option<&'a CostMeasurement> {
        self.rows.iter().find_map(Row::cost)
    }

    /// The latency, which all seeds share.
    pub fn latency(&self) -> Option<&'a LatencyMeasurement> {
        self.rows.iter().find_map(Row::latency)
    }

    /// The evaluations that a mean over the seeds is of.
    pub fn evaluated(&self) -> impl Iterator<Item = &Row<'a>> {
        rows::evaluated(&self.rows)
    }

    /// A COCO figure of the boxes by name over the seeds, 0 to 1.
    pub fn coco(&self, name: &str) -> Option<Spread> {
        Spread::of(self.evaluated().filter_map(|row| row.coco(name)))
    }
}

/// The models of one setting.
pub struct Table<'a> {
    /// What they have in common.
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
            .entry(setting(rows, &row))
            .or_default()
            .entry(line)
            .or_default()
            .push(row);
    }
    let table = |(setting, lines): (Setting<'a>, BTreeMap<_, Vec<Row<'a>>>)| Table {
        setting,
        lines: judged(rows, lines.into_values().collect()),
    };
    tables.into_iter().map(table).collect()
}

/// Models with their changes, which are judged together, column by column.
fn judged<'a>(rows: &Rows<'a>, models: Vec<Vec<Row<'a>>>) -> Vec<Line<'a>> {
    let mut by_model = vec![BTreeMap::new(); models.len()];
    for column in columns::all() {
        for (of_model, change) in by_model.iter_mut().zip(column.changes(rows, &models)) {
            if let Some(change) = change {
                of_model.insert(column.csv, change);
            }
        }
    }
    let at_cost = SameCost::ALL.map(|cost| columns::gains(rows, &models, cost).into_iter());
    let [mut at_latency, mut at_gflops] = at_cost;
    let lines = models.into_iter().zip(by_model);
    let line = |(rows, changes)| {
        let at_cost = [at_latency.next().flatten(), at_gflops.next().flatten()];
        Line::of(rows, changes, at_cost)
    };
    lines.map(line).collect()
}

/// A cell without a data set is in the table of the first data set of its setting, so that models
/// that are only costed and timed are read beside those that are trained too.
fn setting<'a>(rows: &Rows<'a>, row: &Row<'a>) -> Setting<'a> {
    let of = |row: &Row<'a>, dataset| Setting {
        place: row.place,
        device: row.device,
        imgsz: row.cell.imgsz,
        nc: row.cell.nc,
        timing: row.cell.timing(),
        dataset,
    };
    let own = of(row, row.cell.dataset.as_deref());
    let beside = rows
        .rows
        .iter()
        .filter(|row| of(row, None) == own)
        .filter_map(|row| row.cell.dataset.as_deref());
    Setting {
        dataset: own.dataset.or_else(|| beside.min()),
        ..own
    }
}

/// A variant over the scales of a family.
pub struct Glance<'a> {
    /// `yolov5`.
    pub family: &'a str,
    /// `gsconv`.
    pub variant: &'a str,
    lines: Vec<&'a Line<'a>>,
}

/// The mean change of a column over the scales where both the variant and the baseline were
/// measured.
pub struct MeanChange {
    /// The mean.
    pub change: Change,
    /// How many scales.
    pub scales: usize,
}

impl<'a> Glance<'a> {
    /// Its models, scale by scale.
    pub fn lines(&self) -> &[&'a Line<'a>] {
        &self.lines
    }

    /// The mean change of a column; None if no scale has one.
    pub fn mean(&self, column: &Column, judging: &Judging) -> Option<MeanChange> {
        let comparison = column.comparison?;
        let changes: Vec<&Change> = self
            .lines
            .iter()
            .filter_map(|line| line.change(column))
            .collect();
        let mean = |pick: &dyn Fn(&Change) -> Option<f64>| {
            let values: Option<Vec<f64>> = changes.iter().map(|change| pick(change)).collect();
            comparison.unit.mean(&values?)
        };
        let value = mean(&|change| Some(change.value))?;
        // All intervals hold at once, so the mean lies between the means of their ends.
        let end = |end: fn(&Interval) -> f64| mean(&|change| change.interval.as_ref().map(end));
        let interval = || {
            Some(Interval {
                low: end(|interval| interval.low)?,
                high: end(|interval| interval.high)?,
                over: changes.first()?.interval?.over,
            })
        };
        let interval = interval();
        let is_unlearnt = |change: &Change| change.mark == Mark::Unlearnt;
        let untold = || {
            changes
                .iter()
                .any(|change| change.interval.is_none() || is_unlearnt(change))
        };
        let mark = match (comparison.evidence, &interval) {
            // What decides each scale decides the mean, where the scales agree.
            (Evidence::Exact(_), _) => {
                let first = changes.first().map(|change| change.mark);
                let agreed = first.filter(|mark| changes.iter().all(|change| change.mark == *mark));
                let is_open = changes.iter().any(|change| change.mark == Mark::Open);
                agreed.unwrap_or_else(|| match is_open {
                    true => Mark::Open,
                    false => Mark::exact(value, comparison.better),
                })
            }
            (_, Some(interval)) if interval.over != Over::Images && !untold() => {
                let margin = match comparison.evidence {
                    Evidence::Rounds => Some(LATENCY_MARGIN),
                    _ => judging.margin,
                };
                Mark::of(value, interval, margin, comparison.better)
            }
            _ if changes.iter().all(|&change| is_unlearnt(change)) => Mark::Unlearnt,
            _ => Mark::Open,
        };
        let outlook = match mark {
            Mark::Open if changes.iter().any(|&change| is_unlearnt(change)) => {
                Some(Outlook::ScaleUnlearnt)
            }
            _ => changes.iter().find_map(|change| change.outlook),
        };
        Some(MeanChange {
            change: Change {
                value,
                mark,
                interval,
                outlook: outlook.filter(|_| !mark.is_told()),
            },
            scales: changes.len(),
        })
    }

    /// The most telling reason why the stage has no mean.
    pub fn gap(&self, stage: Stage) -> Option<Gap<'a>> {
        let gaps = self
            .lines
            .iter()
            .filter_map(|line| rows::gap(&line.rows, stage));
        gaps.min()
    }
}

/// The variants of a table that have a mean change in at least one column of "At a glance".
pub fn glances<'a>(table: &'a Table<'a>, judging: &Judging) -> Vec<Glance<'a>> {
    let mut variants: BTreeMap<_, Vec<&Line>> = BTreeMap::new();
    for line in &table.lines {
        let cell = line.cell();
        variants
            .entry((cell.family.as_str(), variant_order(&cell.variant)))
            .or_default()
            .push(line);
    }
    variants
        .into_iter()
        .map(|((family, (_, variant)), lines)| Glance {
            family,
            variant,
            lines,
        })
        .filter(|glance| {
            columns::at_a_glance().any(|(column, _)| glance.mean(column, judging).is_some())
        })
        .collect()
}
