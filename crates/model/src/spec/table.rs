//! Model tables in the format that Ultralytics reads: rows of `[from, repeats, module, args]`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::yaml;

/// A model table as written: nothing scaled, nothing resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Where it was read from, for messages.
    pub source: String,
    /// Number of classes where the data set does not say.
    pub nc: usize,
    /// By name, smallest first as written.
    pub scales: Vec<(String, Scaling)>,
    /// Width, height pairs in pixels, a list per level; none for an anchor-free head.
    pub anchors: Option<Vec<Vec<f64>>>,
    pub backbone: Vec<Row>,
    pub head: Vec<Row>,
}

/// Compound scaling of a table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// Multiplies repeats.
    pub depth: f64,
    /// Multiplies channels.
    pub width: f64,
    /// Bounds channels before they are multiplied.
    pub max_channels: Option<f64>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub from: From,
    pub repeats: usize,
    pub module: String,
    pub args: Vec<Arg>,
}

/// The rows that a row reads: relative where negative (-1 is the row before), else absolute.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum From {
    One(i64),
    Many(Vec<i64>),
}

/// An argument of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Arg {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Arg>),
}

/// The two parts of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    Backbone,
    Head,
}

/// Why a table can't be read; names file, row and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {message}")]
pub struct TableError {
    source_name: String,
    message: String,
}

/// Tables beyond these are refused: no detector comes near, a broken or hostile file may.
pub(super) const MAX_ROWS: usize = 1000;
pub(super) const MAX_ARGS: usize = 20;
pub(crate) const MAX_REPEATS: i64 = 1000;

impl Table {
    /// Reads a table. `source` names the text in messages.
    pub fn from_yaml(text: &str, source: &str) -> Result<Self, TableError> {
        let fail = |message: String| TableError {
            source_name: source.into(),
            message,
        };
        let value = yaml::read(text).map_err(fail)?;
        let map = value.as_mapping().ok_or_else(|| {
            fail("not a map; a model table has the keys nc, scales, backbone and head".into())
        })?;
        let rows = |key: &str, first: usize| -> Result<Vec<Row>, TableError> {
            let list = map.get(key).and_then(Value::as_sequence).ok_or_else(|| {
                fail(format!(
                    "key '{key}': missing, or not a list of rows [from, repeats, module, args]"
                ))
            })?;
            if list.is_empty() || list.len() > MAX_ROWS {
                return Err(fail(format!(
                    "key '{key}': {} rows; 1 to {MAX_ROWS} would be right",
                    list.len()
                )));
            }
            list.iter()
                .enumerate()
                .map(|(i, row)| {
                    Row::read(row).map_err(|m| fail(format!("row {} ({key}): {m}", first + i)))
                })
                .collect()
        };
        let backbone = rows("backbone", 0)?;
        let head = rows("head", backbone.len())?;
        Ok(Self {
            source: source.into(),
            nc: match map.get("nc") {
                None => 80,
                Some(nc) => nc
                    .as_u64()
                    .filter(|nc| (1..=100_000).contains(nc))
                    .ok_or_else(|| {
                        fail("key 'nc': a number of classes, 1 or more, would be right".into())
                    })? as usize,
            },
            scales: scales(map).map_err(fail)?,
            anchors: anchors(map).map_err(fail)?,
            backbone,
            head,
        })
    }

    /// All rows with the section that each belongs to; a row's place is its index.
    pub fn rows(&self) -> impl Iterator<Item = (Section, &Row)> {
        let backbone = self.backbone.iter().map(|row| (Section::Backbone, row));
        backbone.chain(self.head.iter().map(|row| (Section::Head, row)))
    }

    /// The scaling of a scale by its name.
    pub fn scaling(&self, scale: &str) -> Option<Scaling> {
        self.scales
            .iter()
            .find(|(name, _)| name == scale)
            .map(|(_, scaling)| *scaling)
    }
}

/// `scales: {n: [depth, width, max_channels]}`, or the older `depth_multiple` and `width_multiple`, which hold at every scale name.
fn scales(map: &serde_yaml::Mapping) -> Result<Vec<(String, Scaling)>, String> {
    let number = |key: &str| -> Result<Option<f64>, String> {
        match map.get(key) {
            None => Ok(None),
            Some(value) => positive(value)
                .map(Some)
                .ok_or(format!("key '{key}': a positive number would be right")),
        }
    };
    let Some(scales) = map.get("scales") else {
        let scaling = Scaling {
            depth: number("depth_multiple")?.unwrap_or(1.0),
            width: number("width_multiple")?.unwrap_or(1.0),
            max_channels: None,
        };
        return Ok(["n", "s", "m", "l", "x"]
            .map(|name| (name.to_string(), scaling))
            .into());
    };
    let scales = scales.as_mapping().filter(|map| !map.is_empty());
    let scales = scales.ok_or("key 'scales': a map like 'n: [0.33, 0.25, 1024]' would be right")?;
    scales
        .iter()
        .map(|(name, list)| {
            let name = name.as_str().ok_or("key 'scales': a scale's name is a word")?;
            let numbers: Option<Vec<f64>> = list.as_sequence().and_then(|list| list.iter().map(positive).collect());
            match numbers.as_deref() {
                Some([depth, width]) => Ok((*depth, *width, None)),
                Some([depth, width, max]) => Ok((*depth, *width, Some(*max))),
                _ => Err(format!("key 'scales.{name}': [depth, width] or [depth, width, max_channels], all positive, would be right")),
            }
            .map(|(depth, width, max_channels)| (name.to_string(), Scaling { depth, width, max_channels }))
        })
        .collect()
}

