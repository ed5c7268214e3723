//! Label files of which there is no image.
//!
//! They are looked for where the labels of a split's folders lie; a list of images leaves images out
//! on purpose, and their labels with them.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::super::Problems;
use super::super::folder::{begins_with_dot, names, readable};
use super::images::Images;
use super::labels;

/// Names the label files of a split's folders that belong to no image, in order.
pub(super) fn find(images: &Images) -> Problems {
    let mut search = Search {
        images,
        stems: HashSet::new(),
        labels: BTreeMap::new(),
    };
    if !images.folders.is_empty() {
        let all = images.paths.iter().chain(&images.foreign);
        search.stems = all.map(|image| image.with_extension("")).collect();
    }
    for folder in &images.folders {
        // `labels` and `Labels` may be one folder.
        let mut seen = Vec::new();
        for place in labels::folders(folder) {
            match readable(&place).canonicalize() {
                Ok(real) if !seen.contains(&real) => seen.push(real),
                _ => continue,
            }
            search.folder(&place, folder);
        }
    }
    let orphans: Vec<(PathBuf, Label)> = search.labels.into_iter().collect();
    let orphans: Vec<(PathBuf, Label)> = orphans
        .into_par_iter()
        .filter(|(_, label)| !label.has_image || !label.is_read)
        .filter(|(path, label)| is_label(path, label.is_apart))
        .collect();
    let mut problems = Problems::default();
    for (path, label) in orphans {
        let reason = match label.has_image {
            false => "no image has this name; its boxes are not used",
            true => "expected the ending .txt; its boxes are not used",
        };
        problems.labels(&path, reason);
    }
    problems
}

struct Search<'a> {
    images: &'a Images,
    /// Paths of the images without ending.
    stems: HashSet<PathBuf>,
    labels: BTreeMap<PathBuf, Label>,
}

/// A `.txt` file where labels lie.
#[derive(Default)]
struct Label {
    has_image: bool,
    /// Whether its ending is one that labels are looked for by: not `.Txt`.
    is_read: bool,
    /// Whether it lies in a folder of labels, not beside images.
    is_apart: bool,
}

impl Search<'_> {
    /// Notes the label files in a folder, of images that lie in another one or the same.
    fn folder(&mut self, place: &Path, images: &Path) {
        let is_apart = place != images;
        let (files, folders) = names(place);
        for name in files.iter().filter(|name| !begins_with_dot(name)) {
            let path = place.join(name);
            let is_text = |ending: &OsStr| ending.eq_ignore_ascii_case("txt");
            if !path.extension().is_some_and(is_text) {
                continue;
            }
            let image = images.join(name).with_extension("");
            let is_read = path
                .extension()
                .is_some_and(|end| end == "txt" || end == "TXT");
            let label = self.labels.entry(path).or_default();
            label.has_image |= self.stems.contains(&image);
            label.is_read = is_read;
            label.is_apart |= is_apart;
        }
        // Those that have images come by themselves.
        for name in folders
            .iter()
            .filter(|name| is_apart && !begins_with_dot(name))
        {
            let below = images.join(name);
            if !self.images.folders.contains(&below) {
                self.folder(&place.join(name), &below);
            }
        }
    }
}

/// Whether a text file holds labels, and not a list of classes or something else. One without rows
/// does where all others do.
fn is_label(path: &Path, is_apart: bool) -> bool {
    // A pipe would be waited for.
    if !path.is_file() {
        return is_apart;
    }
    let Ok(text) = ablate_files::read_text(path) else {
        return is_apart;
    };
    let Some(row) = text.lines().find(|row| !row.trim().is_empty()) else {
        return is_apart;
    };
    let words = row.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
    let numbers = words.filter(|word| word.parse::<f64>().is_ok());
    numbers.count() >= 4
}
