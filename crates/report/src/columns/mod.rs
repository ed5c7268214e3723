//! The columns of the report: `results.csv`, the screen and the page's tables are made from one
//! table of them.
//!
//! A new column is one row of [`results`], [`details`] or [`detect`]: its name, unit, description, value,
//! format, comparison with the baseline, and where it is shown.

mod compare;
mod details;
mod detect;
mod family;
mod gain;
mod judge;
mod results;
mod trained;
mod value;

pub use compare::{Change, ChangeUnit, Comparison, Evidence, Outlook};
pub use gain::{AtCost, Gain, SameCost, gains};
pub use judge::{LATENCY_MARGIN, LEARNT};
pub use results::SOURCE;
pub use value::{Entry, Format, Value};

use crate::rows::{Row, Rows};
use ablate_records::Stage;

/// All columns, in the order of `results.csv`: what a sweep is run for, then the details. The
/// changes against the baseline follow the part that their columns are in.
pub const PARTS: [&[Column]; 3] = [results::COLUMNS, details::COLUMNS, detect::COLUMNS];

/// All columns, in order.
pub fn all() -> impl Iterator<Item = &'static Column> {
    PARTS.into_iter().flatten()
}

/// The columns whose mean change over the scales is shown "At a glance", with their heading there.
pub fn at_a_glance() -> impl Iterator<Item = (&'static Column, &'static str)> {
    all().filter_map(|column| Some((column, column.comparison?.glance?)))
}

/// A place where a column is shown, and its heading there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The table on the screen; columns with the highest rank are left out first, those of rank 0
    /// never.
    Screen(u8, &'static str),
    /// A table of the page.
    Page(PageTable, &'static str),
}

/// A table of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageTable {
    /// One line per model and setting.
    Summary,
    /// One line per timed model.
    Latency,
    /// One line per model that was timed from image to boxes.
    Detect,
    /// One line per training.
    Training,
    /// One line per cell: the keys of its records.
    Records,
}

/// A column: what it is, where its value comes from and where it is shown.
#[derive(Clone, Copy)]
pub struct Column {
    /// Name in `results.csv`; empty if the column is shown on the page or the screen only.
    pub csv: &'static str,
    /// `ms`, `MiB`, `px`; empty if it has none.
    pub unit: &'static str,
    /// What it is, in words.
    pub tip: &'static str,
    /// The value of one cell of the sweep; None if it was not measured.
    pub value: fn(&Row) -> Option<Value>,
    /// How page and screen write it; `results.csv` has it unrounded.
    format: Format,
    /// The stage that measures it. An empty entry says why the stage has no figure.
    pub stage: Option<Stage>,
    /// Whether the models of several seeds show the mean over their evaluated seeds; else the first
    /// that has a value counts.
    pub mean_of_seeds: bool,
    /// A smaller text beside the value.
    note: fn(&Row) -> Option<String>,
    /// A tooltip of the value.
    hover: fn(&Row) -> Option<String>,
    /// Tooltip of an entry that is empty for no reason of its stage.
    absent: &'static str,
    /// Tables in which no row satisfies this leave the column out.
    relevant: fn(&Row) -> bool,
    /// How it is compared with the baseline; None if it is not.
    pub comparison: Option<Comparison>,
    places: &'static [Place],
}

/// What a sentence calls what a stage times; None if it times nothing.
pub fn timed(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Latency => Some("latency"),
        Stage::Detect => Some("detection time"),
        _ => None,
    }
}

impl Column {
    /// A column of `results.csv` that is not shown anywhere else.
    const fn csv(
        csv: &'static str,
        unit: &'static str,
        tip: &'static str,
        value: fn(&Row) -> Option<Value>,
    ) -> Self {
        Self {
            csv,
            unit,
            tip,
            value,
            format: Format::Plain,
            stage: None,
            mean_of_seeds: false,
            note: |_| None,
            hover: |_| None,
            absent: "",
            relevant: |_| true,
            comparison: None,
            places: &[],
        }
    }

    /// A column that `results.csv` does not have: other columns of it say the same.
    const fn shown_only(tip: &'static str, value: fn(&Row) -> Option<Value>) -> Self {
        Self::csv("", "", tip, value)
    }

    const fn on(self, places: &'static [Place]) -> Self {
        Self { places, ..self }
    }

    const fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    const fn stage(self, stage: Stage) -> Self {
        Self {
            stage: Some(stage),
            ..self
        }
    }

    const fn mean_of_seeds(self) -> Self {
        Self {
            mean_of_seeds: true,
            ..self
        }
    }

    const fn note(self, note: fn(&Row) -> Option<String>) -> Self {
        Self { note, ..self }
    }

    const fn hover(self, hover: fn(&Row) -> Option<String>) -> Self {
        Self { hover, ..self }
    }

    const fn absent(self, absent: &'static str) -> Self {
        Self { absent, ..self }
    }

    const fn relevant(self, relevant: fn(&Row) -> bool) -> Self {
        Self { relevant, ..self }
    }

    const fn compared(self, comparison: Comparison) -> Self {
        Self {
            comparison: Some(comparison),
            ..self
        }
    }

    /// The heading in a table of the page; None if the table does not have the column.
    pub fn heading(&self, table: PageTable) -> Option<&'static str> {
        self.places.iter().find_map(|place| match place {
            Place::Page(of, heading) if *of == table => Some(*heading),
            _ => None,
        })
    }

    /// Rank and heading on the screen; None if it is not there.
    pub fn on_screen(&self) -> Option<(u8, &'static str)> {
        self.places.iter().find_map(|place| match place {
            Place::Screen(rank, heading) => Some((*rank, *heading)),
            Place::Page(..) => None,
        })
    }

    /// Whether `results.csv` has it: that of one sweep does not name the sweep.
    pub fn is_in_csv(&self, rows: &Rows) -> bool {
        !self.csv.is_empty() && (self.csv != SOURCE || rows.is_union())
    }

    /// Whether a table of these rows needs the column.
    pub fn is_relevant<'r, 'a: 'r>(&self, mut rows: impl Iterator<Item = &'r Row<'a>>) -> bool {
        rows.any(|row| (self.relevant)(row))
    }

    /// The unit that page and screen show it in; empty if it has none.
    pub fn shown_unit(&self) -> &'static str {
        self.format.unit().unwrap_or(self.unit)
    }

    /// What a sentence calls what is judged.
    pub fn noun(&self) -> &'static str {
        self.stage.and_then(timed).unwrap_or("mAP50-95")
    }

    /// What it is and the unit that the page shows it in, for a tooltip.
    pub fn description(&self) -> String {
        match self.shown_unit() {
            "" => self.tip.into(),
            unit => format!("{}, {unit}", self.tip),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own_a_description_and_a_place() {
        let mut names = BTreeSet::new();
        for column in all() {
            assert!(!column.tip.is_empty(), "{} has no description", column.csv);
            assert!(
                !column.csv.is_empty() || !column.places.is_empty(),
                "{} is shown nowhere",
                column.tip
            );
            let change = column.comparison.map(|comparison| comparison.csv);
            for name in [column.csv].into_iter().chain(change) {
                assert!(name.is_empty() || names.insert(name), "{name} occurs twice");
            }
        }
    }

    #[test]
    fn what_is_compared_has_a_name_and_a_stage() {
        let compared = all().filter(|column| column.comparison.is_some());
        for column in compared {
            assert!(!column.csv.is_empty(), "{} has no name", column.tip);
            assert!(column.stage.is_some(), "{} has no stage", column.csv);
        }
    }
}
