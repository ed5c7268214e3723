//! Folders: all files below one, and files and folders whose names are written in several ways.

use std::ffi::{OsStr, OsString};
use std::fs::DirEntry;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Calls `found` with every file below a folder. Links to folders are followed, but not back into a
/// folder that the walk is in, which would have no end.
pub(crate) fn walk(folder: &Path, found: &mut impl FnMut(PathBuf)) -> io::Result<()> {
    walk_within(folder, &mut Vec::new(), found)
}

fn walk_within(
    folder: &Path,
    within: &mut Vec<PathBuf>,
    found: &mut impl FnMut(PathBuf),
) -> io::Result<()> {
    let real = readable(folder).canonicalize()?;
    if within.contains(&real) {
        return Ok(());
    }
    within.push(real);
    for entry in std::fs::read_dir(readable(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if is_folder(&entry, &path) {
            walk_within(&path, within, found)?;
        } else {
            found(path);
        }
    }
    within.pop();
    Ok(())
}

/// Whether a file, or a folder between `folder` and it, has a name that begins with a dot: copies
/// that tools keep, as `.ipynb_checkpoints/a-checkpoint.jpg` and `._a.jpg`.
pub(crate) fn is_hidden(path: &Path, folder: &Path) -> bool {
    let below = path.strip_prefix(folder).unwrap_or(path);
    below.iter().any(begins_with_dot)
}

/// Whether a name is that of a hidden file or folder.
pub(crate) fn begins_with_dot(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// What is said of hidden images: how many there are, and which is the first.
pub(crate) fn hidden_images(hidden: &[PathBuf]) -> Option<(&Path, String)> {
    let first = hidden.first()?;
    let reason = match hidden.len() {
        1 => "a hidden image is not read".to_owned(),
        count => format!("{count} hidden images, of which this is the first, are not read"),
    };
    Some((first, reason))
}

/// Whether a path is neither a file nor a folder, but a pipe or the like, which would be waited for.
pub(crate) fn is_special(path: &Path) -> bool {
    let special = |kind: std::fs::Metadata| !kind.is_file() && !kind.is_dir();
    path.metadata().is_ok_and(special)
}

/// Whether an entry is a folder or a link to one. Only links are looked up: an entry tells of itself.
fn is_folder(entry: &DirEntry, path: &Path) -> bool {
    match entry.file_type() {
        Ok(kind) if !kind.is_symlink() => kind.is_dir(),
        _ => path.is_dir(),
    }
}

/// The folder in `parent` with the first of these names that there is: written so, or else in any
/// case of letters.
pub(crate) fn subfolder(parent: &Path, names: &[&str]) -> Option<PathBuf> {
    let exact = names.iter().map(|name| parent.join(name));
    if let Some(folder) = exact.into_iter().find(|path| path.is_dir()) {
        return Some(folder);
    }
    let mut folders: Vec<PathBuf> = entries(parent)
        .into_iter()
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        })
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.into_iter().next()
}

/// The names of files and of folders right in a folder; nothing if it can't be read.
pub(crate) fn names(folder: &Path) -> (Vec<OsString>, Vec<OsString>) {
    let entries = std::fs::read_dir(readable(folder)).into_iter().flatten();
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in entries.flatten() {
        let name = entry.file_name();
        match is_folder(&entry, &folder.join(&name)) {
            true => folders.push(name),
            false => files.push(name),
        }
    }
    (files, folders)
}

/// What lies right in a folder; nothing if it can't be read.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(readable(folder)).into_iter().flatten();
    let names = entries.flatten().map(|entry| entry.file_name());
    names.map(|name| folder.join(name)).collect()
}

/// The empty path means the working folder where something is joined to it, but can't be read.
pub(crate) fn readable(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

/// What lies in a folder, for an error: folders with a `/`, the first few.
pub(crate) fn listing(folder: &Path) -> String {
    const SHOWN: usize = 6;
    let mut names: Vec<String> = entries(folder)
        .iter()
        .map(|path| {
            let slash = if path.is_dir() { "/" } else { "" };
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
                + slash
        })
        .collect();
    // Folders first: they tell the format.
    names.sort_by_key(|name| (!name.ends_with('/'), name.clone()));
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    match (names.is_empty(), more) {
        (true, _) => "nothing".into(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

/// The path without `x/..`, as people would write it; messages are full of it.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match (part, tidy.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(tidy.pop()),
            (Component::CurDir, _) => {}
            _ => tidy.push(part),
        }
    }
    tidy
}

/// `entry` below `folder`; one that does not exist, with `/` where it has `\`, as Windows writes it,
/// or below the home folder where it begins with `~`, as shells read it.
pub(crate) fn below(folder: &Path, entry: &Path) -> PathBuf {
    let path = folder.join(entry);
    match entry.to_str() {
        Some(text) if text.starts_with('~') && !path.exists() => {
            in_home(text, std::env::home_dir()).unwrap_or(path)
        }
        Some(text) if text.contains('\\') && !path.exists() => folder.join(text.replace('\\', "/")),
        _ => path,
    }
}

/// A path that begins with `~`; None of `~other`, another person's folder, and of all where no home
/// folder is known.
fn in_home(entry: &str, home: Option<PathBuf>) -> Option<PathBuf> {
    let home = home.filter(|home| !home.as_os_str().is_empty())?;
    let rest = entry.strip_prefix('~')?.replace('\\', "/");
    match rest.strip_prefix('/') {
        Some(rest) => Some(home.join(rest.trim_start_matches('/'))),
        None => rest.is_empty().then_some(home),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tidy_path_has_no_detours() {
        let tidied = |path: &str| tidy(Path::new(path)).to_string_lossy().into_owned();
        assert_eq!(tidied("a/./b/../c"), "a/c");
        assert_eq!(tidied("../a"), "../a");
        assert_eq!(tidied("/a/../b"), "/b");
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = |entry: &str| in_home(entry, Some("/home/me".into()));
        assert_eq!(home("~/sets/mine"), Some("/home/me/sets/mine".into()));
        assert_eq!(home("~\\sets\\mine"), Some("/home/me/sets/mine".into()));
        assert_eq!(home("~//etc"), Some("/home/me/etc".into()));
        assert_eq!(home("~"), Some("/home/me".into()));
        assert_eq!(home("~you/sets"), None);
        assert_eq!(in_home("~/sets", None), None);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("~")).unwrap();
        assert_eq!(
            below(folder.path(), Path::new("~")),
            folder.path().join("~"),
            "a folder of that name comes first"
        );
    }

    #[test]
    fn a_listing_is_short_and_has_folders_first() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(listing(folder.path()), "nothing");
        std::fs::create_dir(folder.path().join("z")).unwrap();
        for n in 0..7 {
            std::fs::write(folder.path().join(format!("{n}.txt")), "").unwrap();
        }
        assert_eq!(
            listing(folder.path()),
            "z/, 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"
        );
    }
}
