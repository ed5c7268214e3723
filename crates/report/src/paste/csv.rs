//! A table as CSV: a line for each model and setting, figures unrounded as in `results.csv`, and
//! with each change its interval and its verdict in words.

use anyhow::Result;

use super::Fields;
use super::fields::{End, Field, stem};
use super::sheet;
use crate::columns::{Change, Column, Value};
use crate::csv::{escaped, rounded};
use crate::summary::{Line, Table};
use ablate_statistics::Spread;

/// All lines of all tables.
pub fn render(tables: &[Table], fields: &Fields, scales: &[String]) -> Result<String> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let head = fields.iter().flat_map(names);
    writer.write_record(["model".to_string()].into_iter().chain(head))?;
    let lines = tables.iter().flat_map(|table| &table.lines);
    for line in lines.filter(|line| scales.is_empty() || scales.contains(&line.cell().scale)) {
        let model = escaped(&line.cell().model);
        let entries = fields.iter().flat_map(|field| entries(line, field));
        writer.write_record([model].into_iter().chain(entries))?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8(bytes)?)
}

/// The names of a field's columns.
fn names(field: &Field) -> Vec<String> {
    match field {
        Field::Figure(column) if column.mean_of_seeds => {
            let name = column.csv;
            vec![name.into(), format!("{name}_std"), format!("{name}_seeds")]
        }
        Field::Figure(column) => vec![column.csv.into()],
        Field::Change(_, comparison) => {
            let stem = stem(comparison);
            let ends = ["low", "high", "verdict"].map(|end| format!("{stem}_{end}"));
            [comparison.csv.to_string()]
                .into_iter()
                .chain(ends)
                .collect()
        }
        Field::End(_, comparison, end) => {
            let end = if *end == End::Low { "low" } else { "high" };
            vec![format!("{}_{end}", stem(comparison))]
        }
    }
}

fn entries(line: &Line, field: &Field) -> Vec<String> {
    match field {
        Field::Figure(column) if column.mean_of_seeds => {
            let values = sheet::values(line, column);
            let spread = Spread::of(values.iter().filter_map(Value::number));
            let count = spread.map(|spread| spread.n.to_string());
            vec![
                rounded(spread.map(|spread| spread.mean)),
                rounded(spread.and_then(|spread| spread.std)),
                count.unwrap_or_default(),
            ]
        }
        Field::Figure(column) => vec![figure(line, column)],
        Field::Change(column, _) => {
            let change = line.change(column);
            let interval = change.and_then(|change| change.interval);
            vec![
                rounded(change.map(|change| change.value)),
                rounded(interval.map(|interval| interval.low)),
                rounded(interval.map(|interval| interval.high)),
                change.map(Change::verdict).unwrap_or_default(),
            ]
        }
        Field::End(column, _, end) => {
            let interval = line.change(column).and_then(|change| change.interval);
            let end = interval.map(|interval| match end {
                End::Low => interval.low,
                End::High => interval.high,
            });
            vec![rounded(end)]
        }
    }
}

/// What all seeds share; of numbers that differ, their mean; of names that differ, all.
fn figure(line: &Line, column: &Column) -> String {
    let values = sheet::values(line, column);
    let numbers = values.iter().filter_map(|value| match value {
        Value::Number(x) => Some(*x),
        _ => None,
    });
    if let Some(spread) = Spread::of(numbers) {
        return rounded(Some(spread.mean));
    }
    let mut texts: Vec<String> = Vec::new();
    for value in values {
        let text = match value {
            Value::Text(text) => escaped(&text),
            Value::Count(n) => n.to_string(),
            Value::Number(x) => x.to_string(),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join(" ")
}
