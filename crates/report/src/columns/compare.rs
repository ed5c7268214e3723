//! How a column is compared with the baseline.

use ablate_statistics::{mean, middle};

use super::Column;
use super::judge::{percent, rounds};
use crate::effort::Effort;
use crate::interval::{Interval, Over};
use crate::mark::{Better, Mark};
use crate::number;
use crate::rows::{Row, Rows};

/// How a column is compared with the baseline of the same family, scale and setting.
#[derive(Clone, Copy)]
pub struct Comparison {
    /// Name of the change in `results.csv`.
    pub csv: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// What a change is given in.
    pub unit: ChangeUnit,
    /// What a change is judged by.
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
        if self.evidence.has_interval_of_row() {
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
    /// Of a figure against the baseline's; None where it is no number.
    pub fn change(self, own: f64, base: f64) -> Option<f64> {
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

    /// `−3.0 … +1.2`, of percent with its sign.
    pub fn interval(self, interval: &Interval) -> String {
        let [low, high] = [interval.low, interval.high].map(number::points);
        match self {
            ChangeUnit::Percent => format!("{low} … {high} %"),
            ChangeUnit::Points => format!("{low} … {high}"),
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

/// What a change is judged by.
#[derive(Clone, Copy)]
pub enum Evidence {
    /// Arithmetic has no chance in it. The figure that decides: of GFLOPs the exact ones, since the
    /// published convention counts the same work differently in different modules.
    Exact(fn(&Row) -> Option<f64>),
    /// The rounds in which the models were timed in turn.
    Rounds,
    /// Trainings under several seeds.
    Seeds,
    /// As `Seeds`, and the test images are resampled: the figures (0 to 1) that this gives.
    SeedsAndImages(for<'a> fn(&Row<'a>) -> &'a [Option<f64>]),
}

impl Evidence {
    /// Whether the interval of a change is shown beside it.
    pub fn has_interval(self) -> bool {
        matches!(self, Evidence::Rounds | Evidence::SeedsAndImages(_))
    }

    /// Whether the change of a single row has an interval: over test images.
    pub fn has_interval_of_row(self) -> bool {
        matches!(self, Evidence::SeedsAndImages(_))
    }
}

/// A change against the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Percent or points.
    pub value: f64,
    /// The verdict.
    pub mark: Mark,
    /// 95 % confidence interval, in the unit of the change.
    pub interval: Option<Interval>,
    /// If nothing can be told: why, and what would help.
    pub outlook: Option<Outlook>,
}

impl Change {
    /// In words, with what would help where nothing can be told.
    pub fn verdict(&self) -> String {
        let meaning = self.mark.meaning();
        match (self.mark, self.outlook) {
            (_, None) => meaning.into(),
            (Mark::Unlearnt, Some(outlook)) => outlook.words(),
            (_, Some(outlook)) => format!("{meaning}: {}", outlook.words()),
        }
    }
}

/// Why nothing can be told of a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outlook {
    /// So many seeds of each model would tell, if difference and spread stay as they are.
    Seeds(usize),
    /// A hundred seeds would not.
    NoSeeds,
    /// However many seeds there are, the test images leave the interval so wide: half of it, in
    /// points.
    Images(f64),
    /// One seed has no spread.
    OneSeed,
    /// Neither the model nor the baseline finds anything, after so much training of the model.
    NothingLearnt(Option<Effort>),
    /// At one of the scales that a mean is over, neither the model nor the baseline finds anything.
    ScaleUnlearnt,
    /// Not timed in the same rounds as the baseline, or in too few.
    FewRounds,
    /// The rounds differ by more than the models do.
    RoundsDiffer,
}

impl Outlook {
    /// In words, after "can't tell".
    pub fn words(self) -> String {
        match self {
            Outlook::Seeds(seeds) => format!(
                "about {seeds} seeds of each model would tell, if difference and spread stay as they are"
            ),
            Outlook::NoSeeds => {
                "a hundred seeds would not tell, if difference and spread stay as they are".into()
            }
            Outlook::Images(half) => format!(
                "a hundred seeds would not tell, if the difference stays as it is: the test images alone leave ±{half:.1} points"
            ),
            Outlook::OneSeed => "one seed has no spread".into(),
            Outlook::ScaleUnlearnt => "at one of the scales neither network has learnt".into(),
            Outlook::NothingLearnt(None) => "neither network has learnt".into(),
            Outlook::NothingLearnt(Some(effort)) => {
                format!("neither network has learnt ({})", effort.words())
            }
            Outlook::RoundsDiffer => "a quieter machine or more time (limit_s) would tell".into(),
            Outlook::FewRounds => {
                "not timed in the same rounds as the baseline, or in too few".into()
            }
        }
    }
}

impl Column {
    /// The change of one row, with its interval over test images; None for a baseline, and if either
    /// side was not measured, or not in the same way.
    pub fn change_of_row(&self, rows: &Rows, row: &Row) -> Option<(f64, Option<Interval>)> {
        let comparison = self.comparison?;
        let base = rows.baseline(self.stage?, row)?;
        let figure = |row: &Row| (self.value)(row)?.number();
        let value = comparison.unit.change(figure(row)?, figure(base)?)?;
        Some(match comparison.evidence {
            Evidence::Exact(_) | Evidence::Seeds => (value, None),
            // Round by round, so that what slowed both down says nothing.
            Evidence::Rounds => match rounds(rows, row, self.stage?) {
                Some(logs) => (percent(middle(&logs)?), None),
                None => (value, None),
            },
            Evidence::SeedsAndImages(resampled) => {
                let points = |row: &Row| -> Vec<Option<f64>> {
                    let figures = resampled(row).iter();
                    figures
                        .map(|figure| figure.map(|share| 100.0 * share))
                        .collect()
                };
                (value, Interval::over_images(&points(row), &points(base)))
            }
        })
    }

    /// What the data say of a change of accuracy, in words.
    pub fn verdict(&self, change: &Change) -> Option<String> {
        let comparison = self.comparison?;
        if !comparison.evidence.has_interval() {
            return None;
        }
        // Its unit stands beside the figure.
        let heading = comparison.glance?.split(',').next()?;
        let value = comparison.unit.with_unit(change.value);
        let Some(interval) = change.interval else {
            return Some(format!("{heading} {value}: {}", change.verdict()));
        };
        let verdict = match (interval.over, change.mark) {
            (_, Mark::Unlearnt) => change.verdict(),
            (Over::Images, _) => format!(
                "can't tell: {}, {}",
                if interval.excludes_zero() {
                    "it holds for other test images"
                } else {
                    "other test images might say otherwise"
                },
                change.outlook.map_or_else(String::new, Outlook::words)
            ),
            (_, Mark::Better) => "better than the baseline".into(),
            (_, Mark::Worse) => "worse than the baseline".into(),
            (_, Mark::Same) => "as good as the baseline".into(),
            (_, Mark::Open) => change.verdict(),
        };
        Some(format!(
            "{heading} {value}, 95 % interval {} over {}: {verdict}",
            comparison.unit.interval(&interval),
            interval.over.words(),
        ))
    }
}
