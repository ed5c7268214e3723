//! The summary: a line for each model with its changes against the baseline.

use serde::Serialize;

use super::table::{Sheet, Td, Th, columns_of, grouped, head, tr};
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

fn summary(table: &Table) -> Summary {
    let place = columns::PageTable::Summary;
    let lacks = Lacks::of(&table.lines);
    let front = Front::of(table);
    let columns: Vec<&Column> = columns_of(place, table.lines.iter().flat_map(|line| &line.rows))
        .into_iter()
        .filter(|column| has_figures(column, table))
        .collect();
    let heads = columns.iter().flat_map(|column| {
        let change = shown_comparison(column, table).map(|comparison| Th {
            text: "Δ".into(),
            tip: change_tip(comparison),
        });
        [head(place, column)].into_iter().chain(change)
    });
    let row = |index: usize| {
        let line = &table.lines[index];
        let cells = columns.iter().flat_map(|column| {
            let hidden = column.stage.is_some_and(|stage| lacks.hides(stage, line));
            let figure = match hidden {
                true => Td::default(),
                false => Td::entry(column.entry(&line.rows)),
            };
            let change = shown_comparison(column, table).map(|c| change(line, column, c));
            [figure].into_iter().chain(change)
        });
        let mut row = tr(&[], &line.rows);
        row.cells = cells.collect();
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
            heads: heads.collect(),
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

/// Whether a model has the figure, or should have had it and failed. What is empty for all models
/// is said in words.
fn has_figures(column: &Column, table: &Table) -> bool {
    table.lines.iter().any(|line| {
        matches!(
            column.entry(&line.rows),
            Entry::Value { .. } | Entry::Gap(Gap::Failed(_) | Gap::Stopped(_))
        )
    })
}

/// The comparison whose change stands beside the figure, if a model has one.
fn shown_comparison(column: &Column, table: &Table) -> Option<Comparison> {
    let mut lines = table.lines.iter();
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
