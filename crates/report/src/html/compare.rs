//! The tables that compare models with their baseline.

use std::collections::BTreeSet;

use ablate_records::Judging;
use serde::Serialize;

use super::table::{Group, Sheet, Td, Th, Tr, columns_of, grouped, head, tr};
use crate::columns::{self, ChangeUnit, Column, Comparison};
use crate::summary::{Glance, Line, Table, glances};

/// Mean change of each variant over the scales.
pub fn means(tables: &[Table], judging: &Judging) -> Vec<Sheet> {
    let sheets = tables.iter().map(|table| {
        let glances = glances(table, judging);
        let of_table = |column: &Column| {
            let lines = table.lines.iter();
            column.is_relevant(lines.flat_map(|line| &line.rows))
        };
        let columns = columns::at_a_glance().filter(|(column, _)| of_table(column));
        let columns: Vec<_> = columns.collect();
        let families: BTreeSet<&str> = glances.iter().map(|glance| glance.family).collect();
        let rows = glances.iter().map(|glance| Tr {
            name: if families.len() > 1 {
                format!("{} {}", glance.family, glance.variant)
            } else {
                glance.variant.to_string()
            },
            baseline: false,
            cells: columns
                .iter()
                .map(|(column, _)| mean(glance, column, judging))
                .collect(),
        });
        let groups = vec![Group {
            name: String::new(),
            rows: rows.collect(),
        }];
        let heads = columns.iter().map(|(column, heading)| Th {
            text: (*heading).into(),
            tip: mean_tip(column),
        });
        Sheet {
            title: table.setting.title(),
            first: "Variant",
            heads: heads.collect(),
            groups,
        }
    });
    sheets
        .filter(|sheet| !sheet.groups[0].rows.is_empty())
        .collect()
}

fn mean(glance: &Glance, column: &Column, judging: &Judging) -> Td {
    let (Some(comparison), Some(mean)) = (column.comparison, glance.mean(column, judging)) else {
        let gap = column.stage.and_then(|stage| glance.gap(stage));
        return gap.map_or_else(|| Td::empty("–", "not measured on both sides"), Td::gap);
    };
    let (n, s) = (mean.scales, if mean.scales == 1 { "" } else { "s" });
    Td::change(comparison, &mean.change)
        .tip(format!("mean over {n} scale{s}, {:+.2}", mean.change.value))
        .note(format!("×{n}"))
}

fn mean_tip(column: &Column) -> String {
    let mean = match column.comparison.map(|comparison| comparison.unit) {
        Some(ChangeUnit::Percent) => "geometric mean of the change over the scales",
        _ => "mean change over the scales",
    };
    format!("{}: {mean}", column.tip)
}

/// What the data say of a model's change, in words.
#[derive(Serialize)]
pub struct Verdict {
    model: String,
    text: String,
}

/// One for each change that has an interval.
pub fn verdicts(tables: &[Table]) -> Vec<Verdict> {
    let lines = tables.iter().flat_map(|table| &table.lines);
    let of_line = |line: &Line| -> Vec<Verdict> {
        let texts = columns::all().filter_map(|column| column.verdict(line.change(column)?));
        texts
            .map(|text| Verdict {
                model: line.name(),
                text,
            })
            .collect()
    };
    let mut verdicts: Vec<Verdict> = lines.flat_map(of_line).collect();
    // A training that is timed on two devices has one verdict.
    verdicts.dedup_by(|a, b| (&a.model, &a.text) == (&b.model, &b.text));
    verdicts
}

/// The summary: a line for each model with its changes against the baseline.
pub fn summaries(tables: &[Table]) -> Vec<Sheet> {
    let sheet = |table: &Table| {
        let columns = summary_columns(table.lines.iter());
        let row = |line: &Line| summary_row(&columns, line);
        Sheet {
            title: table.setting.title(),
            first: "Model",
            heads: summary_heads(&columns),
            groups: grouped(table.lines.iter().map(|line| (line.cell(), row(line)))),
        }
    };
    tables.iter().map(sheet).collect()
}

/// The columns of a summary of these lines.
pub fn summary_columns<'l, 'a: 'l>(
    lines: impl Iterator<Item = &'l Line<'a>> + Clone,
) -> Vec<&'static Column> {
    let place = columns::PageTable::Summary;
    columns_of(place, lines.flat_map(|line| &line.rows))
}

/// Their headings, and those of the changes.
pub fn summary_heads(columns: &[&Column]) -> Vec<Th> {
    let heads = columns.iter().flat_map(|column| {
        let change = shown_comparison(column).map(|comparison| Th {
            text: "Δ".into(),
            tip: change_tip(comparison),
        });
        [head(columns::PageTable::Summary, column)]
            .into_iter()
            .chain(change)
    });
    heads.collect()
}

/// Their entries for a model.
pub fn summary_row(columns: &[&Column], line: &Line) -> Tr {
    let cells = columns.iter().flat_map(|column| {
        let figure = Td::entry(column.entry(&line.rows));
        [figure].into_iter().chain(change(line, column))
    });
    Tr {
        cells: cells.collect(),
        ..tr(&[], &line.rows)
    }
}

/// The comparison whose change stands beside the figure.
fn shown_comparison(column: &Column) -> Option<Comparison> {
    column
        .comparison
        .filter(|comparison| comparison.rank.is_some())
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

/// The change beside a figure, with its interval; None if the column has none.
fn change(line: &Line, column: &Column) -> Option<Td> {
    let comparison = shown_comparison(column)?;
    let Some(change) = line.change(column) else {
        return Some(Td::default());
    };
    let td = Td::change(comparison, change);
    Some(match (change.interval, column.verdict(change)) {
        (Some(interval), Some(verdict)) => {
            td.note(comparison.unit.interval(&interval)).tip(verdict)
        }
        _ => td,
    })
}
