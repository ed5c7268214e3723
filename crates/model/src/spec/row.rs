//! Rows of a table, `[from, repeats, module, args]`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::{
    aliases,
    bounds::{list, whole},
};

/// Bounds on a table: no detector comes near, a broken or hostile file may.
pub(crate) const MAX_ROWS: usize = 1000;
/// The most arguments of one row.
pub(crate) const MAX_ARGS: usize = 20;
/// The most repeats of one row.
pub(crate) const MAX_REPEATS: u64 = 1000;

/// A row of a table, written `[from, repeats, module, args]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Cells")]
pub struct Row {
    /// The rows that it reads.
    pub from: From,
    /// How often the module is repeated, before depth scales it.
    pub repeats: usize,
    /// The module's name in the registry.
    pub module: String,
    /// The module's arguments.
    pub args: Vec<Arg>,
    /// The variant that wrote or changed the row, for messages; None for a row of the table itself.
    #[serde(skip)]
    pub variant: Option<String>,
    /// The module's name as the file has it, if that is another one.
    #[serde(skip)]
    pub written: Option<String>,
}

/// A row as a list, which is how files have it.
#[derive(Deserialize)]
#[serde(expecting = "a row [from, repeats, module, args]")]
struct Cells(
    #[serde(deserialize_with = "from")] From,
    #[serde(deserialize_with = "repeats")] usize,
    String,
    #[serde(deserialize_with = "args")] Vec<Arg>,
);

impl std::convert::From<Cells> for Row {
    fn from(Cells(from, repeats, module, args): Cells) -> Self {
        let (registered, words) = registered(&module);
        Self {
            from,
            repeats,
            args: args.into_iter().chain(words).collect(),
            variant: None,
            written: (registered != module).then_some(module),
            module: registered,
        }
    }
}

/// The rows that a row reads: relative if negative (-1 is the row before), else absolute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected 'from' as a row number or a list of row numbers"
)]
pub enum From {
    /// One row.
    One(i64),
    /// One row or more, in the order in which the module takes them.
    Many(Vec<i64>),
}

/// An argument of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WrittenArg")]
#[serde(untagged)]
pub enum Arg {
    /// Absent: the module's default holds.
    None,
    /// True or False.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// A word.
    Text(String),
    /// A list of arguments.
    List(Vec<Arg>),
}

/// An argument as YAML has it, where Python's words `None`, `True` and `False` are still words.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, a word, True, False, None or a list of these"
)]
enum WrittenArg {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<WrittenArg>),
}

/// Lists within lists of an argument.
const MAX_NESTING: usize = 3;

impl TryFrom<WrittenArg> for Arg {
    type Error = String;

    fn try_from(arg: WrittenArg) -> Result<Self, String> {
        arg.read(0)
    }
}

impl WrittenArg {
    fn read(self, nesting: usize) -> Result<Arg, String> {
        Ok(match self {
            Self::None => Arg::None,
            Self::Bool(value) => Arg::Bool(value),
            Self::Int(n) => Arg::Int(n),
            Self::Float(x) if x.is_finite() => Arg::Float(x),
            Self::Float(x) => return Err(format!("expected a finite number, found {x}")),
            Self::Text(word) => Arg::from_word(&word),
            Self::List(_) if nesting == MAX_NESTING => {
                return Err(format!("expected lists at most {MAX_NESTING} deep"));
            }
            Self::List(list) => Arg::List(
                list.into_iter()
                    .map(|arg| arg.read(nesting + 1))
                    .collect::<Result<_, _>>()?,
            ),
        })
    }
}

fn repeats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 1..=MAX_REPEATS, "repeats")
}

pub(super) fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Row>, D::Error> {
    list(deserializer, 1..=MAX_ROWS, "rows").map(unfolded)
}

fn args<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arg>, D::Error> {
    list(deserializer, 0..=MAX_ARGS, "arguments")
}

fn from<'de, D: Deserializer<'de>>(deserializer: D) -> Result<From, D::Error> {
    let from = From::deserialize(deserializer)?;
    match from.rows().len() {
        1..=MAX_ROWS => Ok(from),
        n => Err(D::Error::custom(format!(
            "expected a list of 1 to {MAX_ROWS} row numbers, found {n}"
        ))),
    }
}

/// The maps of a backbone that stands in one row.
const MAPS: i64 = 4;

/// The rows with a backbone that stands in one row, `FasterNet []`, as the five rows that its table
/// counts: the backbone and a row for each of its maps, so that -1 after it is the coarsest.
fn unfolded(rows: Vec<Row>) -> Vec<Row> {
    let unfold = |row: Row| {
        if row.module != "FasterNet" || !row.args.is_empty() {
            return vec![row];
        }
        let map = |map: i64| Row {
            from: From::One(-1 - map),
            module: "Index".into(),
            args: vec![Arg::Int(map)],
            ..row.clone()
        };
        let backbone = Row {
            args: vec![Arg::Text("t2".into())],
            ..row.clone()
        };
        std::iter::once(backbone)
            .chain((0..MAPS).map(map))
            .collect()
    };
    rows.into_iter().flat_map(unfold).collect()
}

impl Arg {
    /// A word as Python would read it in such a table: None, True and False are values.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "None" => Self::None,
            "True" | "true" => Self::Bool(true),
            "False" | "false" => Self::Bool(false),
            _ => Self::Text(word.into()),
        }
    }
}

impl Row {
    /// The module's name for people: as the file has it.
    pub fn name(&self) -> &str {
        self.written.as_ref().unwrap_or(&self.module)
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
    pub(crate) fn map(&self, f: impl Fn(i64) -> i64) -> Self {
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

/// The module that a name stands for, and the arguments that the name adds to the row's.
pub(super) fn registered(name: &str) -> (String, Vec<Arg>) {
    let (module, words) = aliases::registered(name);
    let words = words.iter().map(|word| Arg::Text((*word).into()));
    (module.into(), words.collect())
}
