//! The description of a data set, as written in YAML.

mod keys;
mod names;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::folder::{below, listing, tidy};
use super::shapes::ShapesSpec;
use super::{DataError, Split, voc};

pub(crate) use keys::line_of_key;
pub(crate) use names::class_names;

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
/// put their own there, but for those that look like one of these mistyped.
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
    /// Of a pose data set: the number of keypoints and of numbers a keypoint, which follow each box
    /// and are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kpt_shape: Option<Vec<usize>>,
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

/// Pascal VOC: XML files and images, in two folders or side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VocSpec {
    /// The data set's folder, relative to the file's.
    pub path: Option<PathBuf>,
    /// Folder of the images; by default `JPEGImages` or `images`, or where the XML files lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
    /// Folder of the XML files; by default `Annotations` or `annotations`, or where the images lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<PathBuf>,
    /// The classes; by default all names in the XML files, sorted.
    pub names: Option<Value>,
    /// Names of image sets, or of folders where the data set has one for each split.
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
#[serde(untagged, expecting = "expected a name, or a list of names")]
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
    /// Reads a description: a YAML file, a folder with a `data.yaml`, a Pascal VOC folder, or the
    /// word `shapes` for the built-in set with its defaults.
    ///
    /// # Errors
    /// A file that can't be read, is no YAML, or has a key that is unknown or makes no sense; a
    /// folder that is no data set.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        if path == Path::new("shapes") && !path.exists() {
            return Ok(Self::shapes(ShapesSpec::default()));
        }
        if path.is_dir() {
            return Self::load_folder(path);
        }
        let text = ablate_files::read_text(path).map_err(|error| DataError::io(path, error))?;
        Self::parse(&text, path)
    }

    fn load_folder(folder: &Path) -> Result<Self, DataError> {
        let yaml = ["data.yaml", "data.yml"].map(|name| folder.join(name));
        if let Some(yaml) = yaml.into_iter().find(|file| file.is_file()) {
            return Self::load(yaml);
        }
        if !voc::is_voc(folder) {
            let message = format!(
                "expected data.yaml or a Pascal VOC data set ({}) in this folder, found {}",
                voc::LAYOUTS,
                listing(folder)
            );
            return Err(DataError::file(folder, message));
        }
        Ok(Self {
            name: name_of(folder),
            file: folder.to_owned(),
            format: Format::Voc(VocSpec {
                path: Some(PathBuf::from(".")),
                ..VocSpec::default()
            }),
        })
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
        let mut value = keys::parse(text, file)?;
        let format = match value
            .as_mapping_mut()
            .and_then(|keys| keys.remove("format"))
        {
            None => "yolo".to_owned(),
            Some(Value::String(format)) => format,
            Some(_) => {
                let message = "expected one of yolo, coco, voc, shapes";
                return Err(DataError::key(file, "format", message));
            }
        };
        let format = match format.to_lowercase().as_str() {
            "yolo" => {
                keys::check_near(&value, file)?;
                Format::Yolo(keys::typed(value, file)?)
            }
            "coco" => Format::Coco(keys::typed(value, file)?),
            "voc" => Format::Voc(keys::typed(value, file)?),
            "shapes" => {
                let spec: ShapesSpec = keys::typed(value, file)?;
                spec.check()
                    .map_err(|(key, message)| DataError::key(file, key, message))?;
                Format::Shapes(spec)
            }
            _ => {
                let message = format!("unknown format '{format}'; known: yolo, coco, voc, shapes");
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
        tidy(&path.map_or_else(|| folder.to_owned(), |path| below(folder, path)))
    }

    /// As [`Self::root`], of a format all of whose files lie there.
    ///
    /// # Errors
    /// A `path` that is no folder.
    pub(crate) fn existing_root(&self, path: Option<&Path>) -> Result<PathBuf, DataError> {
        let root = self.root(path);
        if path.is_some() && !root.as_os_str().is_empty() && !root.is_dir() {
            let found = if root.is_file() { "a file" } else { "none" };
            let message = format!("expected a folder, found {found}: {}", root.display());
            return Err(DataError::key(&self.file, "path", message));
        }
        Ok(root)
    }
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
    /// The image sets or folders that the description names for a split.
    pub(crate) fn sets(&self, split: Split) -> Option<&[String]> {
        pick(split, &self.train, &self.val, &self.test).map(OneOrMany::as_slice)
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
