//! What makes a data set unusable as a whole.

use std::path::{Path, PathBuf};

use super::Split;

/// Why a data set can't be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe variants and fields")]
pub enum DataError {
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file that can't be understood.
    #[error("{}: {message}", path.display())]
    File { path: PathBuf, message: String },
    /// A key of the description with a value that makes no sense, or missing.
    #[error("{}: key `{key}`: {message}", path.display())]
    Key {
        path: PathBuf,
        key: String,
        message: String,
    },
    #[error(
        "data set {name}, split `{split}`: expected at least one {what}, found none; {problems}"
    )]
    NothingLeft {
        name: String,
        split: Split,
        what: &'static str,
        problems: String,
    },
    #[error(
        "data set {name}, split `{split}`: {image} has an object with a box but no mask; mask training and evaluation require a mask for every object (polygons in COCO's `segmentation` or in YOLO rows)"
    )]
    NoMasks {
        name: String,
        split: Split,
        image: String,
    },
    #[error("data set {name}: the classes of {} are {:?} but those of {} are {:?}; set `names` to fix their order", left.0, left.1, right.0, right.1)]
    ClassesDiffer {
        name: String,
        left: (Split, Vec<String>),
        right: (Split, Vec<String>),
    },
    /// A setting of the loader or the augmentation out of its range.
    #[error("{key}: {message}")]
    Setting { key: String, message: String },
}

impl DataError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn file(path: &Path, message: impl ToString) -> Self {
        Self::File {
            path: path.to_owned(),
            message: message.to_string(),
        }
    }

    pub(crate) fn key(path: &Path, key: &str, message: impl ToString) -> Self {
        Self::Key {
            path: path.to_owned(),
            key: key.to_owned(),
            message: message.to_string(),
        }
    }

    pub(crate) fn setting(key: &str, message: impl ToString) -> Self {
        Self::Setting {
            key: key.to_owned(),
            message: message.to_string(),
        }
    }

    /// The description has no such split.
    pub(crate) fn missing_split(path: &Path, split: Split) -> Self {
        Self::key(
            path,
            split.as_str(),
            "missing or empty: this data set has no split of that name",
        )
    }
}
