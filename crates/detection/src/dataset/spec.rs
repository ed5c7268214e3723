//! The description of a data set, as written in YAML.

use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::shapes::ShapesSpec;
use super::{DataError, Split};

/// What [`super::Dataset::open`] opens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataSpec {
    /// For people and records: the YAML file's name without ending (or its folder's, where it is
    /// called `data.yaml`).
    pub name: String,
    /// The file or folder that it was read from; errors name it.
    #[serde(skip)]
    pub file: PathBuf,
    /// The format and its keys.
    #[serde(flatten)]
    pub format: Format,
}

/// The formats, by the value of the key `format`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "format", rename_all = "lowercase")]
pub enum Format {
    /// Ultralytics' `data.yaml`; the default.
    Yolo(YoloSpec),
    /// COCO JSON.
    Coco(CocoSpec),
    /// Pascal VOC.
    Voc(VocSpec),
    /// Drawn from a seed.
    Shapes(ShapesSpec),
}

/// Ultralytics' `data.yaml`. Keys that it doesn't know (`download`, …) are ignored, as other tools
/// put their own there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct YoloSpec {
    /// Folder that the other paths are relative to; itself relative to the file's.
    pub path: Option<PathBuf>,
    /// Folders of images, or `.txt` lists of them, of the training split.
    pub train: Option<OneOrMany<PathBuf>>,
    /// The same of the validation split.
    #[serde(alias = "validation")]
    pub val: Option<OneOrMany<PathBuf>>,
    /// The same of the test split.
    pub test: Option<OneOrMany<PathBuf>>,
    /// A list, or a map from class index to name.
    pub names: Option<Value>,
    /// Number of classes, if they have no names.
    pub nc: Option<usize>,
}

/// COCO: a folder of images and a JSON file for each split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CocoSpec {
    /// Folder that the other paths are relative to; itself relative to the file's.
    pub path: Option<PathBuf>,
    /// The training split.
    pub train: Option<CocoSplit>,
    /// The validation split.
    pub val: Option<CocoSplit>,
    /// The test split.
    pub test: Option<CocoSplit>,
    /// The classes in the wanted order; by default the categories by id.
    pub names: Option<Value>,
}

/// Folder of the images and the JSON file of one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CocoSplit {
    /// Folder of the images.
    pub images: PathBuf,
    /// JSON file of the annotations.
    pub annotations: PathBuf,
}

/// Pascal VOC: a folder with `Annotations/` and `JPEGImages/`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VocSpec {
    /// The data set's folder, relative to the file's.
    pub path: Option<PathBuf>,
    /// The classes; by default all names in the XML files, sorted.
    pub names: Option<Value>,
    /// Names of image sets.
    pub train: Option<OneOrMany<String>>,
    /// The same of the validation split.
    pub val: Option<OneOrMany<String>>,
    /// The same of the test split.
    pub test: Option<OneOrMany<String>>,
    /// Shares of the images where there are no image sets.
    pub fractions: Option<Fractions>,
    /// Of the shuffle before the images are shared out.
    pub seed: u64,
    /// Keep objects marked difficult?
    pub difficult: bool,
}

/// Shares of the images by split, in 0..=1, together at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fractions {
    /// Share of the training split.
    pub train: f64,
    /// Share of the validation split.
    pub val: f64,
    /// Share of the test split.
    pub test: f64,
}

