//! Images of the training split among those to evaluate on: by their files, wherever links lead.
//!
//! Copies are found by their bytes, in [`super::duplicates`], for which every file is read.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::folder::readable;
use super::spec::line_of_key;
use super::{DataSpec, Dataset, Format, ImageSource, Split, coco, voc, yolo};

/// Notes how many images of a split are those of the training split, too. A training split that
/// can't be listed tells of itself where it is opened.
pub(super) fn tell(spec: &DataSpec, dataset: &mut Dataset) {
    let split = dataset.split;
    if split == Split::Train {
        return;
    }
    let train = match &spec.format {
        Format::Yolo(format) => yolo::image_files(spec, format, Split::Train),
        Format::Coco(format) => coco::image_files(spec, format, Split::Train, split),
        Format::Voc(format) => voc::image_files(spec, format, Split::Train),
        Format::Shapes(_) => return,
    };
    let train = train.unwrap_or_default();
    if train.is_empty() {
        return;
    }
    let train: Vec<&Path> = train.iter().map(PathBuf::as_path).collect();
    let train: HashSet<PathBuf> = resolved(&train).into_iter().collect();
    let samples = dataset.samples.iter();
    let files: Vec<(&str, &Path)> = samples
        .filter_map(|sample| match &sample.source {
            ImageSource::File(path) => Some((sample.name.as_str(), path.as_path())),
            ImageSource::Shapes { .. } => None,
        })
        .collect();
    let paths: Vec<&Path> = files.iter().map(|(_, path)| *path).collect();
    let shared: Vec<&str> = resolved(&paths)
        .iter()
        .zip(&files)
        .filter(|(path, _)| train.contains(*path))
        .map(|(_, (name, _))| *name)
        .collect();
    let Some(first) = shared.first() else { return };
    let reason = format!(
        "{} of {} images of {split} are in train, too: figures are of what was learnt; the first is {first}",
        shared.len(),
        files.len()
    );
    let line = line_of_key(&spec.file, split.as_str());
    dataset.problems.note_first(&spec.file, line, reason);
}

/// The files that paths lead to. Each folder is looked up once.
fn resolved(paths: &[&Path]) -> Vec<PathBuf> {
    let folder = |path: &Path| path.parent().unwrap_or(Path::new("")).to_owned();
    let folders: HashSet<PathBuf> = paths.iter().map(|path| folder(path)).collect();
    let real = |folder: PathBuf| {
        let real = readable(&folder).canonicalize();
        let real = real.unwrap_or_else(|_| folder.clone());
        (folder, real)
    };
    let folders: HashMap<PathBuf, PathBuf> = folders.into_iter().map(real).collect();
    let file = |path: &&Path| {
        let linked = path
            .is_symlink()
            .then(|| path.canonicalize().ok())
            .flatten();
        linked.unwrap_or_else(|| {
            let real = folders.get(&folder(path)).cloned().unwrap_or_default();
            real.join(path.file_name().unwrap_or_default())
        })
    };
    paths.par_iter().map(file).collect()
}
