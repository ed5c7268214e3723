//! COCO JSON (<https://cocodataset.org/#format-data>): images, categories, boxes and masks.
//!
//! Category ids become class indices in the order of the ids, or in that of `names`. Crowds and
//! areas are kept.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::finish::{Draft, DraftBox, finish};
use super::spec::{CocoSpec, class_names};
use super::{DataError, DataSpec, Dataset, Problems, Split};
use crate::mask::Segmentation;

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<Row>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// Loosely typed: a bad row is left out, and does not make the file unreadable.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    id: Value,
    image_id: Value,
    category_id: Value,
    bbox: Value,
    area: Value,
    iscrowd: Value,
    segmentation: Value,
}

pub(crate) fn open(spec: &DataSpec, coco: &CocoSpec, split: Split) -> Result<Dataset, DataError> {
    let paths = coco
        .split(split)
        .ok_or_else(|| DataError::missing_split(&spec.file, split))?;
    let root = spec.root(coco.path.as_deref());
    let (json, folder) = (root.join(&paths.annotations), root.join(&paths.images));
    if !folder.is_dir() {
        let message = format!("`images`: folder {} not found", folder.display());
        return Err(DataError::key(&spec.file, split.as_str(), message));
    }
    let bytes = std::fs::read(&json).map_err(|error| DataError::io(&json, error))?;
    let file: File =
        serde_json::from_slice(&bytes).map_err(|error| DataError::file(&json, error))?;
    let names = coco
        .names
        .as_ref()
        .map(|names| class_names(names, &spec.file))
        .transpose()?;
    let (classes, class_of) = classes(&file.categories, names, &json)?;

    let mut problems = Problems::default();
    let mut drafts = Vec::with_capacity(file.images.len());
    let mut place = HashMap::with_capacity(file.images.len());
    for image in file.images {
        if place.contains_key(&image.id) {
            problems.image(
                &json,
                None,
                format!(
                    "image {} ({}): this id is listed twice",
                    image.id, image.file_name
                ),
            );
            continue;
        }
        place.insert(image.id, drafts.len());
        drafts.push(Draft {
            id: Some(image.id),
            image: folder.join(&image.file_name),
            name: image.file_name,
            stated: Some((image.width, image.height)).filter(|&stated| stated != (0, 0)),
            file: json.clone(),
            boxes: Vec::new(),
            problems: Problems::default(),
        });
    }
    for row in &file.annotations {
        let label = format!("annotation {}: ", row.id);
        let draft = row
            .image_id
            .as_u64()
            .and_then(|id| place.get(&id))
            .map(|&place| &mut drafts[place]);
        match (draft, parse_row(row, &class_of)) {
            (Some(draft), Ok(draft_box)) => draft.boxes.push(DraftBox { label, ..draft_box }),
            (_, Err(reason)) => problems.annotation(&json, None, label + &reason),
            (None, Ok(_)) => problems.annotation(
                &json,
                None,
                format!("{label}unknown image {}", row.image_id),
            ),
        }
    }
    let mut dataset = finish(&spec.name, split, classes, drafts, problems);
    class_of
        .into_iter()
        .for_each(|(id, class)| dataset.category_ids[class] = id);
    Ok(dataset)
}

/// Class names, and the class of each category id.
fn classes(
    categories: &[Category],
    names: Option<Vec<String>>,
    json: &Path,
) -> Result<(Vec<String>, HashMap<i64, usize>), DataError> {
    let mut by_id = BTreeMap::new();
    for category in categories {
        if by_id.insert(category.id, &category.name).is_some() {
            return Err(DataError::file(
                json,
                format!("category id {} is listed twice", category.id),
            ));
        }
    }
    if by_id.is_empty() {
        return Err(DataError::file(
            json,
            "`categories`: expected at least one, found none",
        ));
    }
    match names {
        None => {
            let class_of = by_id
                .keys()
                .enumerate()
                .map(|(class, &id)| (id, class))
                .collect();
            Ok((by_id.into_values().cloned().collect(), class_of))
        }
        Some(names) => {
            // A category that `names` leaves out is an unknown class; a name that no category has
            // is a mistake.
            let position = |name: &String| names.iter().position(|own| own == name);
            if let Some(name) = names
                .iter()
                .find(|name| !by_id.values().any(|own| own == name))
            {
                return Err(DataError::file(
                    json,
                    format!("no category has the name '{name}' that `names` lists"),
                ));
            }
            let class_of = by_id
                .iter()
                .filter_map(|(&id, name)| Some((id, position(name)?)))
                .collect();
            Ok((names, class_of))
        }
    }
}

fn parse_row(row: &Row, class_of: &HashMap<i64, usize>) -> Result<DraftBox, String> {
    let class = row
        .category_id
        .as_i64()
        .and_then(|id| class_of.get(&id))
        .copied();
    let class = class.ok_or_else(|| format!("unknown category {}", row.category_id))?;
    let numbers: Option<Vec<f64>> = row
        .bbox
        .as_array()
        .and_then(|list| list.iter().map(Value::as_f64).collect());
    let Some([x, y, w, h]) = numbers.as_deref() else {
        return Err(format!("`bbox`: expected four numbers, found {}", row.bbox));
    };
    Ok(DraftBox {
        line: None,
        label: String::new(),
        class,
        corners: [*x, *y, x + w, y + h],
        normalised: false,
        crowd: row.iscrowd.as_i64() == Some(1) || row.iscrowd.as_bool() == Some(true),
        area: row.area.as_f64(),
        mask: mask(&row.segmentation)?,
    })
}

/// A row's mask; None if the key is absent, or empty, as exports of boxes write it.
fn mask(segmentation: &Value) -> Result<Option<Segmentation>, String> {
    match segmentation {
        Value::Null => Ok(None),
        Value::Array(polygons) if polygons.is_empty() => Ok(None),
        value => Segmentation::deserialize(value)
            .map(Some)
            .map_err(|reason| format!("`segmentation`: {reason}")),
    }
}
