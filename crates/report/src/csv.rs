//! `results.csv`: one row per cell, empty where nothing was measured.
//!
//! Figures are unrounded; mAP is 0 to 1 as COCO gives it, and changes against the baseline are in
//! percent, of mAP in points. Text that a spreadsheet would run as a formula gets an apostrophe in
//! front, and a line break in it becomes a space.

use std::collections::HashMap;

use anyhow::Result;

use crate::columns::{self, AtCost, Comparison, SameCost, Value};
use crate::interval::Interval;
use crate::rows::{Row, Rows};
use crate::summary::{Line, Table};
use ablate_records::Cell;

/// The whole file, with its header.
pub fn render(rows: &Rows, tables: &[Table]) -> Result<Vec<u8>> {
    let lines = tables.iter().flat_map(|table| &table.lines);
    let lines: HashMap<&Cell, &Line> = lines
        .flat_map(|line| line.rows.iter().map(move |row| (row.cell, line)))
        .collect();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut names = Vec::new();
    for (place, part) in columns::PARTS.iter().enumerate() {
        names.extend(header(part, rows));
        if place == 0 {
            let gains = SameCost::ALL.into_iter().flat_map(SameCost::columns);
            names.extend(gains.map(|column| column.csv.to_string()));
        }
    }
    writer.write_record(names)?;
    for row in &rows.rows {
        let line = lines.get(row.cell);
        let mut all = Vec::new();
        for (place, part) in columns::PARTS.iter().enumerate() {
            all.extend(fields(part, rows, row));
            if place == 0 {
                let gain = |cost| gain_fields(line.and_then(|line| line.at_same(cost)));
                all.extend(SameCost::ALL.into_iter().flat_map(gain));
            }
        }
        writer.write_record(all)?;
    }
    Ok(writer.into_inner().map_err(|error| error.into_error())?)
}

/// The names of a part's columns, then of their changes.
fn header(part: &[columns::Column], rows: &Rows) -> Vec<String> {
    let in_csv = part.iter().filter(|column| column.is_in_csv(rows));
    let names = in_csv.map(|column| column.csv.to_string());
    let changes = part.iter().filter_map(|column| column.comparison);
    names
        .chain(changes.flat_map(|c| c.csv_columns()).map(|(name, _)| name))
        .collect()
}

/// The fields of a row, in the order of the header.
fn fields(part: &[columns::Column], rows: &Rows, row: &Row) -> Vec<String> {
    let in_csv = part.iter().filter(|column| column.is_in_csv(rows));
    let values = in_csv.map(|column| (column.value)(row).map(field).unwrap_or_default());
    let compared = part
        .iter()
        .filter_map(|column| Some((column, column.comparison?)));
    let changes = compared.flat_map(|(column, comparison)| {
        change_fields(comparison, column.change_of_row(rows, row))
    });
    values.chain(changes).collect()
}

/// The interval of one row is over test images, of its seed alone.
fn change_fields(comparison: Comparison, change: Option<(f64, Option<Interval>)>) -> Vec<String> {
    let mut fields = vec![rounded(change.map(|(value, _)| value))];
    if comparison.evidence.has_interval_of_row() {
        let interval = change.and_then(|(_, interval)| interval);
        fields.push(rounded(interval.map(|interval| interval.low)));
        fields.push(rounded(interval.map(|interval| interval.high)));
    }
    fields
}

/// A gain over the baseline at the same cost, which the seeds of a model share, and the ends of its
/// interval.
fn gain_fields(found: Option<&AtCost>) -> [String; 3] {
    let change = match found {
        Some(AtCost::Between(gain)) => Some(gain.change),
        _ => None,
    };
    let interval = change.and_then(|change| change.interval);
    [
        change.map(|change| change.value),
        interval.map(|interval| interval.low),
        interval.map(|interval| interval.high),
    ]
    .map(rounded)
}

/// Ten decimals: without the tail that a subtraction of binary fractions leaves.
pub fn rounded(value: Option<f64>) -> String {
    value
        .map(|value| ((value * 1e10).round() / 1e10 + 0.0).to_string())
        .unwrap_or_default()
}

fn field(value: Value) -> String {
    match value {
        Value::Text(text) => escaped(&text),
        Value::Count(n) => n.to_string(),
        Value::Number(x) => x.to_string(),
    }
}

/// Without what a spreadsheet would run.
pub fn escaped(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r']) {
        format!("'{line}")
    } else {
        line
    }
}
