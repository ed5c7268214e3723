//! The images of a split: in folders, in lists (`.txt` files of paths), or named one by one.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::super::folder::{below, hidden_images, is_hidden, tidy, walk};
use super::super::image_file::{IMAGE_SUFFIXES, is_image, unsupported};
use super::super::{DataError, DataSpec, Problems, Split};

/// Images in the order found, each once.
#[derive(Default)]
pub(super) struct Images {
    pub paths: Vec<PathBuf>,
    pub problems: Problems,
    /// The folders of the description, and those below them in which images were found.
    pub folders: BTreeSet<PathBuf>,
    /// Images in these of types that are not read.
    pub foreign: Vec<PathBuf>,
    seen: HashMap<PathBuf, Option<usize>>,
}

/// Where the image of a list's line was found.
enum Located {
    AsWritten(PathBuf),
    /// By the longest end of its path that exists here.
    ByEnd(PathBuf),
}

/// Paths of a list that were found by their end.
#[derive(Default)]
struct ByEnd {
    count: usize,
    /// Line, entry and image of the first.
    first: Option<(usize, String, PathBuf)>,
}

/// The images that a split's entries name.
pub(super) fn find(
    spec: &DataSpec,
    split: Split,
    entries: &[PathBuf],
    root: &Path,
) -> Result<Images, DataError> {
    let mut images = Images::default();
    for entry in entries {
        let path = resolve(root, entry);
        if path.is_dir() {
            images.add_folder(&path)?;
        } else if path.is_file() && is_image(&path) {
            images.add(path, None);
        } else if path.is_file() && is_described(&path) {
            let message = format!(
                "expected a folder of images or a .txt file that lists them, found {}; of COCO JSON set `format: coco`",
                path.display()
            );
            return Err(DataError::key(&spec.file, split.as_str(), message));
        } else if path.is_file() {
            images.add_list(&path, root)?;
        } else if entry.to_string_lossy().contains("://") {
            let message = format!(
                "expected a folder of images or a .txt file that lists them, found the address {}; download it first",
                entry.display()
            );
            return Err(DataError::key(&spec.file, split.as_str(), message));
        } else {
            // As it is written where it is another machine's.
            let shown = if has_drive(entry) { entry } else { &path };
            let message = format!(
                "expected a folder of images or a .txt file that lists them; {} does not exist",
                shown.display()
            );
            return Err(DataError::key(&spec.file, split.as_str(), message));
        }
    }
    if images.paths.is_empty() && images.problems.is_empty() {
        let places: Vec<String> = entries
            .iter()
            .map(|entry| resolve(root, entry).display().to_string())
            .collect();
        let message = format!(
            "expected images (.{}) in {}, found none",
            IMAGE_SUFFIXES.join(", ."),
            places.join(", ")
        );
        return Err(DataError::key(&spec.file, split.as_str(), message));
    }
    Ok(images)
}

/// A path of the description. Exports of some tools write `../train/images` where `train/images` is
/// meant, and Ultralytics forgives them; so do we.
fn resolve(root: &Path, entry: &Path) -> PathBuf {
    let path = below(root, entry);
    let text = entry.to_string_lossy().replace('\\', "/");
    match text.strip_prefix("../") {
        Some(rest) if !path.exists() && root.join(rest).exists() => root.join(rest),
        _ => tidied(path),
    }
}

impl Images {
    fn add_folder(&mut self, folder: &Path) -> Result<(), DataError> {
        let mut files = Vec::new();
        walk(folder, &mut |path| files.push(path)).map_err(|error| DataError::io(folder, error))?;
        files.sort();
        self.folders.insert(plain(folder.to_owned()));
        let mut hidden = Vec::new();
        for path in files {
            if is_hidden(&path, folder) {
                hidden.extend(is_image(&path).then_some(path));
            } else if is_image(&path) {
                let parent = path.parent().unwrap_or(folder);
                if !self.folders.contains(parent) {
                    self.folders.insert(plain(parent.to_owned()));
                }
                self.add(path, None);
            } else if let Some(reason) = unsupported(&path) {
                let path = plain(path);
                if self.seen.insert(path.clone(), None).is_none() {
                    self.problems.image(&path, None, reason);
                    self.foreign.push(path);
                }
            }
        }
        if let Some((first, reason)) = hidden_images(&hidden) {
            self.problems.note(first, None, reason);
        }
        Ok(())
    }

