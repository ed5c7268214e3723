//! `ablate variants`: what there is to choose from, and where it comes from.

use std::{collections::BTreeMap, process::ExitCode};

use ablate_model::spec::{Arg, Argument, Variant};
use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde::Serialize;

use super::catalog;
use crate::{
    cli::{TextFormat, VariantsArgs},
    progress::print,
};

/// A variant as it is listed.
#[derive(Serialize)]
struct Row<'v> {
    name: &'v str,
    title: &'v str,
    summary: &'v str,
    source: &'v str,
    arguments: BTreeMap<&'v str, ArgumentRow>,
}

/// An argument of a variant.
#[derive(Serialize)]
struct ArgumentRow {
    /// By scale; the key `*` holds for the scales that are not listed.
    default: BTreeMap<String, String>,
    /// Empty if any value is allowed.
    values: Vec<String>,
}

pub fn execute(args: &VariantsArgs) -> Result<ExitCode> {
    let catalog = catalog(&args.tables)?;
    let rows: Vec<Row> = catalog.variants().map(Row::new).collect();
    match args.format {
        TextFormat::Json => print(&serde_json::to_string_pretty(&rows)?),
        TextFormat::Table => print(&table(&rows)),
    }
    Ok(ExitCode::SUCCESS)
}

impl<'v> Row<'v> {
    fn new(variant: &'v Variant) -> Self {
        let arguments = variant.arguments.iter();
        Self {
            name: &variant.name,
            title: &variant.title,
            summary: &variant.summary,
            source: &variant.source,
            arguments: arguments
                .map(|(name, argument)| (name.as_str(), ArgumentRow::new(argument)))
                .collect(),
        }
    }
}

impl ArgumentRow {
    fn new(argument: &Argument) -> Self {
        let defaults = argument.defaults().into_iter();
        Self {
            default: defaults
                .map(|(scale, value)| (scale.to_owned(), word(value)))
                .collect(),
            values: argument.values.iter().map(word).collect(),
        }
    }

    /// `order=parallel|sequential [default: parallel]`
    fn describe(&self, name: &str) -> String {
        let defaults: Vec<String> = self
            .default
            .iter()
            .map(|(scale, value)| match scale.as_str() {
                "*" => value.clone(),
                scale => format!("{scale}: {value}"),
            })
            .collect();
        let default = defaults.join(", ");
        match self.values.is_empty() {
            true => format!("{name} [default: {default}]"),
            false => format!("{name}={} [default: {default}]", self.values.join("|")),
        }
    }
}

/// A value as a model's name gives it: Python's `True` is `true` there.
fn word(value: &Arg) -> String {
    match value {
        Arg::Bool(flag) => flag.to_string(),
        value => value.to_string(),
    }
}

/// Characters of a line where no terminal says how many fit.
const PIPED: u16 = 140;

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["variant", "title", "summary", "arguments", "source"]);
    if !table.is_tty() {
        table.set_width(PIPED);
    }
    for row in rows {
        let arguments: Vec<String> = row
            .arguments
            .iter()
            .map(|(name, argument)| argument.describe(name))
            .collect();
        table.add_row([
            row.name,
            row.title,
            row.summary,
            &arguments.join("\n"),
            row.source,
        ]);
    }
    table.to_string()
}
