//! Data sets: images and the boxes in them, from the formats that people have.
//!
//! A data set is described by a small YAML file (or is a Pascal VOC folder as it is), read by
//! [`DataSpec::load`]; one of its splits is opened by [`Dataset::open`]. Paths in the YAML are
//! relative to the YAML file.
//!
//! Ultralytics' `data.yaml`, as it is; each split is a folder, a list of folders, or a `.txt` file
//! of image paths:
//! ```yaml
//! path: ../datasets/mine        # optional, default: the folder of this file
//! train: images/train           # labels: labels/train/NAME.txt, rows of `class cx cy w h`, normalised
//! val: images/val               # a key that is absent or empty: no such split; a path that leads nowhere: an error
//! test: [images/test, more/images]
//! names: [cat, dog]             # or a map {0: cat, 1: dog}
//! ```
//! COCO JSON:
//! ```yaml
//! format: coco
//! path: ../datasets/coco        # optional
//! train: {images: train2017, annotations: annotations/instances_train2017.json}
//! val: {images: val2017, annotations: annotations/instances_val2017.json}
//! names: [person, bicycle]      # optional: the classes in the order wanted; default: categories by id
//! ```
//! Pascal VOC: images and XML files in `JPEGImages/` and `Annotations/`, in `images/` and
//! `annotations/`, or side by side, and, optionally, `ImageSets/Main/{train,val,test}.txt`; or all
//! this in a folder for each split, `train/`, `valid/` (or `val/`) and `test/`:
//! ```yaml
//! format: voc
//! path: ../datasets/bccd
//! images: pictures              # optional: other names of the two folders
//! annotations: pictures/xml
//! names: [RBC, WBC, Platelets]  # optional, default: all names in the XML files, sorted
//! train: trainval               # optional: an image set (or a split's folder), or a list of them; default: the split's own name
//! fractions: {train: 0.8, val: 0.1, test: 0.1}  # only without image sets and splits' folders; this is the default
//! seed: 0
//! difficult: false              # take objects marked difficult for objects? else they are ignored
//! ```
//! Built in, drawn from a seed, no file needed: see [`shapes::ShapesSpec`] for its keys.
//! ```yaml
//! format: shapes
//! imgsz: 128
//! images: {train: 1200, val: 200, test: 200}
//! ```
//!
//! What can't be used (a box without area or outside its image, an unknown class, a row that is not
//! numbers, a row given twice, a missing or corrupt image) is left out, counted and named in
//! [`Dataset::problems`]; of a box whose mask can't be used, or is of another place, only the mask
//! is. What is used in another way than it is written is a [`Subject::Note`] there. A box that reaches over
//! the border is clipped. An image without a box is background and stays; where that is because it
//! has no label file, it is counted in [`Problems::unlabelled`]. A split with no image or no box left
//! is an error.

mod box_mask;
mod cache;
mod coco;
mod duplicates;
mod error;
mod finish;
mod folder;
mod image_file;
mod input_size;
mod jpeg;
mod overlap;
mod problem_kinds;
mod problems;
pub mod random;
mod resample;
pub mod shapes;
mod spec;
mod statistics;
mod visible;
mod voc;
mod yolo;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::geometry::BBox;
use crate::mask::Segmentation;

pub use crate::id::Id;
pub use cache::{CachedDataset, DEFAULT_CACHE_BYTES};
pub use duplicates::{Duplicates, ImageCopy, duplicates};
pub use error::DataError;
pub use image_file::ImageSource;
pub use input_size::InputSize;
pub use problem_kinds::ProblemKind;
pub use problems::{Problem, Problems, Subject};
pub use resample::{Interpolation, resample, resampled};
pub use spec::{CocoSpec, CocoSplit, DataSpec, Format, Fractions, OneOrMany, VocSpec, YoloSpec};
pub use statistics::{BoxSizes, ClassCount, ImageSizes, Quantiles, SizeCount, Statistics};
pub(crate) use visible::visible;

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To train on.
    Train,
    /// To choose the best epoch by.
    Val,
    /// To evaluate at the end.
    Test,
}

impl Split {
    /// All splits, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Its key in the YAML file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|split| split.as_str() == text)
            .ok_or_else(|| format!("unknown split '{text}'; known: train, val, test"))
    }
}

/// One labelled object.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// Index into [`Dataset::classes`].
    pub class: usize,
    /// In pixels of the original image, inside it.
    pub bbox: BBox,
    /// A group of objects under one box (COCO's `iscrowd`): not a target in training, ignored by
    /// the metrics where it is met.
    pub crowd: bool,
    /// Area in square pixels where the data set gives one (COCO: that of the mask), else the box's
    /// counts.
    pub area: Option<f64>,
    /// In pixels of the original image, where the data set has masks.
    pub mask: Option<Segmentation>,
}