/// Finite and above 0; bounded so that no table asks for absurd sizes.
fn positive(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .filter(|v| v.is_finite() && *v > 0.0 && *v <= 1e5)
}

fn anchors(map: &serde_yaml::Mapping) -> Result<Option<Vec<Vec<f64>>>, String> {
    let Some(value) = map.get("anchors").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let levels: Option<Vec<Vec<f64>>> = value.as_sequence().and_then(|levels| {
        levels
            .iter()
            .map(|level| {
                let sizes: Vec<f64> = level
                    .as_sequence()?
                    .iter()
                    .map(positive)
                    .collect::<Option<_>>()?;
                (!sizes.is_empty() && sizes.len().is_multiple_of(2)).then_some(sizes)
            })
            .collect()
    });
    match levels {
        Some(levels) if !levels.is_empty() && levels.iter().all(|level| level.len() == levels[0].len()) => Ok(Some(levels)),
        _ => Err("key 'anchors': a list per level of as many width, height pairs in pixels would be right".into()),
    }
}

impl Row {
    /// Reads `[from, repeats, module, args]`; the error says what is wrong without naming the row.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let Some([from, repeats, module, args]) = value.as_sequence().map(Vec::as_slice) else {
            return Err("not of the form [from, repeats, module, args]".into());
        };
        let from = match from {
            Value::Sequence(list) if list.len() > MAX_ROWS => {
                return Err(format!(
                    "'from' lists {} rows; at most {MAX_ROWS} would be right",
                    list.len()
                ));
            }
            Value::Sequence(list) if !list.is_empty() => {
                let list: Option<Vec<i64>> = list.iter().map(Value::as_i64).collect();
                From::Many(list.ok_or("'from' holds something that is no row number")?)
            }
            other => From::One(
                other
                    .as_i64()
                    .ok_or("'from' is neither a row number nor a list of them")?,
            ),
        };
        let repeats = repeats
            .as_i64()
            .filter(|n| (1..=MAX_REPEATS).contains(n))
            .ok_or(format!(
                "'repeats' is not a whole number from 1 to {MAX_REPEATS}"
            ))?;
        let module = module.as_str().ok_or("the module is not a word")?;
        let args = args.as_sequence().ok_or("'args' is not a list")?;
        if args.len() > MAX_ARGS {
            return Err(format!(
                "{} arguments; no module takes more than {MAX_ARGS}",
                args.len()
            ));
        }
        Ok(Self {
            from,
            repeats: repeats as usize,
            module: module.into(),
            args: args
                .iter()
                .map(|arg| Arg::read(arg, 0))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Arg {
    fn read(value: &Value, nesting: usize) -> Result<Self, String> {
        Ok(match value {
            Value::Null => Self::None,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => Self::Int(value),
                None => Self::Float(
                    number
                        .as_f64()
                        .filter(|v| v.is_finite())
                        .ok_or("an argument is no finite number")?,
                ),
            },
            Value::String(word) => Self::from_word(word),
            Value::Sequence(list) if nesting < 3 => Self::List(
                list.iter()
                    .map(|arg| Self::read(arg, nesting + 1))
                    .collect::<Result<_, _>>()?,
            ),
            _ => {
                return Err(
                    "an argument is neither a number, a word, a truth value nor a list of these"
                        .into(),
                );
            }
        })
    }

    /// A word as Python would read it in such a table: None, True and False are values.
    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "None" => Self::None,
            "True" | "true" => Self::Bool(true),
            "False" | "false" => Self::Bool(false),
            _ => Self::Text(word.into()),
        }
    }
}

impl From {
    /// The row numbers, one or more.
    pub fn rows(&self) -> &[i64] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Many(rows) => rows,
        }
    }

    /// The same with every row number replaced.
    pub(super) fn map(&self, f: impl Fn(i64) -> i64) -> Self {
        match self {
            Self::One(row) => Self::One(f(*row)),
            Self::Many(rows) => Self::Many(rows.iter().map(|row| f(*row)).collect()),
        }
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(row) => write!(f, "{row}"),
            Self::Many(rows) => write!(f, "{rows:?}"),
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backbone => "backbone",
            Self::Head => "head",
        })
    }
}

/// Names and scales, for messages that list what there is.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names
        .into_iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Text(word) => f.write_str(word),
            Self::List(list) => {
                let words: Vec<String> = list.iter().map(Self::to_string).collect();
                write!(f, "[{}]", words.join(", "))
            }
        }
    }
}
