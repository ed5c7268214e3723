//! Ultralytics' `data.yaml` with YOLO label files.
//!
//! The labels of `…/images/a/b.jpg` lie in `…/labels/a/b.txt`: the last folder called `images`
//! becomes `labels`; where there is no such file, they lie beside the image. A row is
//! `class cx cy w h`, in shares of the image's size, or `class x1 y1 x2 y2 x3 y3 …`, a polygon, whose
//! bounding box is the object's box. Shares may miss 0..=1 by 0.01, as rounding makes them. An image
//! without a label file is background, and counted in [`Problems::unlabelled`].

mod images;
mod labels;
mod orphans;
mod row;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use self::images::Images;
use self::labels::Labels;
use self::row::Grammar;
use super::finish::{Draft, DraftBox, finish, name_below};
use super::spec::{MOST_CLASSES, YoloSpec, class_names};
use super::{DataError, DataSpec, Dataset, Problems, Split};
use crate::mask::Segmentation;

pub(crate) fn open(spec: &DataSpec, yolo: &YoloSpec, split: Split) -> Result<Dataset, DataError> {
    let classes = classes(spec, yolo)?;
    let entries = entries(spec, yolo, split)?;
    let root = spec.existing_root(yolo.path.as_deref())?;
    let mut images = images::find(spec, split, entries, &root)?;
    let orphans = orphans::find(&images);
    let mut problems = std::mem::take(&mut images.problems);
    let grammar = Grammar {
        classes,
        keypoints: keypoints(spec, yolo)?,
    };
    problems.lost_with_images += lost_boxes(&images, &grammar);
    let read: Vec<_> = images
        .paths
        .into_par_iter()
        .map(|image| draft(image, &root, &grammar))
        .collect();
    let mut drafts = Vec::with_capacity(read.len());
    let mut unlabelled = None;
    for result in read {
        match result {
            Ok(draft) => {
                if draft.problems.unlabelled > 0 && unlabelled.is_none() {
                    unlabelled = Some(labels::main_places(&draft.image));
                }
                drafts.push(draft);
            }
            Err(left_out) => problems.extend(left_out),
        }
    }
    tell_shared(&mut drafts);
    let mut dataset = finish(&spec.name, split, grammar.classes, drafts, problems);
    dataset.problems.extend(orphans);
    match unlabelled {
        Some(looked_for) if dataset.problems.unlabelled > 0 && dataset.annotation_count() == 0 => {
            Err(no_labels(&dataset, looked_for))
        }
        _ => Ok(dataset),
    }
}

/// The image files of a split, as its folders and lists have them.
pub(crate) fn image_files(
    spec: &DataSpec,
    yolo: &YoloSpec,
    split: Split,
) -> Result<Vec<PathBuf>, DataError> {
    let entries = entries(spec, yolo, split)?;
    let root = spec.existing_root(yolo.path.as_deref())?;
    Ok(images::find(spec, split, entries, &root)?.paths)
}

/// Names label files that are those of several images, such as `a.jpg` and `a.png`.
fn tell_shared(drafts: &mut [Draft]) {
    let mut first: HashMap<PathBuf, PathBuf> = HashMap::with_capacity(drafts.len());
    for draft in drafts
        .iter_mut()
        .filter(|draft| draft.problems.unlabelled == 0)
    {
        match first.get(&draft.file) {
            None => drop(first.insert(draft.file.clone(), draft.image.clone())),
            Some(other) => {
                let reason = format!(
                    "the labels of both {} and {}; both are used",
                    other.display(),
                    draft.image.display()
                );
                draft.problems.note(&draft.file, None, reason);
            }
        }
    }
}

/// The folders and lists of a split, of which there is at least one.
fn entries<'s>(
    spec: &DataSpec,
    yolo: &'s YoloSpec,
    split: Split,
) -> Result<&'s [PathBuf], DataError> {
    let is_empty = |path: &PathBuf| path.as_os_str().is_empty();
    match yolo.split(split) {
        Some(entries) if !entries.iter().all(is_empty) => {
            if entries.iter().any(is_empty) {
                let message = "expected paths, found an empty one";
                return Err(DataError::key(&spec.file, split.as_str(), message));
            }
            Ok(entries)
        }
        _ => Err(DataError::missing_split(&spec.file, split)),
    }
}

/// Why a data set in which images have no label file has no box.
fn no_labels(dataset: &Dataset, looked_for: Vec<PathBuf>) -> DataError {
    let problems = &dataset.problems;
    DataError::NoLabels {
        name: dataset.name.clone(),
        split: dataset.split,
        unlabelled: problems.unlabelled,
        images: dataset.samples.len(),
        looked_for,
        problems: match problems.is_empty() {
            true => String::new(),
            false => problems.summary(5),
        },
    }
}

