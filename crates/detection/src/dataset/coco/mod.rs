//! COCO JSON (<https://cocodataset.org/#format-data>): images, categories, boxes and masks.
//!
//! Category ids become class indices in the order of the ids, or in that of `names`. Crowds and
//! areas are kept. Ids may be numbers or text and are matched by what they mean: an image "12" is
//! that of an annotation whose `image_id` is 12.

mod classes;
mod row;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use self::classes::{Category, Classes};
use self::row::{Row, find};
use super::finish::{Draft, finish};
use super::folder::below;
use super::spec::{CocoSpec, CocoSplit, class_names};
use super::{DataError, DataSpec, Dataset, Problems, Split};
use crate::id::{Id, IdIndex};
use crate::json::{self, lenient_number};

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Row>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: Id,
    file_name: String,
    #[serde(default, deserialize_with = "lenient_number")]
    width: Option<f64>,
    #[serde(default, deserialize_with = "lenient_number")]
    height: Option<f64>,
}

/// The images alone.
#[derive(Deserialize)]
struct Names {
    images: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    file_name: String,
}

impl Image {
    /// Width and height, if the file states both.
    fn stated(&self) -> Option<(usize, usize)> {
        let side = |side: Option<f64>| side.filter(|side| *side > 0.0).map(|side| side as usize);
        side(self.width).zip(side(self.height))
    }
}

pub(crate) fn open(spec: &DataSpec, coco: &CocoSpec, split: Split) -> Result<Dataset, DataError> {
    let paths = coco
        .split(split)
        .ok_or_else(|| DataError::missing_split(&spec.file, split))?;
    let root = spec.root(coco.path.as_deref());
    let (json, folder) = files(paths, &root);
    if !folder.is_dir() {
        let message = format!("`images`: folder {} not found", folder.display());
        return Err(DataError::key(&spec.file, split.as_str(), message));
    }
    let file: File = parse(&json)?;
    let names = coco
        .names
        .as_ref()
        .map(|names| class_names(names, &spec.file))
        .transpose()?;
    let classes = Classes::new(&file.categories, names, &json)?;

    let mut problems = Problems::default();
    let ids = IdIndex::new(file.images.iter().map(|image| image.id.clone()).collect());
    let mut drafts: Vec<Draft> = Vec::with_capacity(file.images.len());
    // By the place of the image in the file.
    let mut draft_of: Vec<usize> = Vec::with_capacity(file.images.len());
    let mut place_of_file: HashMap<String, usize> = HashMap::with_capacity(file.images.len());
    for (place, image) in file.images.into_iter().enumerate() {
        if let Some(first) = ids.place(&image.id).filter(|&first| first != place) {
            let (id, name) = (&image.id, &image.file_name);
            let reason = format!("images[{place}].id: {id} is the id of images[{first}] already");
            // Whose the boxes are that have the id can't be known.
            if *name != drafts[draft_of[first]].name {
                let message =
                    format!("{reason}, of another file ({name}); give each image an id of its own");
                return Err(DataError::file(&json, message));
            }
            problems.note(&json, None, format!("{reason}; it is used once ({name})"));
            draft_of.push(draft_of[first]);
            continue;
        }
        let mut problems = Problems::default();
        if let Some(first) = place_of_file.insert(image.file_name.clone(), place) {
            let name = &image.file_name;
            let reason = format!(
                "images[{place}].file_name: {name} is the file of images[{first}] already; each is used with its own boxes: give all boxes of a file one image_id"
            );
            problems.note(&json, None, reason);
        }
        draft_of.push(drafts.len());
        drafts.push(Draft {
            stated: image.stated(),
            id: Some((ids.number_at(place), image.id)),
            image: below(&folder, Path::new(&image.file_name)),
            name: image.file_name,
            file: json.clone(),
            boxes: Vec::new(),
            problems,
        });
    }
    for (index, row) in file.annotations.iter().enumerate() {
        let label = format!("annotations[{index}]");
        let place = find(&ids, &row.image_id, "image_id", "image");
        match place.and_then(|place| Ok((draft_of[place], row.parse(&classes)?))) {
            Ok((draft, mut parsed)) => {
                let draft = &mut drafts[draft];
                match parsed.mask {
                    Ok(mask) => parsed.draft_box.mask = mask,
                    Err(reason) => draft.problems.mask(&json, None, label.clone() + &reason),
                }
                for note in parsed.notes {
                    draft.problems.note(&json, None, label.clone() + &note);
                }
                parsed.draft_box.label = format!("{label}: ");
                draft.boxes.push(parsed.draft_box);
            }
            Err(reason) => problems.annotation(&json, None, label + &reason),
        }
    }
    let mut dataset = finish(&spec.name, split, classes.names, drafts, problems);
    for (place, class) in classes.of_category.into_iter().enumerate() {
        if let Some(class) = class {
            dataset.category_ids[class] = file.categories[place].id.clone();
        }
    }
    Ok(dataset)
}

/// The annotation file and the folder of images of a split.
fn files(paths: &CocoSplit, root: &Path) -> (PathBuf, PathBuf) {
    (below(root, &paths.annotations), below(root, &paths.images))
}

/// The image files of a split, if some may be those of another: if one of their folders is the
/// other's, or lies in it, or has links. Annotation files may be large.
pub(crate) fn image_files(
    spec: &DataSpec,
    coco: &CocoSpec,
    split: Split,
    other: Split,
) -> Result<Vec<PathBuf>, DataError> {
    let (Some(paths), Some(others)) = (coco.split(split), coco.split(other)) else {
        return Ok(Vec::new());
    };
    let root = spec.root(coco.path.as_deref());
    let (json, folder) = files(paths, &root);
    let real = |folder: &Path| folder.canonicalize().unwrap_or_default();
    let (one, two) = (real(&folder), real(&files(others, &root).1));
    let nested = one.starts_with(&two) || two.starts_with(&one);
    if !nested && !has_links(&one) && !has_links(&two) {
        return Ok(Vec::new());
    }
    let names: Names = parse(&json)?;
    let names = names.images.into_iter();
    Ok(names
        .map(|image| below(&folder, Path::new(&image.file_name)))
        .collect())
}

/// Whether some file right in a folder is a link.
fn has_links(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
}

fn parse<T: DeserializeOwned>(json: &Path) -> Result<T, DataError> {
    let bytes = std::fs::read(json).map_err(|error| DataError::io(json, error))?;
    let shape = "expected {images: [{id, file_name}, …], categories: [{id, name}, …], annotations: [{image_id, category_id, bbox}, …]}";
    if json::is_list(&bytes) {
        let message = format!(
            "{shape}, found a list, as detections are saved; give the annotation file of the data set"
        );
        return Err(DataError::file(json, message));
    }
    json::parse(&bytes, shape).map_err(|error| {
        let colon = if error.place.is_empty() { "" } else { ": " };
        DataError::file(json, format!("{}{colon}{}", error.place, error.problem))
    })
}