    /// A `.txt` file with an image path a line, relative to its own folder or to the root of the
    /// data set.
    fn add_list(&mut self, list: &Path, root: &Path) -> Result<(), DataError> {
        let text = ablate_files::read_text(list).map_err(|error| DataError::io(list, error))?;
        let folder = list.parent().unwrap_or(Path::new(""));
        let mut by_end = ByEnd::default();
        for (index, line) in text.lines().enumerate() {
            let entry = line.trim().trim_matches(['"', '\'']).trim();
            if entry.is_empty() {
                continue;
            }
            match locate(entry, folder, root) {
                Ok(Located::AsWritten(path)) => self.add(path, Some((list, index + 1))),
                Ok(Located::ByEnd(path)) => {
                    by_end.count += 1;
                    by_end
                        .first
                        .get_or_insert_with(|| (index + 1, entry.to_owned(), path.clone()));
                    self.add(path, Some((list, index + 1)));
                }
                Err(reason) => self.problems.image(list, Some(index + 1), reason),
            }
        }
        if let Some((line, entry, path)) = by_end.first {
            let (count, path) = (by_end.count, path.display());
            let reason = format!(
                "{count} of the paths lead nowhere as written and are found by their end; the first: {entry} → {path}"
            );
            self.problems.note(list, Some(line), reason);
        }
        Ok(())
    }

    /// Adds an image, unless it is there already; `place` is the line of the list that names it.
    fn add(&mut self, path: PathBuf, place: Option<(&Path, usize)>) {
        let path = plain(path);
        let line = place.map(|(_, line)| line);
        match (self.seen.get(&path), place) {
            (None, _) => {
                self.seen.insert(path.clone(), line);
                self.paths.push(path);
            }
            (Some(_), None) => {
                let reason = "found twice, in folders or lists that overlap; it is used once";
                self.problems.note(&path, None, reason);
            }
            (Some(first), Some((list, line))) => {
                let first =
                    first.map_or(String::new(), |first| format!(" (first in line {first})"));
                let reason = format!("{} is listed twice{first}; it is used once", path.display());
                self.problems.note(list, Some(line), reason);
            }
        }
    }
}

/// Without the `.` in front: the folder of a description may be that.
fn plain(path: PathBuf) -> PathBuf {
    match path.strip_prefix(".") {
        Ok(rest) => rest.to_owned(),
        Err(_) => path,
    }
}

/// The file that a line of a list means. As other tools, below the list's folder or the root;
/// failing that, as a path of another machine, by the longest end of it that exists there.
fn locate(entry: &str, folder: &Path, root: &Path) -> Result<Located, String> {
    let portable = entry.replace('\\', "/");
    let paths = [folder, root].map(|base| below(base, Path::new(entry)));
    if let Some(path) = paths.iter().find(|path| path.is_file()) {
        return Ok(Located::AsWritten(tidied(path.clone())));
    }
    if paths.iter().any(|path| path.is_dir()) {
        return Err(format!(
            "expected an image, found a folder: {entry}; a list names images, the description may name folders"
        ));
    }
    let absolute = portable.starts_with('/') || has_drive(Path::new(entry));
    // Where its folder is here, so should the image be: it is missing, whatever else has its name.
    let folder_exists = |base: &Path| base.join(&portable).parent().is_some_and(Path::is_dir);
    if !absolute && [folder, root].into_iter().any(folder_exists) {
        return Err(format!("missing image: {entry}"));
    }
    let parts: Vec<&str> = portable
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let start = parts
        .iter()
        .rposition(|part| *part == "..")
        .map_or(0, |at| at + 1);
    // A name alone tells little: another folder may have an image of that name, too.
    const FEWEST: usize = 2;
    for at in start.max(1)..=parts.len().saturating_sub(FEWEST) {
        let end: PathBuf = parts[at..].iter().collect();
        let [mut here, mut there] = [root, folder].map(|base| Some(base.join(&end)));
        for path in [&mut here, &mut there] {
            path.take_if(|path| !path.is_file());
        }
        match (here, there) {
            (Some(here), Some(there)) if tidy(&here) != tidy(&there) => {
                return Err(format!(
                    "missing image: {entry}; both {} and {} may be meant",
                    here.display(),
                    there.display()
                ));
            }
            (Some(path), _) | (None, Some(path)) => return Ok(Located::ByEnd(tidied(path))),
            (None, None) => {}
        }
    }
    Err(format!("missing image: {entry}"))
}

/// Without detours, where that is the same file (a link may make it another).
fn tidied(path: PathBuf) -> PathBuf {
    let tidy = tidy(&path);
    let same = tidy == path || tidy.canonicalize().ok() == path.canonicalize().ok();
    if same { tidy } else { path }
}

/// Whether a path starts with a drive, such as `H:`.
fn has_drive(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().get(1) == Some(&b':')
}

/// Whether a file is no list by its ending, but of another format.
fn is_described(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    let others = ["json", "yaml", "yml", "xml"];
    others
        .iter()
        .any(|other| ending.eq_ignore_ascii_case(other))
}
