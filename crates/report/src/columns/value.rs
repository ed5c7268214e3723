//! The value of a column and how page and screen write it.

use super::Column;
use crate::number;
use crate::rows::{self, Gap, Row};
use ablate_records::ImageSize;
use ablate_statistics::Spread;

/// A value as `results.csv` has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Count(u64),
    Number(f64),
}

impl Value {
    /// None of a text.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Text(_) => None,
            Value::Count(n) => Some(*n as f64),
            Value::Number(x) => Some(*x),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Value::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Value::Count(count as u64)
    }
}

impl From<ImageSize> for Value {
    /// A number for a square.
    fn from(size: ImageSize) -> Self {
        match size.height == size.width {
            true => size.height.into(),
            false => size.to_string().into(),
        }
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Value::Number(x)
    }
}

/// How page and screen write a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As it is.
    Plain,
    /// The first twelve digits of a record's key.
    Key,
    /// Two or three digits that mean something.
    Short,
    /// Without decimals.
    Whole,
    /// In millions.
    Millions,
    /// A share of 1 as points out of 100.
    Points,
    /// A share of 1 in percent.
    Percent,
    /// Seconds as minutes and hours.
    Duration,
}

impl Format {
    /// Writes a number.
    pub fn number(self, x: f64) -> String {
        match self {
            Format::Plain | Format::Key => x.to_string(),
            Format::Short => number::short(x),
            Format::Whole => format!("{x:.0}"),
            Format::Millions => number::millions(x as u64),
            Format::Points => number::map(x),
            Format::Percent => format!("{} %", number::short(100.0 * x)),
            Format::Duration => number::duration(x),
        }
    }

    /// The unit that it shows; None if it is the column's own.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Format::Millions => Some("millions"),
            Format::Points => Some("percent"),
            // Written beside the figure.
            Format::Percent | Format::Duration => Some(""),
            Format::Plain | Format::Key | Format::Short | Format::Whole => None,
        }
    }

    fn text(self, text: String) -> String {
        match self {
            Format::Key => text.chars().take(12).collect(),
            _ => text,
        }
    }
}

/// What a table of the page or the screen shows of a column.
pub enum Entry<'a> {
    Value {
        text: String,
        /// Beside the text, smaller.
        note: String,
        tip: String,
        /// What the table is sorted by; None of a text.
        sort: Option<f64>,
        /// Whether it is a key, which has a typeface of its own.
        is_key: bool,
    },
    /// The stage has no figure, and why.
    Gap(Gap<'a>),
    /// The stage was run, but has no such figure.
    None,
    /// Nothing to show, and why; the reason may be empty.
    Blank(&'static str),
}

impl Column {
    /// A value as page and screen write it.
    pub fn written(&self, value: &Value) -> String {
        match value {
            Value::Text(text) => self.format.text(text.clone()),
            Value::Count(n) if self.format == Format::Plain => n.to_string(),
            Value::Count(n) => self.format.number(*n as f64),
            Value::Number(x) => self.format.number(*x),
        }
    }

    /// Whether whole numbers are written as they are.
    pub fn is_plain(&self) -> bool {
        self.format == Format::Plain
    }

    /// The entry of one model: its rows are its seeds.
    pub fn entry<'a>(&self, seeds: &[Row<'a>]) -> Entry<'a> {
        let entry = if self.mean_of_seeds {
            self.mean(seeds)
        } else {
            self.first(seeds)
        };
        entry.unwrap_or_else(|| match self.stage {
            Some(stage) => rows::gap(seeds, stage).map_or(Entry::None, Entry::Gap),
            None => Entry::Blank(self.absent),
        })
    }

    fn first<'a>(&self, seeds: &[Row<'a>]) -> Option<Entry<'a>> {
        let (row, value) = seeds
            .iter()
            .find_map(|row| Some((row, (self.value)(row)?)))?;
        let sort = value.number();
        Some(Entry::Value {
            text: self.written(&value),
            note: (self.note)(row).unwrap_or_default(),
            tip: (self.hover)(row).unwrap_or_default(),
            sort,
            is_key: self.format == Format::Key,
        })
    }

    fn mean<'a>(&self, seeds: &[Row<'a>]) -> Option<Entry<'a>> {
        let values = rows::evaluated(seeds).filter_map(|row| (self.value)(row)?.number());
        let spread = Spread::of(values)?;
        let (note, tip) = match spread.std {
            Some(std) => (
                format!("± {}", self.format.number(std)),
                format!("mean and standard deviation of {} seeds", spread.n),
            ),
            None => (String::new(), format!("{:.4}, one seed", spread.mean)),
        };
        Some(Entry::Value {
            text: self.format.number(spread.mean),
            note,
            tip,
            sort: Some(spread.mean),
            is_key: false,
        })
    }
}
