//! How a column is compared with the baseline.

use super::Column;
use crate::interval::{Interval, Over};
use crate::mark::{Better, Mark};
use crate::number;
use crate::rows::{self, Row, Rows};
use crate::statistics::{Spread, mean};

/// How a column is compared with the baseline of the same family, scale and setting.
#[derive(Clone, Copy)]
pub struct Comparison {
    /// Name of the change in `results.csv`.
    pub csv: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// What a change is given in.
    pub unit: ChangeUnit,
    /// What tells whether a change is clear.
    pub evidence: Evidence,
    /// Rank on the screen of the change, which the page's summary then shows too; None if
    /// `results.csv` alone has it.
    pub rank: Option<u8>,
    /// Heading of its mean over the scales, "At a glance"; None if it is not there.
    pub glance: Option<&'static str>,
}

impl Comparison {
    /// The columns of `results.csv`, with what they are: the change, and the ends of its interval
    /// if it has one.
    pub fn csv_columns(self) -> Vec<(String, &'static str)> {
        let mut columns = vec![(self.csv.to_string(), "change against the baseline")];
        if self.evidence.has_interval() {
            let stem = self.csv.trim_end_matches(self.unit.word());
            columns.extend([
                (
                    format!("{stem}low"),
                    "lower end of the change's 95 % interval, over test images",
                ),
                (
                    format!("{stem}high"),
                    "upper end of the change's 95 % interval, over test images",
                ),
            ]);
        }
        columns
    }
}

/// What a change is given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeUnit {
    /// 100 × (own / baseline − 1).
    Percent,
    /// 100 × (own − baseline), of shares of 1.
    Points,
}

impl ChangeUnit {
    fn change(self, own: f64, base: f64) -> Option<f64> {
        let change = match self {
            ChangeUnit::Percent => 100.0 * (own / base - 1.0),
            ChangeUnit::Points => 100.0 * (own - base),
        };
        Some(change).filter(|change| change.is_finite())
    }

    /// The mean of changes: geometric of percent, arithmetic of points. None if there is none, or
    /// if a figure fell to zero, which has no geometric mean.
    pub fn mean(self, changes: &[f64]) -> Option<f64> {
        match self {
            ChangeUnit::Points => mean(changes),
            ChangeUnit::Percent => {
                let logs: Vec<f64> = changes.iter().map(|p| (p / 100.0).ln_1p()).collect();
                mean(&logs)
                    .map(|log| 100.0 * log.exp_m1())
                    .filter(|mean| mean.is_finite())
            }
        }
    }

    /// `percent`, `points`.
    pub fn word(self) -> &'static str {
        match self {
            ChangeUnit::Percent => "percent",
            ChangeUnit::Points => "points",
        }
    }

    /// With its sign: `−3.0 %`, or `+1.2` of points.
    pub fn text(self, change: f64) -> String {
        match self {
            ChangeUnit::Percent => number::percent(change),
            ChangeUnit::Points => number::points(change),
        }
    }

    /// With sign and unit: `−3.0 %`, `+1.2 points`.
    pub fn with_unit(self, change: f64) -> String {
        match self {
            ChangeUnit::Percent => self.text(change),
            ChangeUnit::Points => self.text(change) + " points",
        }
    }
}

/// What tells whether a change is clear.
#[derive(Clone, Copy)]
pub enum Evidence {
    /// Arithmetic has no spread: every change is clear.
    Exact,
    /// The timed iterations of the two rows, own and baseline.
    Samples(fn(&Row, &Row) -> bool),
    /// Trainings: the 95 % interval over the seeds, which one seed does not have.
    Seeds,
    /// As `Seeds`; of one seed there is an interval over resampled test images, whose figures (0 to
    /// 1) this gives. It is shown, but judges nothing.
    SeedsOrImages(for<'a> fn(&Row<'a>) -> &'a [Option<f64>]),
}

impl Evidence {
    /// Whether changes come with an interval.
    pub fn has_interval(self) -> bool {
        matches!(self, Evidence::SeedsOrImages(_))
    }
}

/// A change against the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Percent or points.
    pub value: f64,
    /// Whether it lies outside the spread; None if there is no spread to judge by.
    pub clear: Option<bool>,
    /// 95 % confidence interval, in points.
    pub interval: Option<Interval>,
}

impl Change {
    /// What the change means.
    pub fn mark(&self, better: Better) -> Mark {
        Mark::of(self.value, better, self.clear)
    }
}

impl Column {
    /// The change of one row; None for a baseline, and if either side was not measured, or not in
    /// the same way.
    pub fn change_of_row(&self, rows: &Rows, row: &Row) -> Option<Change> {
        let comparison = self.comparison?;
        let base = rows.baseline(self.stage?, row)?;
        let figure = |row: &Row| (self.value)(row)?.number();
        let value = comparison.unit.change(figure(row)?, figure(base)?)?;
        let (clear, interval) = match comparison.evidence {
            Evidence::Exact => (Some(true), None),
            Evidence::Samples(is_clear) => (Some(is_clear(row, base)), None),
            Evidence::Seeds => (None, None),
            Evidence::SeedsOrImages(bootstrap) => {
                (None, Interval::over_images(bootstrap(row), bootstrap(base)))
            }
        };
        Some(Change {
            value,
            clear,
            interval,
        })
    }

    /// The change of one model: its rows are its seeds.
    pub fn change(&self, rows: &Rows, seeds: &[Row]) -> Option<Change> {
        let all: Vec<Change> = seeds
            .iter()
            .filter_map(|row| self.change_of_row(rows, row))
            .collect();
        if !self.mean_of_seeds {
            return all.first().copied();
        }
        // The change of a mean is shown only beside the mean.
        rows::evaluated(seeds).next()?;
        let spread = Spread::of(all.iter().map(|change| change.value))?;
        let over_seeds = Interval::over_seeds(spread);
        let has_interval = self.comparison?.evidence.has_interval();
        Some(Change {
            value: spread.mean,
            clear: over_seeds.map(|interval| interval.excludes_zero()),
            interval: over_seeds
                .or_else(|| all.iter().find_map(|change| change.interval))
                .filter(|_| has_interval),
        })
    }

    /// What the data say of a change that has an interval, in words.
    pub fn verdict(&self, change: &Change) -> Option<String> {
        let interval = change.interval?;
        let (heading, unit) = (self.on_screen()?.1, self.comparison?.unit);
        let better = (change.value > 0.0) == (self.comparison?.better == Better::Higher);
        let verdict = match (interval.over, interval.excludes_zero()) {
            (Over::Seeds(_), true) if better => "better than the baseline",
            (Over::Seeds(_), true) => "worse than the baseline",
            (Over::Seeds(_), false) => "no clear change",
            (Over::Images, true) => {
                "holds for other test images; one seed cannot say whether it holds for other seeds"
            }
            (Over::Images, false) => "no clear change between these two trainings",
        };
        let over = match interval.over {
            Over::Seeds(n) => format!("{n} seeds"),
            Over::Images => "test images".into(),
        };
        Some(format!(
            "{} of {heading}, 95 % interval {interval} over {over}: {verdict}",
            unit.with_unit(change.value),
        ))
    }
}
