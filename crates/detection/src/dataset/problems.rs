//! What was left out of a data set, and why; and what to know of the rest.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::visible::visible;

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A whole image with all its boxes.
    Image,
    /// One box.
    Annotation,
    /// The mask of a box that stays.
    Mask,
    /// A label file, and its boxes, of which there is no image.
    #[serde(rename = "label file")]
    Labels,
    /// Nothing is left out, but something is used in another way than it is written, or falsifies
    /// what is made of it.
    Note,
}

impl Subject {
    /// `image`, `annotation`, `mask`, `label file` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Annotation => "annotation",
            Self::Mask => "mask",
            Self::Labels => "label file",
            Self::Note => "note",
        }
    }
}

/// One thing left out, or to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What was left out, if anything.
    pub subject: Subject,
    /// The file at fault.
    pub file: PathBuf,
    /// Line in it, from 1, where it has lines.
    pub line: Option<usize>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(self.file.display().to_string()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// All that was left out of one split, and notes on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// The problems, in the order of the files. Notes on the whole split come first.
    pub list: Vec<Problem>,
    /// Boxes that reached over their image's border by more than a pixel; they were clipped and
    /// stay.
    pub clipped: usize,
    /// Images that are taken for background because no label file was found for them.
    pub unlabelled: usize,
    /// Boxes of images that are left out, where their file could be read.
    pub lost_with_images: usize,
}

impl Problems {
    /// Images left out.
    pub fn images(&self) -> usize {
        self.count(Subject::Image)
    }

    /// Annotations left out of images that stay.
    pub fn annotations(&self) -> usize {
        self.count(Subject::Annotation)
    }

    /// Masks left out of boxes that stay.
    pub fn masks(&self) -> usize {
        self.count(Subject::Mask)
    }

    /// Label files left out, as there is no image of them.
    pub fn label_files(&self) -> usize {
        self.count(Subject::Labels)
    }

    /// Whether nothing was left out, and there is no note.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Counts and the first `shown` problems, for an error or a log.
    pub fn summary(&self, shown: usize) -> String {
        let counted = |count, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (images, annotations) = (self.images(), self.annotations());
        let text = match images + annotations {
            0 => "nothing was left out".to_owned(),
            _ => format!(
                "{} and {} left out",
                counted(images, "image"),
                counted(annotations, "annotation")
            ),
        };
        text + &self.lines(shown)
    }

    /// The first `shown` problems, each on a line of its own, and how many more there are. Begins
    /// with a line break; empty if there is no problem.
    pub fn lines(&self, shown: usize) -> String {
        let problems = self.list.iter().take(shown);
        let mut text: String = problems.map(|problem| format!("\n  {problem}")).collect();
        if self.list.len() > shown && shown > 0 {
            text += &format!("\n  … and {} more", self.list.len() - shown);
        }
        text
    }

    pub(crate) fn image(&mut self, file: &Path, line: Option<usize>, reason: impl ToString) {
        self.add(Subject::Image, file, line, reason);
    }

    /// An image with as many boxes, which are no problems of their own.
    pub(crate) fn image_with(&mut self, boxes: usize, file: &Path, reason: impl ToString) {
        self.image(file, None, reason);
        self.lost_with_images += boxes;
    }

    pub(crate) fn annotation(&mut self, file: &Path, line: Option<usize>, reason: impl ToString) {
        self.add(Subject::Annotation, file, line, reason);
    }

    pub(crate) fn mask(&mut self, file: &Path, line: Option<usize>, reason: impl ToString) {
        self.add(Subject::Mask, file, line, reason);
    }

    pub(crate) fn labels(&mut self, file: &Path, reason: impl ToString) {
        self.add(Subject::Labels, file, None, reason);
    }

    pub(crate) fn note(&mut self, file: &Path, line: Option<usize>, reason: impl ToString) {
        self.add(Subject::Note, file, line, reason);
    }

    /// A note on the whole split: it is the first that is shown.
    pub(crate) fn note_first(&mut self, file: &Path, line: Option<usize>, reason: impl ToString) {
        self.note(file, line, reason);
        self.list.rotate_right(1);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
        self.clipped += other.clipped;
        self.unlabelled += other.unlabelled;
        self.lost_with_images += other.lost_with_images;
    }

    fn add(&mut self, subject: Subject, file: &Path, line: Option<usize>, reason: impl ToString) {
        self.list.push(Problem {
            subject,
            file: file.to_owned(),
            line,
            reason: visible(reason.to_string()),
        });
    }

    fn count(&self, subject: Subject) -> usize {
        self.list
            .iter()
            .filter(|problem| problem.subject == subject)
            .count()
    }
}