/// How many numbers of keypoints follow a box: `kpt_shape` of a pose data set, the number of points
/// and of numbers a point.
fn keypoints(spec: &DataSpec, yolo: &YoloSpec) -> Result<usize, DataError> {
    match yolo.kpt_shape.as_deref() {
        None => Ok(0),
        Some(&[points, numbers @ (2 | 3)]) => Ok(points.saturating_mul(numbers)),
        Some(other) => {
            let message = format!("expected [number of keypoints, 2 or 3], found {other:?}");
            Err(DataError::key(&spec.file, "kpt_shape", message))
        }
    }
}

fn classes(spec: &DataSpec, yolo: &YoloSpec) -> Result<Vec<String>, DataError> {
    let names = yolo
        .names
        .as_ref()
        .map(|names| class_names(names, &spec.file))
        .transpose()?;
    match (names, yolo.nc) {
        (Some(names), Some(nc)) if names.len() != nc => {
            let message = format!(
                "expected {}, the number of `names`, found {nc}",
                names.len()
            );
            Err(DataError::key(&spec.file, "nc", message))
        }
        (Some(names), _) => Ok(names),
        (None, Some(nc)) if !(1..=MOST_CLASSES).contains(&nc) => {
            let message = format!("expected 1 to {MOST_CLASSES} classes, found {nc}");
            Err(DataError::key(&spec.file, "nc", message))
        }
        (None, Some(nc)) => Ok((0..nc).map(|class| format!("class_{class}")).collect()),
        (None, None) => Err(DataError::key(
            &spec.file,
            "names",
            "missing; list the class names (or set their number as `nc`)",
        )),
    }
}

/// That none of a label file's rows can be used, and why not the first; other tools leave such an
/// image out, too.
fn no_row(rows: usize, problems: &Problems) -> String {
    let first = problems.list.first();
    let (line, reason) = first.map_or((0, ""), |problem| {
        (problem.line.unwrap_or(0), problem.reason.as_str())
    });
    match rows {
        1 => format!("its one row, line {line}, can't be used: {reason}"),
        _ => format!("none of its {rows} rows can be used, the first, line {line}: {reason}"),
    }
}

/// The boxes of images of types that are not read.
fn lost_boxes(images: &Images, grammar: &Grammar) -> usize {
    if images.foreign.is_empty() {
        return 0;
    }
    // `a.heic` beside `a.jpg` has no labels of its own.
    let stem = |image: &PathBuf| image.with_extension("");
    let stems: HashSet<PathBuf> = images.paths.iter().map(stem).collect();
    let boxes = |image: &PathBuf| match labels::read(image) {
        Labels::Found(_, text) => text
            .lines()
            .filter(|row| grammar.parse(row).is_ok())
            .count(),
        Labels::Unreadable(..) | Labels::None => 0,
    };
    let alone = images.foreign.par_iter();
    let alone = alone.filter(|image| !stems.contains(&stem(image)));
    alone.map(boxes).sum()
}

/// An image with its labels, or why it is left out: where its objects are unknown it must not teach
/// that there are none.
fn draft(image: PathBuf, root: &Path, grammar: &Grammar) -> Result<Draft, Problems> {
    let mut problems = Problems::default();
    let mut boxes = Vec::new();
    let (file, text) = match labels::read(&image) {
        Labels::Found(file, text) => (file, text),
        Labels::Unreadable(file, reason) => {
            problems.image(&file, None, reason);
            return Err(problems);
        }
        Labels::None => {
            problems.unlabelled = 1;
            (image.with_extension("txt"), String::new())
        }
    };
    let mut refused = 0;
    for (index, row) in text.lines().enumerate() {
        if row.trim().is_empty() {
            continue;
        }
        match grammar.parse(row) {
            Ok(row) => boxes.push(DraftBox {
                line: Some(index + 1),
                label: String::new(),
                class: row.class,
                corners: row.corners,
                normalised: true,
                like_shares: None,
                crowd: false,
                area: None,
                mask: row
                    .polygon
                    .map(|polygon| Segmentation::Polygons(vec![polygon])),
            }),
            Err(reason) => {
                refused += 1;
                problems.annotation(&file, Some(index + 1), reason);
            }
        }
    }
    if refused > 0 && boxes.is_empty() {
        let mut only = Problems::default();
        only.image_with(refused, &file, no_row(refused, &problems));
        return Err(only);
    }
    Ok(Draft {
        id: None,
        name: name_below(&image, root),
        image,
        stated: None,
        file,
        boxes,
        problems,
    })
}
