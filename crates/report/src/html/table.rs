//! What a table of the page is made of, named as HTML names it.

use serde::{Serialize, Serializer};

use crate::columns::{self, Change, Column, Comparison, Entry};
use crate::rows::{BASELINE, Gap, Row};
use ablate_records::Cell;

/// A reason longer than this is cut in a tooltip.
const MOST_REASON: usize = 400;

/// A table's cell.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Td {
    pub text: String,
    /// After the text, smaller.
    pub note: String,
    /// Tooltip.
    pub tip: String,
    /// `better`, `worse`, `same`, `open`, `gap`, `best`, `key` or empty.
    pub class: &'static str,
    /// What the column is sorted by; None of a text.
    #[serde(serialize_with = "in_few_digits")]
    pub sort: Option<f64>,
}

/// A page of hundreds of models has thousands of figures, and seven digits tell them apart.
fn in_few_digits<S: Serializer>(sort: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    let short = sort.map(|x| format!("{x:.6e}").parse().unwrap_or(x));
    short.serialize(to)
}

/// A column's heading.
#[derive(Clone, Debug, Serialize)]
pub struct Th {
    pub text: String,
    pub tip: String,
}

/// Rows that are sorted among themselves.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub name: String,
    pub rows: Vec<Tr>,
}

/// A table's row, with the name of what it is about.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tr {
    pub name: String,
    pub baseline: bool,
    /// Whether it is marked as one of the Pareto front.
    pub front: bool,
    pub cells: Vec<Td>,
}

/// A whole table.
#[derive(Clone, Debug, Serialize)]
pub struct Sheet {
    pub title: String,
    /// Heading of the first column, that of the names.
    pub first: &'static str,
    pub heads: Vec<Th>,
    pub groups: Vec<Group>,
}

impl Td {
    /// A figure that the table can be sorted by.
    pub fn figure(text: String, sort: f64) -> Self {
        Td {
            text,
            sort: Some(sort),
            ..Td::default()
        }
    }

    pub fn tip(self, tip: impl Into<String>) -> Self {
        Td {
            tip: tip.into(),
            ..self
        }
    }

    pub fn note(self, note: impl Into<String>) -> Self {
        Td {
            note: note.into(),
            ..self
        }
    }

    /// No figure: a word for it, and why.
    pub fn empty(text: &str, tip: impl Into<String>) -> Self {
        Td {
            text: text.into(),
            tip: tip.into(),
            class: "gap",
            ..Td::default()
        }
    }

    /// A stage that has no figure, and why.
    pub fn gap(gap: Gap) -> Self {
        Td::empty(gap.short(), cut(&gap.long(), MOST_REASON))
    }

    /// What a column has for a model or a cell.
    pub fn entry(entry: Entry) -> Self {
        match entry {
            Entry::Value {
                text,
                note,
                tip,
                sort,
                is_key,
            } => Td {
                text,
                note,
                tip,
                sort,
                class: if is_key { "key" } else { "" },
            },
            Entry::Gap(gap) => Td::gap(gap),
            Entry::None => Td::empty("–", ""),
            Entry::Blank("") => Td::default(),
            Entry::Blank(why) => Td::empty("–", why),
        }
    }

    /// A change against the baseline, with its judgement.
    pub fn change(comparison: Comparison, change: &Change) -> Self {
        let mark = change.mark;
        let text = comparison.unit.text(change.value);
        Td {
            class: mark.word(),
            tip: change.verdict(),
            ..Td::figure(format!("{} {text}", mark.sign(change.value)), change.value)
        }
    }
}

/// The columns of a table whose rows these are.
pub fn columns_of<'r, 'a: 'r>(
    table: columns::PageTable,
    rows: impl Iterator<Item = &'r Row<'a>> + Clone,
) -> Vec<&'static Column> {
    columns::all()
        .filter(|column| column.heading(table).is_some() && column.is_relevant(rows.clone()))
        .collect()
}

/// The heading of a column in a table.
pub fn head(table: columns::PageTable, column: &Column) -> Th {
    Th {
        text: column.heading(table).unwrap_or_default().into(),
        tip: column.description(),
    }
}

/// A table row of a model or a cell: its rows are the model's seeds.
pub fn tr(columns: &[&Column], seeds: &[Row]) -> Tr {
    let cell = seeds[0].cell;
    Tr {
        name: cell.model.clone(),
        baseline: cell.variant == BASELINE,
        front: false,
        cells: columns
            .iter()
            .map(|column| Td::entry(column.entry(seeds)))
            .collect(),
    }
}

/// The text, cut with an ellipsis after `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.into()
    } else {
        text.chars().take(most).chain(['…']).collect()
    }
}

/// Groups table rows by family and scale; each comes with the cell that it shows.
pub fn grouped<'c>(rows: impl Iterator<Item = (&'c Cell, Tr)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (cell, row) in rows {
        let name = cell.without_variants().to_owned();
        match groups.last_mut().filter(|group| group.name == name) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group {
                name,
                rows: vec![row],
            }),
        }
    }
    groups
}
