//! Where the images and the XML files lie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::folder::{below, entries, hidden_images, is_hidden, listing, subfolder, walk};
use super::super::image_file::{is_image, unsupported};
use super::super::spec::VocSpec;
use super::super::{DataError, DataSpec, Problems, Split};

/// The layouts that are found without keys, for an error.
pub(crate) const LAYOUTS: &str = "JPEGImages/ and Annotations/, images/ and annotations/, images and .xml files side by side, or one of these in each of train/, valid/ and test/";

/// Files by name: the path below their folder without ending, with `/`.
pub(super) type Files = BTreeMap<String, Vec<PathBuf>>;

/// All files of a data set, or of one of its splits.
#[derive(Default)]
pub(super) struct Content {
    pub images: Files,
    /// Images of types that are not read.
    pub foreign: Files,
    /// XML files.
    pub pages: Files,
    pub problems: Problems,
}

impl Content {
    /// The names of all images and all XML files.
    pub fn names(&self) -> Vec<String> {
        let files = [&self.images, &self.foreign, &self.pages];
        let names: BTreeSet<_> = files.into_iter().flat_map(|files| files.keys()).collect();
        names.into_iter().cloned().collect()
    }
}

/// How a data set is laid out.
#[derive(Debug, PartialEq)]
pub(super) enum Layout {
    /// All splits lie in the same folders.
    Whole(Part),
    /// Each split has a folder, as Roboflow exports them.
    Splits,
}

/// A folder of images and one of XML files, perhaps the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// What the names of its files start with: nothing, or the split's folder and `/`.
    pub prefix: String,
    pub images: PathBuf,
    pub annotations: PathBuf,
}

/// The layout of the data set below `root`.
pub(super) fn find(spec: &DataSpec, voc: &VocSpec, root: &Path) -> Result<Layout, DataError> {
    if let Some(part) = named(spec, voc, root)? {
        return Ok(Layout::Whole(part));
    }
    if let Some(part) = Part::find(root) {
        return Ok(Layout::Whole(part));
    }
    let mut sets = Split::ALL
        .into_iter()
        .filter_map(|split| voc.sets(split))
        .flatten();
    let own = Split::ALL
        .into_iter()
        .any(|split| !own_folders(root, split).is_empty());
    if own || sets.any(|set| !set.is_empty() && Part::find(&root.join(set)).is_some()) {
        return Ok(Layout::Splits);
    }
    let message = format!(
        "expected a Pascal VOC data set ({LAYOUTS}; or set `images` and `annotations`) in {}, found {}",
        root.display(),
        listing(root)
    );
    Err(DataError::file(&spec.file, message))
}

/// Whether a folder is a data set without being described.
pub(crate) fn is_voc(folder: &Path) -> bool {
    let part = Part::find(folder);
    let mut parts = part.iter().cloned();
    let own = |split| own_folders(folder, split);
    parts.any(|part| folder.join("Annotations").is_dir() || contains(&part.annotations, is_xml))
        || Split::ALL.into_iter().any(|split| !own(split).is_empty())
}

/// The folders by the keys `images` and `annotations`; the one that is not named is looked for.
fn named(spec: &DataSpec, voc: &VocSpec, root: &Path) -> Result<Option<Part>, DataError> {
    let folder = |key: &str, path: &Option<PathBuf>| match path {
        None => Ok(None),
        Some(path) if below(root, path).is_dir() => Ok(Some(below(root, path))),
        Some(path) => {
            let message = format!(
                "expected a folder, found none: {}",
                below(root, path).display()
            );
            Err(DataError::key(&spec.file, key, message))
        }
    };
    let images = folder("images", &voc.images)?;
    let annotations = folder("annotations", &voc.annotations)?;
    let lacking = |key: &str, what: &str| {
        let message = format!(
            "missing, and no folder with {what} was found in {}",
            root.display()
        );
        DataError::key(&spec.file, key, message)
    };
    Ok(match (images, annotations) {
        (None, None) => None,
        (Some(images), Some(annotations)) => Some(Part::of(images, annotations)),
        (Some(images), None) => {
            let places = [subfolder(root, &["Annotations"]), Some(images.clone())];
            let mut places = places.into_iter().flatten();
            let found = places.find(|place| contains(place, is_xml));
            let annotations = found.ok_or_else(|| lacking("annotations", ".xml files"))?;
            Some(Part::of(images, annotations))
        }
        (None, Some(annotations)) => {
            let usual = subfolder(root, &["JPEGImages", "images"]);
            let mut places = usual.into_iter().chain([annotations.clone()]);
            let found = places
                .find(|place| contains(place, is_image))
                .or_else(|| holds(root, is_image).then(|| root.to_owned()));
            let images = found.ok_or_else(|| lacking("images", "images"))?;
            Some(Part::of(images, annotations))
        }
    })
}

impl Part {
    fn of(images: PathBuf, annotations: PathBuf) -> Self {
        Self {
            prefix: String::new(),
            images,
            annotations,
        }
    }

    /// Two folders by their usual names, or images and XML files side by side.
    fn find(root: &Path) -> Option<Self> {
        let images = subfolder(root, &["JPEGImages", "images"]);
        let annotations = subfolder(root, &["Annotations"]);
        match (images, annotations) {
            (Some(images), Some(annotations)) => Some(Self::of(images, annotations)),
            (Some(images), None) if contains(&images, is_xml) => {
                Some(Self::of(images.clone(), images))
            }
            (Some(images), None) if holds(root, is_xml) => Some(Self::of(images, root.to_owned())),
            (None, Some(annotations)) if holds(root, is_image) => {
                Some(Self::of(root.to_owned(), annotations))
            }
            (None, None) if holds(root, is_xml) => Some(Self::of(root.to_owned(), root.to_owned())),
            _ => None,
        }
    }

