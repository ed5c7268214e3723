//! The keys of the formats that are read from files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::super::Split;

/// Ultralytics' `data.yaml`. Keys that it doesn't know (`download`, …) are ignored, as other tools
/// put their own there, but for those that look like one of these mistyped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct YoloSpec {
    /// Folder that the other paths are relative to; itself relative to the file's.
    pub path: Option<PathBuf>,
    /// Folders of images, or `.txt` lists of them, of the training split.
    pub train: Option<OneOrMany<PathBuf>>,
    /// The same of the validation split.
    #[serde(alias = "validation")]
    pub val: Option<OneOrMany<PathBuf>>,
    /// The same of the test split.
    pub test: Option<OneOrMany<PathBuf>>,
    /// A list, or a map from class index to name.
    pub names: Option<Value>,
    /// Number of classes, if they have no names.
    pub nc: Option<usize>,
    /// Of a pose data set: the number of keypoints and of numbers a keypoint, which follow each box
    /// and are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kpt_shape: Option<Vec<usize>>,
    /// Channels of the images as other tools train on them: 3, or an error, since images are read in
    /// colours.
    #[serde(skip_serializing)]
    pub channels: Option<Value>,
    /// What other tools train on it: `detect`, `segment`; the model decides here.
    #[serde(skip_serializing)]
    pub task: Option<Value>,
}

/// COCO: a folder of images and a JSON file for each split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CocoSpec {
    /// Folder that the other paths are relative to; itself relative to the file's.
    pub path: Option<PathBuf>,
    /// The training split.
    pub train: Option<CocoSplit>,
    /// The validation split.
    pub val: Option<CocoSplit>,
    /// The test split.
    pub test: Option<CocoSplit>,
    /// The classes in the wanted order; by default the categories by id.
    pub names: Option<Value>,
}

/// Folder of the images and the JSON file of one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CocoSplit {
    /// Folder of the images.
    pub images: PathBuf,
    /// JSON file of the annotations.
    pub annotations: PathBuf,
}

/// Pascal VOC: XML files and images, in two folders or side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VocSpec {
    /// The data set's folder, relative to the file's.
    pub path: Option<PathBuf>,
    /// Folder of the images; by default `JPEGImages` or `images`, or where the XML files lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
    /// Folder of the XML files; by default `Annotations` or `annotations`, or where the images lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<PathBuf>,
    /// The classes; by default all names in the XML files, sorted.
    pub names: Option<Value>,
    /// Names of image sets, or of folders where the data set has one for each split.
    pub train: Option<OneOrMany<String>>,
    /// The same of the validation split.
    pub val: Option<OneOrMany<String>>,
    /// The same of the test split.
    pub test: Option<OneOrMany<String>>,
    /// Shares of the images where there are no image sets.
    pub fractions: Option<Fractions>,
    /// Of the shuffle before the images are shared out.
    pub seed: u64,
    /// Whether objects marked difficult are like others; else they are ignored.
    pub difficult: bool,
}

/// Shares of the images by split, in 0..=1, together at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fractions {
    /// Share of the training split.
    pub train: f64,
    /// Share of the validation split.
    pub val: f64,
    /// Share of the test split.
    pub test: f64,
}

/// `x` or `[x, y]` in YAML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a word, or a list of words")]
pub enum OneOrMany<T> {
    /// A single value.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values as a list.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl YoloSpec {
    /// Rejects images of other channels: the key at fault, and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match self.channels.as_ref().filter(|value| !value.is_null()) {
            Some(channels) if channels.as_u64() != Some(3) => {
                let found = serde_yaml::to_string(channels).unwrap_or_default();
                let message = format!(
                    "expected 3, since images are read as red, green and blue, found {}",
                    found.trim_end()
                );
                Err(("channels", message))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn split(&self, split: Split) -> Option<&[PathBuf]> {
        pick(split, &self.train, &self.val, &self.test).map(OneOrMany::as_slice)
    }
}

impl CocoSpec {
    pub(crate) fn split(&self, split: Split) -> Option<&CocoSplit> {
        pick(split, &self.train, &self.val, &self.test)
    }
}

impl VocSpec {
    /// The image sets or folders that the description names for a split.
    pub(crate) fn sets(&self, split: Split) -> Option<&[String]> {
        pick(split, &self.train, &self.val, &self.test).map(OneOrMany::as_slice)
    }
}

fn pick<'a, T>(
    split: Split,
    train: &'a Option<T>,
    val: &'a Option<T>,
    test: &'a Option<T>,
) -> Option<&'a T> {
    match split {
        Split::Train => train.as_ref(),
        Split::Val => val.as_ref(),
        Split::Test => test.as_ref(),
    }
}
