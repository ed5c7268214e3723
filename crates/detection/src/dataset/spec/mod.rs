//! The description of a data set, as written in YAML.

mod formats;
mod keys;
mod names;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_yaml::Value;

use super::folder::{below, listing, tidy};
use super::shapes::ShapesSpec;
use super::{DataError, voc};

pub use formats::{CocoSpec, CocoSplit, Fractions, OneOrMany, VocSpec, YoloSpec};
pub(crate) use keys::line_of_key;
pub(crate) use names::{MOST_CLASSES, class_names};

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

impl DataSpec {
    /// Reads a description: a YAML file, a folder with a `data.yaml`, a Pascal VOC folder, or the
    /// word `shapes` for the built-in set with its defaults (a folder of that name is `./shapes`).
    ///
    /// # Errors
    /// A file that can't be read, is no YAML, or has a key that is unknown or makes no sense; a
    /// folder that is no data set.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        if path == Path::new("shapes") {
            if path.join("data.yaml").is_file() || path.join("data.yml").is_file() {
                let message = "a data set here, and the name of the one that is built in; write `./shapes` for this one, or rename its folder";
                return Err(DataError::file(path, message));
            }
            return Ok(Self::shapes(ShapesSpec::default()));
        }
        if path.is_dir() {
            return Self::load_folder(path);
        }
        let text = ablate_files::read_text(path).map_err(|error| DataError::io(path, error))?;
        // COCO's files may be large, and YAML's reader would take gigabytes.
        if text.trim_start().starts_with(['{', '[']) && keys::is_coco(&text) {
            let message = "expected a description in YAML, found COCO's JSON itself; write a YAML file with `format: coco` and, for each split, `train: {images: FOLDER, annotations: FILE.json}`";
            return Err(DataError::file(path, message));
        }
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
                keys::check_not_coco(&value, file)?;
                let spec: YoloSpec = keys::typed(value, file)?;
                spec.check()
                    .map_err(|(key, message)| DataError::key(file, key, message))?;
                Format::Yolo(spec)
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

    /// The task that the description names, and where it does.
    pub fn task(&self) -> Option<(&str, String)> {
        let Format::Yolo(YoloSpec { task, .. }) = &self.format else {
            return None;
        };
        let task = task.as_ref()?.as_str()?;
        let line = line_of_key(&self.file, "task");
        Some((task, ablate_files::place(&self.file, line)))
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
