//! The steps of a patch: which rows each is about, and what it makes of them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer};

use super::{
    bounds::{factor, whole},
    row::{Arg, Row},
    table::Section,
};

/// One change of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Replace(Replace),
    Insert(Insert),
    /// Readers of a removed row read what it read.
    Remove(Selector),
    Set(Set),
    /// Another backbone.
    Backbone(Vec<Row>),
    Neck(Neck),
}

/// Which rows a step is about: those that meet all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selector {
    /// Names in the registry; empty for any.
    pub modules: Vec<String>,
    /// None for the whole table.
    pub section: Option<Section>,
    /// The second argument, which is the side of a convolution's kernel.
    pub kernel: Option<i64>,
    /// How many times smaller the row's output is than what it reads, whatever its module.
    pub stride: Option<usize>,
    /// Places in the table as the step finds it, from 0; empty for any.
    pub index: Vec<usize>,
}

/// Other modules in place of some.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Replace {
    /// Its modules are those of `modules`.
    pub rows: Selector,
    /// Which module by which; [`ANY`] for those that are not listed.
    pub modules: BTreeMap<String, Form>,
    /// Arguments added to the rows.
    pub append: Vec<Arg>,
}

/// What stands in place of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Form {
    pub module: String,
    /// None: the replaced row's; `$0` in them is its first.
    pub arguments: Option<Vec<Arg>>,
    /// Added by the module's name, if that is an alias.
    pub words: Vec<Arg>,
}

/// A new row beside each of some.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Insert {
    pub rows: Selector,
    pub side: Side,
    /// `$0` in its arguments is the first argument of the row that it stands beside.
    pub row: Row,
}

/// Where a new row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Whatever read the row reads the new one.
    After,
    /// On each map that the row reads.
    Before,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::After => "after",
            Self::Before => "before",
        })
    }
}

/// Other arguments of some rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Set {
    pub rows: Selector,
    /// By place, from 0.
    pub arguments: BTreeMap<usize, Arg>,
    pub repeats: Option<usize>,
}

/// Other sizes of the rows between backbone and detection.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map with the keys channels and repeats"
)]
pub(crate) struct Neck {
    /// Multiplies channels.
    #[serde(default = "unchanged", deserialize_with = "factor")]
    pub channels: f64,
    /// Repeats of the rows that are repeated; None leaves them.
    #[serde(default, deserialize_with = "neck_repeats")]
    pub repeats: Option<usize>,
}

/// Stands for every module.
pub(crate) const ANY: &str = "any";

fn neck_repeats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, 1..=u64::MAX, "repeats").map(Some)
}

fn unchanged() -> f64 {
    1.0
}
