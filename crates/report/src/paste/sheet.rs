//! A table before it is written: headings, entries and what is said with it.

use super::best::best;
use super::fields::{End, Field};
use super::{Fields, caption};
use crate::columns::{Change, ChangeUnit, Column, Value};
use crate::interval::Interval;
use crate::mark::Mark;
use crate::number;
use crate::rows::{self, Rows};
use crate::summary::{Line, Table};
use crate::terminal;
use ablate_statistics::Spread;

/// Whole numbers have a comma between thousands from here on.
const FIRST_GROUPED: u64 = 10_000;

/// An entry of a table.
pub enum Item {
    /// A word, or why there is no figure.
    Text(String),
    /// A number, with its standard deviation over the seeds if there are several.
    Figure {
        text: String,
        spread: Option<String>,
        best: bool,
    },
    /// A change: its sign, the change, and its interval.
    Change {
        sign: &'static str,
        text: String,
        interval: Option<[String; 2]>,
    },
}

/// A heading.
pub struct Heading {
    pub text: String,
    /// Empty if it has none.
    pub unit: &'static str,
    /// Whether figures stand below it.
    pub is_figure: bool,
}

/// The models of one family and scale.
pub struct Group {
    pub rows: Vec<(String, Vec<Item>)>,
}

/// The table of a setting.
pub struct Sheet {
    pub title: String,
    pub headings: Vec<Heading>,
    pub groups: Vec<Group>,
    /// What the figures are and what the signs mean, sentence by sentence.
    pub caption: Vec<String>,
}

impl Sheet {
    /// None if no line is of these scales.
    pub fn of(
        title: String,
        rows: &Rows,
        table: &Table,
        fields: &Fields,
        scales: &[String],
    ) -> Option<Self> {
        let lines: Vec<&Line> = table
            .lines
            .iter()
            .filter(|line| scales.is_empty() || scales.contains(&line.cell().scale))
            .collect();
        let columns: Vec<Vec<Item>> = fields.iter().map(|field| entries(&lines, field)).collect();
        let headings = fields.iter().zip(&columns).map(|(field, entries)| Heading {
            text: field.heading(),
            unit: field.unit(),
            is_figure: entries.iter().any(|entry| !matches!(entry, Item::Text(_))),
        });
        let headings = headings.collect();
        let caption = caption::of(rows, table, &lines, fields, &columns);
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        let mut groups: Vec<(String, Group)> = Vec::new();
        for line in &lines {
            let cell = line.cell();
            let name = format!("{} {}", cell.family, cell.scale);
            let entries = columns.iter_mut().filter_map(Iterator::next).collect();
            let row = (cell.model.clone(), entries);
            match groups.last_mut().filter(|(last, _)| *last == name) {
                Some((_, group)) => group.rows.push(row),
                None => groups.push((name, Group { rows: vec![row] })),
            }
        }
        (!lines.is_empty()).then(|| Self {
            title,
            headings,
            groups: groups.into_iter().map(|(_, group)| group).collect(),
            caption,
        })
    }
}

/// The entries of a column, line by line.
fn entries(lines: &[&Line], field: &Field) -> Vec<Item> {
    match field {
        Field::Figure(column) => {
            let best = best(lines, column);
            let entry = |(line, best): (&&Line, bool)| figure(line, column, best);
            lines.iter().zip(best).map(entry).collect()
        }
        Field::Change(column, comparison) => {
            let entry = |line: &&Line| match line.change(column) {
                Some(change) => changed(change, comparison.unit),
                None => Item::Text(String::new()),
            };
            lines.iter().map(entry).collect()
        }
        Field::End(column, _, end) => {
            let entry = |line: &&Line| {
                let interval = line.change(column).and_then(|change| change.interval);
                match interval {
                    Some(Interval { low, high, .. }) => Item::Figure {
                        text: number::points(if *end == End::Low { low } else { high }),
                        spread: None,
                        best: false,
                    },
                    None => Item::Text(String::new()),
                }
            };
            lines.iter().map(entry).collect()
        }
    }
}

fn changed(change: &Change, unit: ChangeUnit) -> Item {
    let Change {
        value,
        mark,
        interval,
        ..
    } = *change;
    Item::Change {
        sign: Mark::sign(mark, value),
        // Its unit is in the heading.
        text: unit.text(value).trim_end_matches(" %").into(),
        interval: interval.map(|interval| [interval.low, interval.high].map(number::points)),
    }
}

/// The figure of a model over its seeds.
fn figure(line: &Line, column: &Column, best: bool) -> Item {
    let values = values(line, column);
    let numbers = || values.iter().filter_map(Value::number);
    let (text, spread) = match values.first() {
        None => return Item::Text(terminal::figure(column.entry(&line.rows))),
        Some(Value::Text(_)) => return Item::Text(distinct(&values, column).join(", ")),
        Some(Value::Count(_)) if !column.mean_of_seeds => {
            (distinct(&values, column).join(", "), None)
        }
        Some(_) => {
            let spread = Spread::of(numbers());
            let write = |x: f64| match column.is_plain() {
                // `results.csv` has all its digits.
                true => number::short(x),
                false => column.written(&Value::Number(x)),
            };
            let mean = spread.map_or(String::new(), |spread| write(spread.mean));
            // Of what all seeds share there is none.
            let alike = distinct(&values, column).len() == 1 && !column.mean_of_seeds;
            let std = spread.and_then(|spread| spread.std).filter(|_| !alike);
            (mean, std.map(write))
        }
    };
    Item::Figure { text, spread, best }
}

/// The values of a column, seed by seed; of a mean, of the seeds that were evaluated.
pub fn values(line: &Line, column: &Column) -> Vec<Value> {
    let of = |row: &rows::Row| (column.value)(row);
    match column.mean_of_seeds {
        true => line.evaluated().filter_map(of).collect(),
        false => line.rows.iter().filter_map(of).collect(),
    }
}

/// As they are written, each once.
fn distinct(values: &[Value], column: &Column) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for value in values {
        let text = match value {
            // A seed is a name.
            Value::Count(n) if *n >= FIRST_GROUPED && column.is_plain() && column.csv != "seed" => {
                number::thousands(*n)
            }
            value => column.written(value),
        };
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}
