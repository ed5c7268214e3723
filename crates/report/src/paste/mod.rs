//! The table as people paste it: Markdown for a README, LaTeX for a paper, CSV for a spreadsheet.
//!
//! A line is a model with all its seeds, so unlike in `results.csv` there are verdicts in it. What
//! the figures are and what the signs mean is said with each table, which travels without its page.

mod best;
mod caption;
mod csv;
mod fields;
mod latex;
mod markdown;
mod sheet;

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use self::fields::Field;
use self::sheet::Sheet;
use crate::rows::Rows;
use crate::summary::tables;

/// What a table is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// GitHub's Markdown.
    Markdown,
    /// LaTeX with booktabs.
    Latex,
    /// CSV, figures unrounded.
    Csv,
}

/// Which table.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions<'a> {
    /// What it is written for.
    pub format: TableFormat,
    /// Columns by their names in `results.csv`, behind the model; empty for a choice of ours.
    pub columns: &'a [String],
    /// The scales that are shown; empty for all. Verdicts are those of all scales.
    pub scales: &'a [String],
}

/// The tables of a report, one for each setting, in CSV one for all.
pub(crate) fn render(title: &str, rows: &Rows, options: &TableOptions) -> Result<String> {
    let TableOptions {
        format,
        columns,
        scales,
    } = *options;
    check_scales(rows, scales)?;
    let tables = tables(rows);
    let chosen = match columns {
        [] => None,
        names => Some(fields::by_names(names)?),
    };
    if format == TableFormat::Csv {
        let fields = chosen.unwrap_or_else(|| fields::for_csv(rows));
        return csv::render(&tables, &fields, scales);
    }
    let sheets = tables.iter().filter_map(|table| {
        let fields = match &chosen {
            Some(fields) => fields.clone(),
            None => fields::by_default(table),
        };
        // Several tables of one title are told apart by their settings.
        let title = match tables.len() {
            1 => title.to_string(),
            _ => format!("{title}: {}", table.setting.title()),
        };
        Sheet::of(title, rows, table, &fields, scales)
    });
    let write = match format {
        TableFormat::Latex => latex::render,
        _ => markdown::render,
    };
    let texts: Vec<String> = (1..)
        .zip(sheets)
        .map(|(number, sheet)| write(&sheet, &label(title, number)))
        .collect();
    match texts.is_empty() {
        true => bail!("expected records, found none: the sweep has measured nothing yet"),
        false => Ok(texts.join("\n")),
    }
}

/// Rejects a scale that no model has.
fn check_scales(rows: &Rows, scales: &[String]) -> Result<()> {
    let known: BTreeSet<&str> = rows
        .rows
        .iter()
        .map(|row| row.cell.scale.as_str())
        .collect();
    match scales.iter().find(|scale| !known.contains(scale.as_str())) {
        Some(scale) => {
            let known: Vec<&str> = known.into_iter().collect();
            bail!(
                "--scale: unknown scale '{scale}'; known: {}",
                known.join(", ")
            )
        }
        None => Ok(()),
    }
}

/// What a table is referred to by: `my-sweep`, `my-sweep-2`.
fn label(title: &str, number: usize) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '-',
    };
    let title: String = title.chars().map(plain).collect();
    match number {
        1 => title,
        number => format!("{title}-{number}"),
    }
}

/// A field of a table, chosen.
type Fields = Vec<Field>;
