//! Where the labels of an image lie, and reading them.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::error::in_words;
use super::super::folder::is_special;

/// What was found at the places where labels may lie.
pub(super) enum Labels {
    /// A file with text.
    Found(PathBuf, String),
    /// A file that is no text, or can't be read, and why.
    Unreadable(PathBuf, String),
    /// No file.
    None,
}

/// Reads the labels of an image.
pub(super) fn read(image: &Path) -> Labels {
    let places = places(image);
    // As some systems write it.
    let shouted = places.iter().map(|place| place.with_extension("TXT"));
    for path in places.iter().cloned().chain(shouted) {
        if is_special(&path) {
            return Labels::Unreadable(path, "unreadable labels: expected a file".into());
        }
        match ablate_files::read_text(&path) {
            Ok(text) => return Labels::Found(path, text),
            Err(error) => match error.kind() {
                // A link that leads nowhere is no missing file: there are labels, but elsewhere.
                ErrorKind::NotFound if path.is_symlink() => {
                    return Labels::Unreadable(path, "unreadable labels: a broken link".into());
                }
                // `labels` may be a file, too.
                ErrorKind::NotFound | ErrorKind::NotADirectory => {}
                _ => {
                    let reason = format!("unreadable labels: {}", in_words(&error));
                    return Labels::Unreadable(path, reason);
                }
            },
        }
    }
    Labels::None
}

/// The first place in a folder of labels and the one beside the image: what an error names.
pub(super) fn main_places(image: &Path) -> Vec<PathBuf> {
    let all = places(image);
    match all.as_slice() {
        [first, .., last] => vec![first.clone(), last.clone()],
        _ => all,
    }
}

/// The folders in which the labels of a folder's images may lie.
pub(super) fn folders(images: &Path) -> Vec<PathBuf> {
    let folder = |place: PathBuf| place.parent().map(Path::to_owned);
    places(&images.join("any"))
        .into_iter()
        .filter_map(folder)
        .collect()
}

/// Where the labels of an image may lie, best first: in the twin of the last folder called `images`,
/// as other tools look; in that of `Images`, in any case of letters; and beside the image.
fn places(image: &Path) -> Vec<PathBuf> {
    let is_images = |part: &OsStr| part.eq_ignore_ascii_case("images");
    let folder = image.parent().unwrap_or(Path::new(""));
    // The working folder may be `images`, or lie in it.
    let whole = match folder.iter().any(is_images) {
        false if image.is_relative() => std::path::absolute(image).ok(),
        _ => None,
    };
    let whole = whole.filter(|whole| {
        whole
            .parent()
            .is_some_and(|folder| folder.iter().any(is_images))
    });
    let image = whole.as_deref().unwrap_or(image);
    let parts: Vec<&OsStr> = image.components().map(|part| part.as_os_str()).collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    let exact = folders.iter().rposition(|part| *part == "images");
    let any = folders
        .iter()
        .rposition(|part| part.eq_ignore_ascii_case("images"));
    let mut places = Vec::with_capacity(4);
    if let Some(at) = exact {
        places.push(twin(&parts, at, "labels"));
    }
    if let Some(at) = any {
        let title = parts[at].to_string_lossy().starts_with('I');
        let names = if title {
            ["Labels", "labels", "LABELS"]
        } else {
            ["labels", "Labels", "LABELS"]
        };
        places.extend(names.map(|name| twin(&parts, at, name)));
    }
    places.push(image.with_extension("txt"));
    let mut seen = Vec::with_capacity(places.len());
    places.retain(|place| {
        let new = !seen.contains(place);
        seen.push(place.clone());
        new
    });
    places
}

fn twin(parts: &[&OsStr], at: usize, name: &str) -> PathBuf {
    let mut parts = parts.to_vec();
    parts[at] = name.as_ref();
    parts.iter().collect::<PathBuf>().with_extension("txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lie_in_the_last_images_folders_twin_or_beside() {
        let places = |image: &str| {
            let places = main_places(Path::new(image));
            places
                .iter()
                .map(|place| place.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            places("/a/images/b/images/c.d.jpg"),
            ["/a/images/b/labels/c.d.txt", "/a/images/b/images/c.d.txt"]
        );
        assert_eq!(places("Images/a.jpg"), ["Labels/a.txt", "Images/a.txt"]);
        assert_eq!(places("a/images"), ["a/images.txt"]);
        assert_eq!(places("a/b.png"), ["a/b.txt"]);
    }
}
