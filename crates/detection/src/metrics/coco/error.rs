//! What is wrong with a file, and where in it.

use std::fmt;
use std::path::PathBuf;

/// What is wrong with ground truth or detections, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsError {
    /// The file; None if the boxes did not come from one.
    pub file: Option<PathBuf>,
    /// Index and key of the entry: `annotations[3].bbox`, `[17].score`; empty if the whole file is
    /// wrong.
    pub place: String,
    /// What is wrong there, and what was expected.
    pub problem: String,
}

impl MetricsError {
    pub(super) fn at(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            file: None,
            place: place.into(),
            problem: problem.into(),
        }
    }

    pub(super) fn in_file(self, file: impl Into<PathBuf>) -> Self {
        Self {
            file: Some(file.into()),
            ..self
        }
    }
}

impl fmt::Display for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for MetricsError {}
