//! Model tables in the format that Ultralytics reads.

use std::fmt;

use ablate_kernels::Activation;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    anchors::{Anchors, anchors},
    bounds::{Positive, whole},
    row::{Row, rows},
    scaling::{Scaling, scales},
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
    /// Whether an anchor-free head classifies by depthwise convolutions, as Ultralytics' from
    /// YOLOv10 on. The file's rows say so; a variant that replaces them leaves the head as it is, so
    /// that what it changes is what it says.
    pub separable: bool,
    /// The rows that extract features.
    pub backbone: Vec<Row>,
    /// The rows after the backbone: the neck, and the detection head as the last one.
    pub head: Vec<Row>,
}

/// Ultralytics' heads classify by depthwise convolutions in tables with one of these.
const SEPARABLE: [&str; 3] = ["C3k2", "A2C2f", "C2fCIB"];

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
        let rows = written.backbone.iter().chain(&written.head);
        let separable = rows
            .into_iter()
            .any(|row| SEPARABLE.contains(&row.module.as_str()));
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
            separable,
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

fn by_name<S: Serializer>(activation: &Option<Activation>, s: S) -> Result<S::Ok, S::Error> {
    activation.map(|a| a.to_string()).serialize(s)
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

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backbone => "backbone",
            Self::Head => "head",
        })
    }
}