    /// Adds its images and its XML files.
    pub fn read(&self, content: &mut Content) -> Result<(), DataError> {
        let mut hidden = Vec::new();
        self.walk(&self.images, |name, path| {
            if is_hidden(&path, &self.images) {
                hidden.extend(is_image(&path).then_some(path));
            } else if is_image(&path) {
                content.images.entry(name).or_default().push(path);
            } else if unsupported(&path).is_some() {
                content.foreign.entry(name).or_default().push(path);
            }
        })?;
        hidden.sort();
        if let Some((first, reason)) = hidden_images(&hidden) {
            content.problems.note(first, None, reason);
        }
        self.walk(&self.annotations, |name, path| {
            if is_xml(&path) && !is_hidden(&path, &self.annotations) {
                content.pages.entry(name).or_default().push(path);
            }
        })?;
        for files in [
            &mut content.images,
            &mut content.foreign,
            &mut content.pages,
        ] {
            files.values_mut().for_each(|paths| paths.sort());
        }
        Ok(())
    }

    /// Where an image or an XML file of a name would be.
    pub fn place(&self, folder: &Path, name: &str) -> PathBuf {
        folder.join(name.strip_prefix(&self.prefix).unwrap_or(name))
    }

    /// Calls `found` with every file below one of its folders, and with the file's name.
    fn walk(&self, folder: &Path, mut found: impl FnMut(String, PathBuf)) -> Result<(), DataError> {
        walk(folder, &mut |path| {
            let below = path.strip_prefix(folder).unwrap_or(&path);
            let below = below.with_extension("");
            let parts = below
                .components()
                .map(|part| part.as_os_str().to_string_lossy());
            let name = self.prefix.clone() + &parts.collect::<Vec<_>>().join("/");
            found(name, path);
        })
        .map_err(|error| DataError::io(folder, error))
    }
}

/// The folders of a split where each has its own: those that the description names, or the one by
/// its usual name.
pub(super) fn parts(
    spec: &DataSpec,
    voc: &VocSpec,
    root: &Path,
    split: Split,
) -> Result<Vec<Part>, DataError> {
    if let Some(names) = voc.sets(split) {
        if names.iter().all(String::is_empty) {
            return Err(DataError::missing_split(&spec.file, split));
        }
        let named = names.iter().map(|name| {
            let folder = below(root, Path::new(name));
            let part = Part::find(&folder).filter(|_| !name.is_empty());
            part.map(|part| prefixed(part, &folder, root))
                .ok_or_else(|| {
                    let message = format!(
                        "expected a folder with images and .xml files, found none: {}",
                        folder.display()
                    );
                    DataError::key(&spec.file, split.as_str(), message)
                })
        });
        return named.collect();
    }
    let own = own_folders(root, split);
    match own.as_slice() {
        [] => {
            let key = split.as_str();
            let folders = folder_names(split).iter();
            let mut folders = folders.filter_map(|name| subfolder(root, &[name]));
            if let Some(folder) = folders.find(|folder| contains(folder, is_image)) {
                let message = format!("folder {} has images but no .xml files", folder.display());
                return Err(DataError::key(&spec.file, key, message));
            }
            let names = folder_names(split).join("/ or ");
            let message = format!("missing: this data set has no folder {names}/ with images");
            Err(DataError::missing_split_because(
                &spec.file, split, key, message,
            ))
        }
        [part] => Ok(vec![part.clone()]),
        [first, second, ..] => {
            let message = format!(
                "both {} and {} may be meant; name one, or a list of them",
                first.prefix, second.prefix
            );
            Err(DataError::key(&spec.file, split.as_str(), message))
        }
    }
}

fn own_folders(root: &Path, split: Split) -> Vec<Part> {
    let mut parts = Vec::new();
    for name in folder_names(split) {
        if let Some(folder) = subfolder(root, &[name])
            && let Some(part) = Part::find(&folder)
        {
            parts.push(prefixed(part, &folder, root));
        }
    }
    parts
}

/// What the folder of a split is called.
pub(super) fn folder_names(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &["train"],
        Split::Val => &["valid", "val", "validation"],
        Split::Test => &["test"],
    }
}

fn prefixed(part: Part, folder: &Path, root: &Path) -> Part {
    let name = folder.strip_prefix(root).unwrap_or(folder);
    Part {
        prefix: format!("{}/", name.to_string_lossy().replace('\\', "/")),
        ..part
    }
}

/// Whether such a file lies right in a folder.
fn holds(folder: &Path, wanted: fn(&Path) -> bool) -> bool {
    let files = entries(folder);
    files.iter().any(|path| wanted(path) && path.is_file())
}

/// Whether such a file lies anywhere below a folder.
fn contains(folder: &Path, wanted: fn(&Path) -> bool) -> bool {
    let mut any = false;
    // A folder that can't be read is told of when it is opened.
    let _ = walk(folder, &mut |path| any |= wanted(&path));
    any
}

fn is_xml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|suffix| suffix.eq_ignore_ascii_case("xml"))
}