/// `x` or `[x, y]` in YAML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A single value.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values as a list.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl DataSpec {
    /// Reads a description: a YAML file, a Pascal VOC folder, a folder with a `data.yaml`, or the
    /// word `shapes` for the built-in set with its defaults.
    ///
    /// # Errors
    /// A file that can't be read, is no YAML, or has a key that is unknown or makes no sense.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        if path == Path::new("shapes") && !path.exists() {
            return Ok(Self::shapes(ShapesSpec::default()));
        }
        if path.is_dir() {
            return match path.join("data.yaml") {
                file if file.is_file() => Self::load(file),
                _ if path.join("Annotations").is_dir() => Ok(Self {
                    name: name_of(path),
                    file: path.to_owned(),
                    format: Format::Voc(VocSpec {
                        path: Some(PathBuf::from(".")),
                        ..VocSpec::default()
                    }),
                }),
                _ => Err(DataError::file(
                    path,
                    "expected data.yaml or Annotations/ in this folder, found neither",
                )),
            };
        }
        let text = ablate_files::read_text(path).map_err(|error| DataError::io(path, error))?;
        Self::parse(&text, path)
    }

    /// The built-in set.
    pub fn shapes(spec: ShapesSpec) -> Self {
        Self {
            name: "shapes".into(),
            file: PathBuf::from("shapes"),
            format: Format::Shapes(spec),
        }
    }

    /// From the text of a YAML file; `file` is where relative paths start and what errors name.
    pub fn parse(text: &str, file: &Path) -> Result<Self, DataError> {
        let mut value: Value =
            serde_yaml::from_str(text).map_err(|error| DataError::file(file, error))?;
        let Some(keys) = value.as_mapping_mut() else {
            return Err(DataError::file(file, "expected keys and values"));
        };
        let format = match keys.remove("format") {
            None => "yolo".to_owned(),
            Some(Value::String(format)) => format,
            Some(other) => {
                return Err(DataError::key(
                    file,
                    "format",
                    format!("{other:?} is not a name"),
                ));
            }
        };
        let format = match format.as_str() {
            "yolo" => Format::Yolo(typed(value, file)?),
            "coco" => Format::Coco(typed(value, file)?),
            "voc" => Format::Voc(typed(value, file)?),
            "shapes" => {
                let spec: ShapesSpec = typed(value, file)?;
                spec.check()
                    .map_err(|(key, message)| DataError::key(file, key, message))?;
                Format::Shapes(spec)
            }
            other => {
                let message = format!("unknown format '{other}'; known: yolo, coco, voc, shapes");
                return Err(DataError::key(file, "format", message));
            }
        };
        Ok(Self {
            name: name_of(file),
            file: file.to_owned(),
            format,
        })
    }

    /// The folder that the description's paths are relative to: its own, then its `path` key.
    pub(crate) fn root(&self, path: Option<&Path>) -> PathBuf {
        let folder = if self.file.is_dir() {
            Some(self.file.as_path())
        } else {
            self.file.parent()
        };
        let folder = folder.unwrap_or(Path::new(""));
        tidy(&path.map_or_else(|| folder.to_owned(), |path| folder.join(path)))
    }
}

/// The path without `x/..`, as people would write it; messages are full of it.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match (part, tidy.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(tidy.pop()),
            _ => tidy.push(part),
        }
    }
    tidy
}

impl YoloSpec {
    pub(crate) fn split(&self, split: Split) -> Option<&[PathBuf]> {
        pick(split, &self.train, &self.val, &self.test).map(OneOrMany::as_slice)
    }
}

impl CocoSpec {
    pub(crate) fn split(&self, split: Split) -> Option<&CocoSplit> {
        pick(split, &self.train, &self.val, &self.test)
    }
}

impl VocSpec {
    /// The image sets of a split.
    pub(crate) fn sets(&self, split: Split) -> Vec<String> {
        pick(split, &self.train, &self.val, &self.test)
            .map_or_else(|| vec![split.to_string()], |sets| sets.as_slice().to_vec())
    }
}

fn pick<'a, T>(
    split: Split,
    train: &'a Option<T>,
    val: &'a Option<T>,
    test: &'a Option<T>,
) -> Option<&'a T> {
    match split {
        Split::Train => train.as_ref(),
        Split::Val => val.as_ref(),
        Split::Test => test.as_ref(),
    }
}

fn typed<T: DeserializeOwned>(value: Value, file: &Path) -> Result<T, DataError> {
    serde_yaml::from_value(value).map_err(|error| DataError::file(file, error))
}

fn name_of(path: &Path) -> String {
    let name = |path: &Path| {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    match (name(path), path.parent().and_then(name)) {
        (Some(own), Some(folder)) if own == "data" => folder,
        (Some(own), _) => own,
        (None, _) => "dataset".into(),
    }
}

/// Class names from a YAML list or a map from index to name.
pub(crate) fn class_names(names: &Value, file: &Path) -> Result<Vec<String>, DataError> {
    let wrong = |message: String| DataError::key(file, "names", message);
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        // YAML reads bare `yes` and `no` as truth values in some dialects.
        Value::Bool(truth) => Ok(truth.to_string()),
        other => Err(wrong(format!("{other:?} is not a class name"))),
    };
    let list = match names {
        Value::Sequence(list) => list.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        Value::Mapping(map) => (0..map.len())
            .map(|index| match map.get(Value::from(index)) {
                Some(name) => text(name),
                None => Err(wrong(format!(
                    "class {index} is missing; number the classes from 0 without a gap"
                ))),
            })
            .collect::<Result<_, _>>()?,
        _ => {
            return Err(wrong(
                "expected a list of names, or a map from index to name".into(),
            ));
        }
    };
    if list.is_empty() {
        return Err(wrong("expected at least one class, found none".into()));
    }
    for (index, name) in list.iter().enumerate() {
        if list[..index].contains(name) {
            return Err(wrong(format!("class '{name}' is listed twice")));
        }
    }
    Ok(list)
}
