//! The tables that compare models with their baseline.

use std::collections::{BTreeMap, BTreeSet};

use ablate_records::Judging;
use serde::Serialize;

use super::table::{Group, Sheet, Td, Th, Tr};
use crate::columns::{self, ChangeUnit, Column};
use crate::many::is_many;
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
            front: false,
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
    /// The table, where another one says something else of the same model and column.
    setting: String,
}

/// One for each change that has an interval; none of a table of many variants, whose summary has them
/// in its tooltips.
pub fn verdicts(tables: &[Table]) -> Vec<Verdict> {
    let few = tables.iter().filter(|table| !is_many(table));
    let of_table = |table: &Table| -> Vec<(&'static str, Verdict)> {
        let of_line = |line: &Line| -> Vec<(&'static str, Verdict)> {
            let texts = columns::all()
                .filter_map(|column| Some((column.csv, column.verdict(line.change(column)?)?)));
            let verdict = |text| Verdict {
                model: line.name(),
                text,
                setting: table.setting.title(),
            };
            texts.map(|(csv, text)| (csv, verdict(text))).collect()
        };
        table.lines.iter().flat_map(of_line).collect()
    };
    let mut all: Vec<(&str, Verdict)> = few.flat_map(of_table).collect();
    // A training that is timed on two devices has one verdict.
    let mut seen = BTreeSet::new();
    all.retain(|(_, it)| seen.insert((it.model.clone(), it.text.clone())));
    let mut times: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (csv, it) in &all {
        *times.entry((csv, it.model.clone())).or_default() += 1;
    }
    let mut verdicts = Vec::with_capacity(all.len());
    for (csv, mut it) in all {
        if times[&(csv, it.model.clone())] == 1 {
            it.setting.clear();
        }
        verdicts.push(it);
    }
    verdicts
}
