//! What a split of a data set holds, and what was left out of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One split of a data set once all of its images are decoded: what is trained or evaluated on.
/// Its size does not grow with the data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataAccount {
    /// Name of the data set.
    pub name: String,
    /// `train`, `val` or `test`.
    pub split: String,
    /// Number of images.
    pub images: usize,
    /// Number of boxes in them, ignored ones included.
    pub boxes: usize,
    /// How many of these are crowds or difficult objects: no targets of training, ignored in
    /// evaluation. The others are its instances.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored: usize,
    /// Number of images without a box.
    pub background: usize,
    /// How many of these have no label file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlabelled: usize,
    /// Number of boxes that reached over the border by more than a pixel; they are clipped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clipped: usize,
    /// What is not used.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
    /// Why, the most frequent first; and notes, such as images that are in the training split, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<LeftOutReason>,
}

/// Numbers of what is not used of a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Whole images, with all their boxes.
    pub images: usize,
    /// The boxes of these, where their file could be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub boxes: usize,
    /// Boxes of images that stay.
    pub annotations: usize,
    /// Masks of boxes that stay.
    pub masks: usize,
    /// Label files, and their boxes, of which there is no image.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_files: usize,
}

/// Things left out for the same reason, or a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutReason {
    /// `image`, `annotation`, `mask` or `label file`; `note` where nothing was left out.
    pub what: String,
    /// The reason without what differs from place to place: numbers and names are `…`.
    pub reason: String,
    /// How often.
    pub count: usize,
    /// The first few, `FILE:LINE: REASON`.
    pub examples: Vec<String>,
}

impl LeftOut {
    /// Whether everything is used.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Number of things left out, of whatever kind; a whole image is one.
    pub fn total(&self) -> usize {
        self.images + self.annotations + self.masks + self.label_files
    }
}

/// `3 images with 12 boxes, 7 annotations, 1 mask`; what is zero is not named.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.images, "image"),
            (self.annotations, "annotation"),
            (self.masks, "mask"),
            (self.label_files, "label file"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| match what {
                "image" if self.boxes > 0 => {
                    format!("{} with {}", counted(count, what), boxes(self.boxes))
                }
                _ => counted(count, what),
            })
            .collect();
        match parts.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}

/// `data mine, train: 800 images, 2003 boxes, 12 background; left out: 1 image, 2 annotations`
impl fmt::Display for DataAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "data {}, {}: {}, {}",
            self.name,
            self.split,
            counted(self.images, "image"),
            boxes(self.boxes)
        )?;
        if self.ignored > 0 {
            write!(f, " ({} ignored: crowds or difficult)", self.ignored)?;
        }
        write!(f, ", {} background", self.background)?;
        if self.unlabelled > 0 {
            write!(f, " ({} without a label file)", self.unlabelled)?;
        }
        if self.clipped > 0 {
            write!(f, ", {} clipped", self.clipped)?;
        }
        match self.left_out.is_empty() {
            true => Ok(()),
            false => write!(f, "; left out: {}", self.left_out),
        }
    }
}

fn boxes(count: usize) -> String {
    match count {
        1 => "1 box".to_owned(),
        _ => format!("{count} boxes"),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
