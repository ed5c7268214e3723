//! Model tables in the format that Ultralytics reads: rows of `[from, repeats, module, args]`.

use std::fmt;

use ablate_kernels::Activation;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};

use super::{
    aliases,
    bounds::{Positive, list, whole},
    yaml,
};

/// A model table as written: nothing scaled, nothing resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The file that it was read from, for messages.
    pub source: String,
    /// Number of classes unless the data set has another.
    pub nc: usize,
    /// Scales by name, in the file's order; a table without scales has one without a name.
    pub scales: Vec<(String, Scaling)>,
    /// The scale to take if a model's name has none.
    pub scale: Option<String>,
    /// None for an anchor-free head.
    pub anchors: Option<Anchors>,
    /// Of every convolution that names none; None for SiLU.
    #[serde(serialize_with = "by_name")]
    pub activation: Option<Activation>,
    /// Channels of the image.
    pub channels: usize,
    /// Cells of the distributions of a box's distances; None for the head's default.
    pub reg_max: Option<usize>,
    /// Whether the head has branches that need no suppression.
    pub end2end: bool,
    /// The rows that extract features.
    pub backbone: Vec<Row>,
    /// The rows after the backbone: the neck, and the detection head as the last one.
    pub head: Vec<Row>,
}

/// What the boxes of an anchor-based head are factors of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Anchors {
    /// So many for each level, to be fitted to the data before training.
    Count(usize),
    /// Width, height pairs in pixels, a list per level.
    Listed(Vec<Vec<f64>>),
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
    /// The scale's name if it is one letter: blocks from YOLO11 on go by it.
    pub letter: Option<char>,
}

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
        aliases::unaliased(Self {
            from,
            repeats,
            module,
            args,
            variant: None,
            written: None,
        })
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

/// The two parts of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The rows under `backbone`.
    Backbone,
    /// The rows under `head`, the neck included.
    Head,
}

/// Error while reading a table; names the file, the key, what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {message}")]
pub struct TableError {
    source_name: String,
    message: String,
}

/// Bounds on a table: no detector comes near, a broken or hostile file may.
pub(crate) const MAX_ROWS: usize = 1000;
/// The most arguments of one row.
pub(crate) const MAX_ARGS: usize = 20;
/// The most repeats of one row.
pub(crate) const MAX_REPEATS: u64 = 1000;
/// The most classes.
const MAX_CLASSES: u64 = 100_000;

/// The keys of a file.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with the keys nc, scales, backbone and head"
)]
struct Written {
    #[serde(default = "coco_classes", deserialize_with = "classes")]
    nc: usize,
    #[serde(default, deserialize_with = "scales")]
    scales: Option<Vec<(String, Scaling)>>,
    scale: Option<String>,
    /// Older tables have these two in place of `scales`.
    depth_multiple: Option<Positive>,
    width_multiple: Option<Positive>,
    #[serde(default, deserialize_with = "anchors")]
    anchors: Option<Anchors>,
    #[serde(default, deserialize_with = "activation")]
    activation: Option<Activation>,
    /// YOLOv5's name and Ultralytics' one for the channels of the image.
    #[serde(default, deserialize_with = "channels")]
    ch: Option<usize>,
    #[serde(default, deserialize_with = "channels")]
    channels: Option<usize>,
    #[serde(default, deserialize_with = "reg_max")]
    reg_max: Option<usize>,
    #[serde(default)]
    end2end: Option<bool>,
    #[serde(deserialize_with = "rows")]
    backbone: Vec<Row>,
    #[serde(deserialize_with = "rows")]
    head: Vec<Row>,
}

impl Table {
    /// Reads a table. `source` names the text in messages.
    ///
    /// # Errors
    /// Text that is not YAML, a missing key, and a value out of its bounds.
    pub fn from_yaml(text: &str, source: &str) -> Result<Self, TableError> {
        let written: Written = yaml::parse(text).map_err(|message| TableError {
            source_name: source.into(),
            message,
        })?;
        let multiple = |multiple: Option<Positive>| multiple.map_or(1.0, |Positive(x)| x);
        let everywhere = Scaling {
            depth: multiple(written.depth_multiple),
            width: multiple(written.width_multiple),
            max_channels: None,
            letter: None,
        };
        if let (Some(ch), Some(channels)) = (written.ch, written.channels)
            && ch != channels
        {
            return Err(TableError {
                source_name: source.into(),
                message: format!(
                    "expected one of the keys 'ch' and 'channels', found {ch} and {channels}"
                ),
            });
        }
        let scales = written
            .scales
            .unwrap_or_else(|| vec![(String::new(), everywhere)]);
        Ok(Self {
            source: source.into(),
            nc: written.nc,
            scales,
            scale: written.scale,
            anchors: written.anchors,
            activation: written.activation,
            channels: written.ch.or(written.channels).unwrap_or(3),
            reg_max: written.reg_max,
            end2end: written.end2end.unwrap_or(false),
            backbone: written.backbone,
            head: written.head,
        })
    }

