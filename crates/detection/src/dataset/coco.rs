//! COCO JSON (<https://cocodataset.org/#format-data>): images, categories, boxes and masks.
//!
//! Category ids become class indices in the order of the ids, or in that of `names`. Crowds and
//! areas are kept. Ids may be numbers or text and are matched by what they mean: an image "12" is
//! that of an annotation whose `image_id` is 12.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::finish::{Draft, DraftBox, finish};
use super::spec::{CocoSpec, class_names};
use super::{DataError, DataSpec, Dataset, Problems, Split};
use crate::id::{Id, IdIndex};
use crate::json::{self, Flag, lenient_number};
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
    id: Id,
    file_name: String,
    #[serde(default, deserialize_with = "lenient_number")]
    width: Option<f64>,
    #[serde(default, deserialize_with = "lenient_number")]
    height: Option<f64>,
}

impl Image {
    /// Width and height, if the file states both.
    fn stated(&self) -> Option<(usize, usize)> {
        let side = |side: Option<f64>| side.filter(|side| *side > 0.0).map(|side| side as usize);
        side(self.width).zip(side(self.height))
    }
}

#[derive(Deserialize)]
struct Category {
    id: Id,
    name: String,
}

/// Loosely typed: a bad row is left out, and does not make the file unreadable.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
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
    let file = read(&json)?;
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
    for (place, image) in file.images.into_iter().enumerate() {
        if let Some(first) = ids.place(&image.id).filter(|&first| first != place) {
            let (id, name) = (&image.id, &image.file_name);
            let reason = format!("images[{place}].id: {id} is the id of images[{first}] already");
            problems.image(&json, None, format!("{reason} ({name})"));
            draft_of.push(draft_of[first]);
            continue;
        }
        draft_of.push(drafts.len());
        drafts.push(Draft {
            stated: image.stated(),
            id: Some((ids.number_at(place), image.id)),
            image: folder.join(&image.file_name),
            name: image.file_name,
            file: json.clone(),
            boxes: Vec::new(),
            problems: Problems::default(),
        });
    }
    for (index, row) in file.annotations.iter().enumerate() {
        let label = format!("annotations[{index}]");
        let place = find(&ids, &row.image_id, "image_id", "image");
        match place.and_then(|place| Ok((draft_of[place], parse_row(row, &classes)?))) {
            Ok((draft, (mut draft_box, mask))) => {
                let draft = &mut drafts[draft];
                match mask {
                    Ok(mask) => draft_box.mask = mask,
                    Err(reason) => draft.problems.mask(&json, None, label.clone() + &reason),
                }
                draft_box.label = format!("{label}: ");
                draft.boxes.push(draft_box);
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

fn read(json: &Path) -> Result<File, DataError> {
    let bytes = std::fs::read(json).map_err(|error| DataError::io(json, error))?;
    let shape = "expected {images: [{id, file_name}, …], categories: [{id, name}, …], annotations: [{image_id, category_id, bbox}, …]}";
    json::parse(&bytes, shape).map_err(|error| {
        let colon = if error.place.is_empty() { "" } else { ": " };
        DataError::file(json, format!("{}{colon}{}", error.place, error.problem))
    })
}

/// The classes of a data set, and which category is which.
struct Classes {
    names: Vec<String>,
    ids: IdIndex,
    /// By the place of the category in the file; None if `names` leaves it out.
    of_category: Vec<Option<usize>>,
}

impl Classes {
    fn new(
        categories: &[Category],
        names: Option<Vec<String>>,
        json: &Path,
    ) -> Result<Self, DataError> {
        let ids = IdIndex::new(categories.iter().map(|own| own.id.clone()).collect());
        for (place, category) in categories.iter().enumerate() {
            if let Some(first) = ids.place(&category.id).filter(|&first| first != place) {
                let id = &category.id;
                return Err(DataError::file(
                    json,
                    format!(
                        "categories[{place}].id: {id} is the id of categories[{first}] already"
                    ),
                ));
            }
        }
        if categories.is_empty() {
            return Err(DataError::file(
                json,
                "`categories`: expected at least one, found none",
            ));
        }
        let Some(names) = names else {
            let mut order: Vec<usize> = (0..categories.len()).collect();
            // "10" comes after "9".
            let key = |place: &usize| {
                let id = &categories[*place].id;
                (id.meaning(), id)
            };
            order.sort_by(|a, b| key(a).cmp(&key(b)));
            let mut of_category = vec![None; categories.len()];
            for (class, &place) in order.iter().enumerate() {
                of_category[place] = Some(class);
            }
            // Of two categories of one name the id tells which is which.
            let name = |place: usize| {
                let Category { id, name } = &categories[place];
                let again = categories.iter().filter(|other| other.name == *name);
                match again.count() {
                    1 => name.clone(),
                    _ => format!("{name} (id {id})"),
                }
            };
            return Ok(Self {
                names: order.into_iter().map(name).collect(),
                ids,
                of_category,
            });
        };
        // A category that `names` leaves out is an unknown class; a name that no category has is a
        // mistake.
        if let Some(name) = names
            .iter()
            .find(|name| !categories.iter().any(|own| own.name == **name))
        {
            return Err(DataError::file(
                json,
                format!("no category has the name '{name}' that `names` lists"),
            ));
        }
        let position = |own: &Category| names.iter().position(|name| *name == own.name);
        Ok(Self {
            of_category: categories.iter().map(position).collect(),
            names,
            ids,
        })
    }
}

/// The place of the id that a key of an annotation names, or what is wrong with it.
fn find(ids: &IdIndex, value: &Value, key: &str, what: &str) -> Result<usize, String> {
    let id = Id::from_json(value)
        .ok_or_else(|| format!(".{key}: expected a number or a string, found {value}"))?;
    ids.place(&id)
        .ok_or_else(|| format!(".{key}: no {what} has the id {id}"))
}

/// A mask, if there is one, or why it can't be read.
type Mask = Result<Option<Segmentation>, String>;

/// The box without its mask and label. Errors and that of the mask begin with the key.
fn parse_row(row: &Row, classes: &Classes) -> Result<(DraftBox, Mask), String> {
    let place = find(&classes.ids, &row.category_id, "category_id", "category")?;
    let class = classes.of_category[place]
        .ok_or_else(|| format!(".category_id: `names` leaves {} out", row.category_id))?;
    let numbers: Option<Vec<f64>> = row
        .bbox
        .as_array()
        .and_then(|list| list.iter().map(Value::as_f64).collect());
    let Some([x, y, w, h]) = numbers.as_deref() else {
        return Err(format!(
            ".bbox: expected four numbers, found {}",
            short(&row.bbox)
        ));
    };
    let wrong = |key: &str, expected: &str, value: &Value| {
        format!(".{key}: expected {expected}, found {}", short(value))
    };
    let Flag(crowd) =
        Flag::deserialize(&row.iscrowd).map_err(|_| wrong("iscrowd", "0 or 1", &row.iscrowd))?;
    let area = lenient_number(&row.area).map_err(|_| wrong("area", "a number", &row.area))?;
    let draft_box = DraftBox {
        line: None,
        label: String::new(),
        class,
        corners: [*x, *y, x + w, y + h],
        normalised: false,
        crowd,
        area,
        mask: None,
    };
    Ok((draft_box, mask(&row.segmentation)))
}

/// A row's mask; None if the key is absent, or empty, as exports of boxes write it.
fn mask(segmentation: &Value) -> Mask {
    match segmentation {
        Value::Null => Ok(None),
        Value::Array(polygons) if polygons.is_empty() => Ok(None),
        value => Segmentation::deserialize(value)
            .map(Some)
            .map_err(|reason| format!(".segmentation: {reason}")),
    }
}

/// A value as text that fits in a message.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
