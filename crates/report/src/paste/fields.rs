//! The columns of a table, chosen by their names in `results.csv`.

use anyhow::{Result, bail};

use super::Fields;
use crate::columns::{self, Column, Comparison, PageTable, SOURCE};
use crate::rows::{Row, Rows};
use crate::summary::{Line, Table};

/// A column of a table: what it shows of a column of the report.
#[derive(Clone, Copy)]
pub enum Field {
    /// The figure.
    Figure(&'static Column),
    /// Its change against the baseline, with verdict and interval.
    Change(&'static Column, Comparison),
    /// An end of the change's interval.
    End(&'static Column, Comparison, End),
}

/// An end of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Low,
    High,
}

/// Shown by default, each if the table has it.
const DEFAULT: [&str; 9] = [
    "params",
    "gflops",
    "latency_ms_median",
    "change_latency_percent",
    "map50_95",
    "change_map50_95_points",
    "map50",
    "mask_map50_95",
    "mask_map50",
];

/// Shown by default of a sweep that has measured nothing else.
const COSTS: [&str; 4] = [
    "params",
    "change_params_percent",
    "gflops",
    "change_gflops_percent",
];

/// What tells the lines of a CSV apart.
const TELLING: [&str; 9] = [
    SOURCE,
    "family",
    "scale",
    "variant",
    "dataset",
    "device",
    "batch",
    "latency_imgsz",
    "train_imgsz",
];

/// A name of `results.csv` as one reads it: `mask_map75` is mask mAP75.
fn words(name: &str) -> String {
    let words = name.split('_').map(|word| match word {
        "ar" => "AR".to_owned(),
        _ => match word.strip_prefix("map") {
            Some(rest) => format!("mAP{rest}"),
            None => word.to_owned(),
        },
    });
    words.collect::<Vec<_>>().join(" ")
}

impl Field {
    /// All that can be chosen.
    fn all() -> impl Iterator<Item = (String, Self)> {
        columns::all()
            .filter(|column| !column.csv.is_empty())
            .flat_map(|column| {
                let figure = (column.csv.to_string(), Field::Figure(column));
                let changes = column.comparison.map(|comparison| {
                    let stem = stem(&comparison);
                    [
                        (
                            comparison.csv.to_string(),
                            Field::Change(column, comparison),
                        ),
                        (
                            format!("{stem}_low"),
                            Field::End(column, comparison, End::Low),
                        ),
                        (
                            format!("{stem}_high"),
                            Field::End(column, comparison, End::High),
                        ),
                    ]
                });
                [figure].into_iter().chain(changes.into_iter().flatten())
            })
    }

    fn named(name: &str) -> Option<Self> {
        Self::all().find_map(|(known, field)| (known == name).then_some(field))
    }

    /// Whether any line of a table has something to show.
    fn is_there(&self, lines: &[Line]) -> bool {
        lines.iter().any(|line| match self {
            Field::Figure(column) => line.rows.iter().any(|row| (column.value)(row).is_some()),
            Field::Change(column, _) | Field::End(column, ..) => line.change(column).is_some(),
        })
    }

    /// What it is called, without its unit.
    pub fn heading(&self) -> String {
        match self {
            Field::Figure(column) => match column.heading(PageTable::Summary) {
                Some(heading) => heading.split(',').next().unwrap_or(heading).into(),
                None => {
                    let unit = format!("_{}", column.unit.to_lowercase());
                    let name = column.csv.strip_suffix(&unit).unwrap_or(column.csv);
                    words(name)
                }
            },
            Field::Change(..) => "Δ".into(),
            Field::End(_, _, End::Low) => "Δ low".into(),
            Field::End(_, _, End::High) => "Δ high".into(),
        }
    }

    /// Empty if it has none.
    pub fn unit(&self) -> &'static str {
        match self {
            Field::Figure(column) => match column.shown_unit() {
                "millions" => "M",
                "percent" => "%",
                unit => unit,
            },
            Field::Change(_, comparison) | Field::End(_, comparison, _) => {
                match comparison.unit.word() {
                    "percent" => "%",
                    word => word,
                }
            }
        }
    }
}

/// The name of a change without its unit: `change_map50_95`.
pub fn stem(comparison: &Comparison) -> &'static str {
    let stem = comparison.csv.trim_end_matches(comparison.unit.word());
    stem.trim_end_matches('_')
}

/// The fields of these names.
///
/// # Errors
/// A name that `results.csv` does not have, with those that are near it.
pub fn by_names(names: &[String]) -> Result<Fields> {
    // Every line begins with its model.
    let names = names.iter().filter(|name| *name != "model");
    let field = |name: &String| match Field::named(name) {
        Some(field) => Ok(field),
        None => bail!("--columns: unknown column '{name}'; {}", near(name)),
    };
    names.map(field).collect()
}

/// The names that a misspelt one may stand for, in words.
fn near(name: &str) -> String {
    let known: Vec<String> = Field::all().map(|(known, _)| known).collect();
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let word = plain(name);
    let distance = |known: &String| strsim::damerau_levenshtein(&plain(known), &word);
    let mut by_distance: Vec<(usize, &String)> =
        known.iter().map(|known| (distance(known), known)).collect();
    by_distance.sort();
    let is_near = |(distance, known): &&(usize, &String)| {
        *distance <= 1 + word.len() / 4 || (word.len() > 2 && plain(known).contains(&word))
    };
    let near: Vec<&str> = by_distance
        .iter()
        .filter(is_near)
        .take(5)
        .map(|(_, known)| known.as_str())
        .collect();
    match near.is_empty() {
        true => format!(
            "expected a name of results.csv, such as {}",
            DEFAULT.join(", ")
        ),
        false => format!("did you mean {}?", near.join(", ")),
    }
}

/// Those of [`DEFAULT`] that a table has; of one that has costs only, with their changes.
pub fn by_default(table: &Table) -> Fields {
    let there = |names: &[&str]| -> Fields {
        let fields = names.iter().filter_map(|name| Field::named(name));
        fields
            .filter(|field| field.is_there(&table.lines))
            .collect()
    };
    let fields = there(&DEFAULT);
    match fields.len() > 2 {
        true => fields,
        false => there(&COSTS),
    }
}

/// What tells lines apart, then the same of all tables.
pub fn for_csv(rows: &Rows) -> Fields {
    let is_there = |field: &Field| match field {
        Field::Figure(column) => {
            let has = |row: &Row| (column.value)(row).is_some();
            rows.rows.iter().any(has)
        }
        _ => true,
    };
    let default = DEFAULT.into_iter().filter_map(Field::named);
    let telling = TELLING.into_iter().filter_map(Field::named);
    let telling = telling.filter(|field| match field {
        Field::Figure(column) => column.is_in_csv(rows),
        _ => true,
    });
    telling.chain(default.filter(is_there)).collect()
}
