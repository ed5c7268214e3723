//! The summary: a line for each model with its changes against the baseline.

use serde::Serialize;

use super::table::{Sheet, Td, Th, Tr, columns_of, grouped, head, tr};
use crate::columns::{self, Column, Comparison, Entry};
use crate::lacks::Lacks;
use crate::many::{best_first, is_many};
use crate::pareto::{Front, MEANING};
use crate::rows::Gap;
use crate::summary::{Line, Table};

/// A table of the models of one setting, with what is said of all of them.
#[derive(Serialize)]
pub struct Summary {
    sheet: Sheet,
    /// What the front is of, or why there is none.
    front: String,
    /// What models lack.
    lacks: Vec<String>,
}

/// The tables, by setting. The models of a scale stand as variants do, or the best first if there
/// are many.
pub fn summaries(tables: &[Table]) -> Vec<Summary> {
    tables.iter().map(summary).collect()
}

impl From<Sheet> for Summary {
    /// Nothing is said of it.
    fn from(sheet: Sheet) -> Self {
        Self {
            sheet,
            front: String::new(),
            lacks: Vec::new(),
        }
    }
}

fn summary(table: &Table) -> Summary {
    let lacks = Lacks::of(&table.lines);
    let front = Front::of(table);
    let shown = Shown::of(table.lines.iter().collect());
    let row = |index: usize| {
        let line = &table.lines[index];
        let mut row = shown.row(line, Some(&lacks));
        row.front = front.as_ref().is_some_and(|front| front.has(index));
        (line.cell(), row)
    };
    let mut order: Vec<usize> = (0..table.lines.len()).collect();
    if is_many(table) {
        order = best_first(table);
        // Scale by scale as before, and within each the best first.
        order.sort_by_key(|&index| {
            let cell = table.lines[index].cell();
            (&cell.family, crate::rows::scale_order(&cell.scale))
        });
    }
    Summary {
        sheet: Sheet {
            title: table.setting.title(),
            first: "Model",
            heads: shown.heads(),
            groups: grouped(order.into_iter().map(row)),
        },
        front: match &front {
            Some(front) => format!(
                "{} on the Pareto front of mAP50-95 and {}. {MEANING}",
                crate::many::models(front.len()),
                front.cost.name()
            ),
            None => String::new(),
        },
        lacks: lacks.sentences(),
    }
}

/// The columns that a summary of some models has, each with its change if one has any.
pub struct Shown(Vec<(&'static Column, Option<Comparison>)>);

impl Shown {
    /// For these models.
    pub fn of(lines: Vec<&Line>) -> Self {
        let place = columns::PageTable::Summary;
        let all = columns_of(place, lines.iter().flat_map(|line| &line.rows));
        let shown = all.into_iter().filter(|column| has_figures(column, &lines));
        let shown = shown.map(|column| (column, shown_comparison(column, &lines)));
        Self(shown.collect())
    }

    /// Their headings, and those of the changes.
    pub fn heads(&self) -> Vec<Th> {
        let heads = self.0.iter().flat_map(|(column, comparison)| {
            let change = comparison.map(|comparison| Th {
                text: "Δ".into(),
                tip: change_tip(comparison),
            });
            [head(columns::PageTable::Summary, column)]
                .into_iter()
                .chain(change)
        });
        heads.collect()
    }

    /// Their entries for a model; what is said of all in words stays empty.
    pub fn row<'a>(&self, line: &Line<'a>, lacks: Option<&Lacks<'a>>) -> Tr {
        let cells = self.0.iter().flat_map(|(column, comparison)| {
            let hides = |stage| lacks.is_some_and(|lacks| lacks.hides(stage, line));
            let figure = match column.stage.is_some_and(hides) {
                true => Td::default(),
                false => Td::entry(column.entry(&line.rows)),
            };
            let change = comparison.map(|comparison| change(line, column, comparison));
            [figure].into_iter().chain(change)
        });
        let mut row = tr(&[], &line.rows);
        row.cells = cells.collect();
        row
    }
}

/// Whether a model has the figure, or should have had it and failed. What is empty for all models
/// is said in words.
fn has_figures(column: &Column, lines: &[&Line]) -> bool {
    lines.iter().any(|line| {
        matches!(
            column.entry(&line.rows),
            Entry::Value { .. } | Entry::Gap(Gap::Failed(_) | Gap::Stopped(_))
        )
    })
}

/// The comparison whose change stands beside the figure, if a model has one.
fn shown_comparison(column: &Column, lines: &[&Line]) -> Option<Comparison> {
    let mut lines = lines.iter();
    let comparison = column
        .comparison
        .filter(|comparison| comparison.rank.is_some())?;
    lines
        .any(|line| line.change(column).is_some())
        .then_some(comparison)
}

fn change_tip(comparison: Comparison) -> String {
    let unit = comparison.unit.word();
    let interval = if comparison.evidence.has_interval() {
        ", with its 95 % interval"
    } else {
        ""
    };
    format!("change against the baseline of the same scale, {unit}{interval}")
}

/// The change beside a figure, with its interval; empty if the model has none.
fn change(line: &Line, column: &Column, comparison: Comparison) -> Td {
    let Some(change) = line.change(column) else {
        return Td::default();
    };
    let td = Td::change(comparison, change);
    match (change.interval, column.verdict(change)) {
        (Some(interval), Some(verdict)) => {
            td.note(comparison.unit.interval(&interval)).tip(verdict)
        }
        _ => td,
    }
}
