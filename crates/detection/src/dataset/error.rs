//! What makes a data set unusable as a whole.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ablate_files::place;

use super::Split;
use super::spec::line_of_key;
use super::visible::visible;

/// Why a data set can't be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe variants and fields")]
pub enum DataError {
    // The error is not a source: a chain of errors would print it twice.
    #[error("{}: {}", path.display(), in_words(error))]
    Io {
        path: PathBuf,
        error: std::io::Error,
    },
    /// A file that can't be understood.
    #[error("{}: {message}", path.display())]
    File { path: PathBuf, message: String },
    /// A key of the description with a value that makes no sense, or missing.
    #[error("{}: key `{key}`: {message}", place(path, *line))]
    Key {
        path: PathBuf,
        /// Line of the key, from 1, if the description has it.
        line: Option<usize>,
        key: String,
        message: String,
    },
    /// The description does not have the split, or leaves it empty; whoever can do without it may
    /// go on.
    #[error("{}: key `{key}`: {message}", place(path, *line))]
    MissingSplit {
        path: PathBuf,
        line: Option<usize>,
        split: Split,
        key: String,
        message: String,
    },
    /// Not one box, and images without a label file.
    #[error(
        "data set {name}, split `{split}`: expected at least one box, found none: {unlabelled} of {images} images have no label file; {} was looked for in {}{}",
        label_name(looked_for),
        folders(looked_for),
        and(problems)
    )]
    NoLabels {
        name: String,
        split: Split,
        unlabelled: usize,
        images: usize,
        /// Where the labels of the first of these images were looked for.
        looked_for: Vec<PathBuf>,
        problems: String,
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
    /// Whether a data set can't be opened only because its description does not have this split:
    /// the key is absent or empty. A path that leads nowhere is another error.
    pub fn is_missing_split(&self, wanted: Split) -> bool {
        matches!(self, Self::MissingSplit { split, .. } if *split == wanted)
    }

    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            error,
        }
    }

    pub(crate) fn file(path: &Path, message: impl ToString) -> Self {
        Self::File {
            path: path.to_owned(),
            message: visible(message.to_string()),
        }
    }

    /// A key of the description in a file. Its line is looked up here, as only an error needs it.
    pub(crate) fn key(path: &Path, key: &str, message: impl ToString) -> Self {
        Self::Key {
            path: path.to_owned(),
            line: line_of_key(path, key),
            key: key.to_owned(),
            message: visible(message.to_string()),
        }
    }

    pub(crate) fn setting(key: &str, message: impl ToString) -> Self {
        Self::Setting {
            key: key.to_owned(),
            message: visible(message.to_string()),
        }
    }

    /// The description has no such split, or an empty one.
    pub(crate) fn missing_split(path: &Path, split: Split) -> Self {
        let message = "missing or empty: this data set has no split of that name";
        Self::missing_split_because(path, split, split.as_str(), message)
    }

    /// The description has no such split, for the reason in `message` about a key.
    pub(crate) fn missing_split_because(
        path: &Path,
        split: Split,
        key: &str,
        message: impl ToString,
    ) -> Self {
        Self::MissingSplit {
            path: path.to_owned(),
            line: line_of_key(path, key),
            split,
            key: key.to_owned(),
            message: visible(message.to_string()),
        }
    }
}

/// An error of the file system; those that people meet, without its number.
pub(crate) fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "not found".into(),
        ErrorKind::PermissionDenied => "no permission to read it".into(),
        ErrorKind::IsADirectory => "expected a file, found a folder".into(),
        _ => error.to_string(),
    }
}

fn label_name(looked_for: &[PathBuf]) -> String {
    let name = looked_for.first().and_then(|path| path.file_name());
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn folders(paths: &[PathBuf]) -> String {
    let folder = |path: &PathBuf| path.parent().unwrap_or(path).display().to_string();
    paths.iter().map(folder).collect::<Vec<_>>().join(", ")
}

fn and(problems: &str) -> String {
    match problems {
        "" => String::new(),
        problems => format!("; {problems}"),
    }
}
