//! Data sets of every format, written to a temporary folder and read back.

mod broken;
mod coco;
mod images;
mod jpeg;
mod orphans;
mod overlap;
mod resample;
mod shapes;
mod spec;
mod statistics;
mod voc;
mod voc_folders;
mod yolo;
mod yolo_files;

use std::path::{Path, PathBuf};

use ablate_detection::dataset::{DataError, DataSpec, Dataset, Split};
use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// A folder that fills as a test asks.
pub struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A coloured PNG or JPEG, by its ending.
    pub fn image(&self, name: &str, width: u32, height: u32) -> PathBuf {
        let path = self.path(name);
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 90]))
            .save(&path)
            .unwrap();
        path
    }

    /// The error of opening a split, with the folder's own path taken out.
    pub fn error(&self, yaml: &str, split: Split) -> String {
        let error = self.open(yaml, split).unwrap_err();
        let own = format!("{}/", self.0.path().display());
        error.to_string().replace(&own, "")
    }

    pub fn open(&self, yaml: &str, split: Split) -> Result<Dataset, DataError> {
        Dataset::open(&DataSpec::load(self.0.path().join(yaml))?, split)
    }
}

/// File name, line and reason of every problem.
pub fn problems(dataset: &Dataset) -> Vec<(String, Option<usize>, String)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    dataset
        .problems
        .list
        .iter()
        .map(|p| (name(&p.file), p.line, p.reason.clone()))
        .collect()
}

pub fn names(dataset: &Dataset) -> Vec<&str> {
    dataset
        .samples
        .iter()
        .map(|sample| sample.name.as_str())
        .collect()
}

/// Corners of every box of a sample.
pub fn corners(dataset: &Dataset, sample: usize) -> Vec<[f32; 4]> {
    let boxes = dataset.samples[sample].annotations.iter();
    boxes
        .map(|a| [a.bbox.x1, a.bbox.y1, a.bbox.x2, a.bbox.y2])
        .collect()
}
