//! The summary of several sweeps: each model once for each of them.

use std::collections::BTreeSet;

use super::summary::{Shown, Summary};
use super::table::{Sheet, Td, Th, grouped};
use crate::rows::{scale_order, variant_order};
use crate::summary::{Line, Table};

/// One table of all models of all sweeps, those of one name next to each other.
pub fn summaries(tables: &[Table]) -> Vec<Summary> {
    let lines = tables
        .iter()
        .flat_map(|table| table.lines.iter().map(move |line| (table, line)));
    let mut lines: Vec<(&Table, &Line)> = lines.collect();
    lines.sort_by_key(|(table, line)| {
        let cell = line.cell();
        (
            &cell.family,
            scale_order(&cell.scale),
            variant_order(&cell.variant),
            table.setting,
        )
    });
    let shown = Shown::of(lines.iter().map(|(_, line)| *line).collect());
    let of_sweeps = [
        ("Sweep", "folder; its setting is the tooltip of each row"),
        ("Device", "device that the model ran on"),
    ];
    let heads = of_sweeps.map(|(text, tip)| Th {
        text: text.into(),
        tip: tip.into(),
    });
    // What is the same everywhere needs no place.
    let mut common = tables.iter().map(parts);
    let first = common.next().unwrap_or_default();
    let common = common.fold(first, |known, parts| &known & &parts);
    let row = |table: &Table, line: &Line| {
        let mut row = shown.row(line, None);
        let text = |text: &str| Td {
            text: text.into(),
            tip: table.setting.title(),
            ..Td::default()
        };
        let own = &parts(table) - &common;
        let note = Vec::from_iter(own).join(", ");
        let sweep = text(line.rows[0].source).note(note);
        row.cells.splice(0..0, [sweep, text(&line.cell().device)]);
        row
    };
    let rows = lines
        .iter()
        .map(|(table, line)| (line.cell(), row(table, line)));
    let groups = grouped(rows);
    if groups.is_empty() {
        return Vec::new();
    }
    let sheet = Sheet {
        title: String::new(),
        first: "Model",
        heads: heads.into_iter().chain(shown.heads()).collect(),
        groups,
    };
    vec![sheet.into()]
}

/// The parts of the setting, without sweep and device: `batch 1`, `latency at 320 px`.
fn parts(table: &Table) -> BTreeSet<String> {
    let title = table.setting.title();
    let parts = title.split(" · ").flat_map(|part| part.split(", "));
    let device = table.setting.device;
    parts
        .filter(|part| *part != device)
        .map(String::from)
        .collect()
}