    /// All rows with the section that each belongs to; a row's place is its index.
    pub fn rows(&self) -> impl Iterator<Item = (Section, &Row)> {
        let backbone = self.backbone.iter().map(|row| (Section::Backbone, row));
        backbone.chain(self.head.iter().map(|row| (Section::Head, row)))
    }

    /// The same, to be changed.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = (Section, &mut Row)> {
        let backbone = self.backbone.iter_mut().map(|row| (Section::Backbone, row));
        backbone.chain(self.head.iter_mut().map(|row| (Section::Head, row)))
    }

    /// The scaling of a scale by its name; None if the table does not list it.
    pub fn scaling(&self, scale: &str) -> Option<Scaling> {
        self.scales
            .iter()
            .find(|(name, _)| name == scale)
            .map(|(_, scaling)| *scaling)
    }
}

/// The classes of COCO, on which the families are published.
fn coco_classes() -> usize {
    80
}

fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 1..=MAX_CLASSES, "a number of classes")
}

fn repeats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 1..=MAX_REPEATS, "repeats")
}

pub(super) fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Row>, D::Error> {
    list(deserializer, 1..=MAX_ROWS, "rows").map(aliases::unfolded)
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

/// `{n: [depth, width, max_channels]}`, in the order of the file.
fn scales<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<(String, Scaling)>>, D::Error> {
    deserializer.deserialize_map(Scales).map(Some)
}

struct Scales;

/// The last one may be absent.
#[derive(Deserialize)]
#[serde(expecting = "[depth, width] or [depth, width, max_channels]")]
struct Multiples(Positive, Positive, #[serde(default)] Option<Positive>);

impl<'de> Visitor<'de> for Scales {
    type Value = Vec<(String, Scaling)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("at least one scale, as in {n: [0.33, 0.25, 1024]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut scales = Vec::new();
        while let Some((name, Multiples(depth, width, max_channels))) =
            map.next_entry::<String, _>()?
        {
            let scaling = Scaling {
                depth: depth.0,
                width: width.0,
                max_channels: max_channels.map(|max| max.0),
                letter: one_letter(&name),
            };
            scales.push((name, scaling));
        }
        match scales.is_empty() {
            true => Err(A::Error::invalid_length(0, &self)),
            false => Ok(scales),
        }
    }
}

fn by_name<S: Serializer>(activation: &Option<Activation>, s: S) -> Result<S::Ok, S::Error> {
    activation.map(|a| a.to_string()).serialize(s)
}

/// The letter of a name that has no other.
fn one_letter(name: &str) -> Option<char> {
    let mut letters = name.chars();
    letters.next().filter(|_| letters.next().is_none())
}

/// `nn.ReLU()`, or a name of ours.
fn activation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Activation>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    word.map(|word| word.parse().map_err(D::Error::custom))
        .transpose()
}

fn channels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, 1..=1024, "channels of the image").map(Some)
}

fn reg_max<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, 1..=256, "cells of a distribution").map(Some)
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number of anchors for each level, or a list of width, height pairs for each"
)]
enum WrittenAnchors {
    Count(u8),
    Listed(Vec<Vec<Positive>>),
}

fn anchors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Anchors>, D::Error> {
    let levels = match Option::<WrittenAnchors>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(WrittenAnchors::Count(0)) => {
            return Err(D::Error::custom("expected at least one anchor, found 0"));
        }
        Some(WrittenAnchors::Count(count)) => return Ok(Some(Anchors::Count(count.into()))),
        Some(WrittenAnchors::Listed(levels)) => levels,
    };
    let numbers = levels.first().map_or(0, Vec::len);
    let even = numbers > 0 && numbers.is_multiple_of(2);
    if !even || levels.iter().any(|level| level.len() != numbers) {
        let found: Vec<usize> = levels.iter().map(Vec::len).collect();
        return Err(D::Error::custom(format!(
            "expected as many pairs of width and height in pixels for each level, found lists of {found:?} numbers"
        )));
    }
    let pixels = |level: Vec<Positive>| level.into_iter().map(|Positive(x)| x).collect();
    Ok(Some(Anchors::Listed(
        levels.into_iter().map(pixels).collect(),
    )))
}

impl Anchors {
    /// Anchors of each level.
    pub fn count(&self) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Listed(levels) => levels[0].len() / 2,
        }
    }
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

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backbone => "backbone",
            Self::Head => "head",
        })
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