/// One image and its objects.
#[derive(Clone, Debug)]
pub struct Sample {
    /// COCO's image id if all of the file are whole numbers, else a number in their order, or the
    /// position in the split.
    pub id: u64,
    /// What the data set itself calls the image: COCO's image id, else the file name without its
    /// ending, as a number if it is one.
    pub own_id: Id,
    /// The same wherever the data set lies: its file name or path inside the data set.
    pub name: String,
    /// Of the original image, in pixels, upright (EXIF orientation applied).
    pub width: usize,
    /// Height, in the same.
    pub height: usize,
    /// Where the pixels come from.
    pub source: ImageSource,
    /// The objects in it.
    pub annotations: Vec<Annotation>,
}

/// One split of a data set.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Name of the data set.
    pub name: String,
    /// Which split it is.
    pub split: Split,
    /// Class names; annotations hold indices into them.
    pub classes: Vec<String>,
    /// What the data set's own files call each class: COCO's category ids, else the classes'
    /// positions.
    pub category_ids: Vec<Id>,
    /// The images, in a fixed order.
    pub samples: Vec<Sample>,
    /// What was left out, and why.
    pub problems: Problems,
}

impl Dataset {
    /// Reads the annotations of a split and the header of every image.
    ///
    /// # Errors
    /// A file that can't be read or understood as a whole, a split that the description lacks, or a
    /// split with nothing left.
    pub fn open(spec: &DataSpec, split: Split) -> Result<Self, DataError> {
        let mut dataset = match &spec.format {
            Format::Yolo(format) => yolo::open(spec, format, split)?,
            Format::Coco(format) => coco::open(spec, format, split)?,
            Format::Voc(format) => voc::open(spec, format, split)?,
            Format::Shapes(format) => shapes::open(spec, format, split)?,
        };
        dataset.check_not_empty()?;
        overlap::tell(spec, &mut dataset);
        Ok(dataset)
    }

    /// Number of annotated objects, crowds included.
    pub fn annotation_count(&self) -> usize {
        self.samples
            .iter()
            .map(|sample| sample.annotations.len())
            .sum()
    }

    /// How many of these are ignored: crowds and, in Pascal VOC, difficult objects. The others are
    /// the targets of training and the instances of evaluation.
    pub fn ignored_count(&self) -> usize {
        let annotations = self.samples.iter().flat_map(|sample| &sample.annotations);
        annotations.filter(|annotation| annotation.crowd).count()
    }

    /// Number of images without an object.
    pub fn background_count(&self) -> usize {
        let samples = self.samples.iter();
        samples
            .filter(|sample| sample.annotations.is_empty())
            .count()
    }

    /// Whether every object has a mask, as it must to train or evaluate masks.
    ///
    /// # Errors
    /// Names the first image with an object that has a box only.
    pub fn check_masks(&self) -> Result<(), DataError> {
        let bare = |sample: &&Sample| {
            sample
                .annotations
                .iter()
                .any(|annotation| annotation.mask.is_none())
        };
        match self.samples.iter().find(bare) {
            Some(sample) => Err(DataError::NoMasks {
                name: self.name.clone(),
                split: self.split,
                image: sample.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Rejects another split whose class indices mean other classes.
    pub fn check_same_classes(&self, other: &Self) -> Result<(), DataError> {
        if self.classes == other.classes {
            return Ok(());
        }
        Err(DataError::ClassesDiffer {
            name: self.name.clone(),
            left: (self.split, self.classes.clone()),
            right: (other.split, other.classes.clone()),
        })
    }

    /// BLAKE3 over class names, image names and sizes, annotations and the bytes of the image files
    /// (drawn images: their parameters). Equal fingerprints mean equal data, wherever it lies.
    /// Reads every file once.
    pub fn fingerprint(&self) -> String {
        use rayon::prelude::*;
        let images: Vec<[u8; 32]> = self
            .samples
            .par_iter()
            .map(|sample| sample.source.digest())
            .collect();
        let mut hasher = blake3::Hasher::new();
        let mut text = |part: &str| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        };
        text(self.split.as_str());
        self.classes.iter().for_each(|class| text(class));
        for (sample, image) in self.samples.iter().zip(&images) {
            text(&sample.name);
            text(&format!(
                "{}x{} {}",
                sample.width,
                sample.height,
                blake3::Hash::from(*image)
            ));
            for a in &sample.annotations {
                let b = a.bbox;
                // Rust prints floats with the fewest digits that give them back, the same on every
                // machine.
                text(&format!(
                    "{} {} {} {} {} {} {:?}",
                    a.class, b.x1, b.y1, b.x2, b.y2, a.crowd, a.area
                ));
                if let Some(mask) = &a.mask {
                    text(&format!("{mask:?}"));
                }
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// A split without images or boxes can neither be learnt from nor evaluated.
    fn check_not_empty(&self) -> Result<(), DataError> {
        let what = if self.samples.is_empty() {
            "image"
        } else if self.annotation_count() == 0 {
            "box"
        } else {
            return Ok(());
        };
        Err(DataError::NothingLeft {
            name: self.name.clone(),
            split: self.split,
            what,
            problems: self.problems.summary(5),
        })
    }
}
