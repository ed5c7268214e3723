//! Which images are in a split: by image sets, or by a share of all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::error::in_words;
use super::super::folder::{entries, is_hidden, subfolder};
use super::super::image_file::is_image;
use super::super::random::{Draw, stream};
use super::super::spec::{Fractions, VocSpec};
use super::super::{DataError, DataSpec, Problems, Split};
use super::layout::{Content, Files, folder_names};

/// The names of a split's images, of a data set all of whose splits lie together.
pub(super) fn of(
    spec: &DataSpec,
    voc: &VocSpec,
    split: Split,
    root: &Path,
    content: &mut Content,
) -> Result<Vec<String>, DataError> {
    let named = voc.sets(split);
    let Some(folder) = folder(root, &mut content.problems) else {
        foreign_sets(root, spec, split)?;
        return without_sets(spec, voc, split, root, content);
    };
    if named.is_none() && !has_usual(&folder) {
        let sets = sets_in(&folder);
        let [only] = sets.as_slice() else {
            let names: Vec<String> = sets.iter().map(|set| set_name(set)).collect();
            let message = format!(
                "expected image sets train, val and test in {}, found {}; name yours, as in `train: {}`",
                folder.display(),
                names.join(", "),
                names[0]
            );
            return Err(DataError::key(&spec.file, split.as_str(), message));
        };
        // As CVAT writes it: all images in one set.
        let paths = [only.clone()];
        let ids = read_sets(&paths, &content.images, &mut content.problems)?;
        let reason = "the only image set: its images are shared out among the splits";
        content.problems.note(only, None, reason);
        return share_out(ids, voc, split, &spec.file);
    }
    no_fractions(spec, voc, "image sets")?;
    let own = [split.to_string()];
    let paths = named
        .unwrap_or(&own)
        .iter()
        .map(|set| set_file(&folder, set));
    let mut paths: Vec<PathBuf> = paths.collect();
    let all = set_file(&folder, "trainval");
    let is_lacking = |split: Split| !set_file(&folder, split.as_str()).is_file();
    let is_train = named.is_none() && split == Split::Train && is_lacking(split) && all.is_file();
    if is_train && is_lacking(Split::Val) {
        let reason = "taken for the training split: there are no image sets train and val";
        content.problems.note(&all, None, reason);
        paths = vec![all];
    }
    if let Some(path) = paths.iter().find(|path| !path.is_file()) {
        let mut message = format!("image set {} does not exist", path.display());
        if is_train {
            message +=
                "; write `train: trainval` to train on that one, in which the images of val are";
        }
        let key = split.as_str();
        return Err(match named {
            Some(_) => DataError::key(&spec.file, key, message),
            None => DataError::missing_split_because(&spec.file, split, key, message),
        });
    }
    let ids = read_sets(&paths, &content.images, &mut content.problems)?;
    if ids.is_empty() {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let message = format!(
            "expected names of images in {}, found none",
            paths.join(", ")
        );
        return Err(DataError::key(&spec.file, split.as_str(), message));
    }
    Ok(ids)
}

/// The same where there are no image sets: by folders among the images that are called as splits
/// are, such as `images/train`, or by a share of all.
fn without_sets(
    spec: &DataSpec,
    voc: &VocSpec,
    split: Split,
    root: &Path,
    content: &mut Content,
) -> Result<Vec<String>, DataError> {
    let names = content.names();
    let within = |folders: &[&str]| -> Vec<String> {
        let is_within = |name: &&String| {
            let first = name.split_once('/').map(|(first, _)| first);
            first.is_some_and(|first| folders.iter().any(|f| f.eq_ignore_ascii_case(first)))
        };
        names.iter().filter(is_within).cloned().collect()
    };
    if let Some(sets) = voc.sets(split) {
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        if let Some(lacking) = sets.iter().find(|set| within(&[**set]).is_empty()) {
            let message = format!(
                "expected image sets ({}) in {}, found no such folder; nor is {lacking} a folder among the images",
                sets.join(", "),
                root.join("ImageSets/Main").display()
            );
            return Err(DataError::key(&spec.file, split.as_str(), message));
        }
        no_fractions(spec, voc, "a folder for each split")?;
        return Ok(within(&sets));
    }
    let own = Split::ALL.map(|split| within(folder_names(split)));
    let count = own.iter().filter(|names| !names.is_empty()).count();
    if own[Split::Train as usize].is_empty() || count < 2 {
        if voc.fractions.is_none() {
            let reason = "no image sets and no folders of splits: its images are shared out among train, val and test (key fractions)";
            content.problems.note(root, None, reason);
        }
        return share_out(names, voc, split, &spec.file);
    }
    no_fractions(spec, voc, "a folder for each split")?;
    if split == Split::Train {
        let is_outside = |name: &&String| !own.iter().flatten().any(|known| known == *name);
        for name in names.iter().filter(is_outside) {
            let files = content.images.get(name).or(content.pages.get(name));
            let file = files.and_then(|files| files.first());
            let file = file.map_or_else(|| PathBuf::from(name), PathBuf::clone);
            let reason = "in no folder of a split: train, val and test have one each";
            content.problems.image(&file, None, reason);
        }
    }
    let ids = own[split as usize].clone();
    if ids.is_empty() {
        let folders = folder_names(split).join("/ or ");
        let message = format!("missing: this data set has no folder {folders}/ with images");
        let key = split.as_str();
        return Err(DataError::missing_split_because(
            &spec.file, split, key, message,
        ));
    }
    Ok(ids)
}

/// Rejects shares where the data set has splits of its own.
pub(super) fn no_fractions(spec: &DataSpec, voc: &VocSpec, own: &str) -> Result<(), DataError> {
    if voc.fractions.is_none() {
        return Ok(());
    }
    let message = format!("this data set has {own}, which decide on the splits; remove the key");
    Err(DataError::key(&spec.file, "fractions", message))
}

/// `ImageSets/Main`, or `ImageSets` with sets right in it, or those of another task; None if there
/// are no sets.
fn folder(root: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let sets = subfolder(root, &["ImageSets"])?;
    let has_sets = |folder: &PathBuf| !sets_in(folder).is_empty();
    let main = subfolder(&sets, &["Main"]).into_iter();
    if let Some(folder) = main.chain([sets.clone()]).find(has_sets) {
        return Some(folder);
    }
    let mut others = entries(&sets);
    others.retain(|path| path.is_dir() && has_sets(path));
    others.sort();
    let other = others.into_iter().next()?;
    problems.note(&other, None, "its image sets are used, since Main has none");
    Some(other)
}

/// The image sets in a folder, in order.
fn sets_in(folder: &Path) -> Vec<PathBuf> {
    let mut sets = entries(folder);
    sets.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    sets.sort();
    sets
}

/// Rejects files in the place of image sets where none is one, for its ending.
fn foreign_sets(root: &Path, spec: &DataSpec, split: Split) -> Result<(), DataError> {
    let Some(sets) = subfolder(root, &["ImageSets"]) else {
        return Ok(());
    };
    let folder = subfolder(&sets, &["Main"]).unwrap_or(sets);
    let mut files = entries(&folder);
    files.retain(|path| path.is_file() && !is_hidden(path, &folder));
    match files.iter().min() {
        Some(first) => {
            let message = format!(
                "expected image sets that end in .txt in {}, found {}",
                folder.display(),
                first.file_name().unwrap_or_default().display()
            );
            Err(DataError::key(&spec.file, split.as_str(), message))
        }
        None => Ok(()),
    }
}

/// Whether a folder has one of the usual image sets.
fn has_usual(folder: &Path) -> bool {
    let usual = ["train", "val", "test", "trainval"];
    usual.iter().any(|set| set_file(folder, set).is_file())
}

fn set_name(set: &Path) -> String {
    set.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn set_file(folder: &Path, set: &str) -> PathBuf {
    let set = set.strip_suffix(".txt").unwrap_or(set);
    folder.join(format!("{set}.txt"))
}

/// The names in some image sets, in their order. A line is a name, perhaps followed by a flag.
fn read_sets(
    paths: &[PathBuf],
    images: &Files,
    problems: &mut Problems,
) -> Result<Vec<String>, DataError> {
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        let text = ablate_files::read_text(path)
            .map_err(|error| DataError::file(path, in_words(&error)))?;
        for (index, line) in text.lines().enumerate() {
            // A name may contain blanks: only if the whole line is no image is its last word a
            // flag.
            let line = line.trim();
            let id = match line.rsplit_once(char::is_whitespace) {
                Some((id, "1" | "0" | "-1")) if !images.contains_key(line) => id.trim(),
                _ => line,
            };
            if id.is_empty() {
                continue;
            }
            // As Windows writes it.
            let turned = id.replace('\\', "/");
            let id = if images.contains_key(id) { id } else { &turned };
            let id = without_ending(id, images);
            if seen.insert(id.clone()) {
                ids.push(id);
            } else {
                let reason = format!("'{id}' is listed twice; it is used once");
                problems.note(path, Some(index + 1), reason);
            }
        }
    }
    Ok(ids)
}

/// `a` for `a.jpg`, where that is the name of an image.
fn without_ending(id: &str, images: &Files) -> String {
    let stem = Path::new(id).with_extension("");
    match stem.to_str() {
        Some(stem)
            if is_image(Path::new(id)) && !images.contains_key(id) && images.contains_key(stem) =>
        {
            stem.to_owned()
        }
        _ => id.to_owned(),
    }
}

/// A split's share of all images, shuffled by the seed. Every share above 0 gets an image as long
/// as there are any.
fn share_out(
    mut ids: Vec<String>,
    voc: &VocSpec,
    split: Split,
    file: &Path,
) -> Result<Vec<String>, DataError> {
    let shares = voc.fractions.unwrap_or(Fractions {
        train: 0.8,
        val: 0.1,
        test: 0.1,
    });
    let shares = [shares.train, shares.val, shares.test];
    if shares.iter().any(|share| !(0.0..=1.0).contains(share))
        || shares.iter().sum::<f64>() > 1.0 + 1e-9
    {
        return Err(DataError::key(
            file,
            "fractions",
            "expected shares from 0 to 1, together at most 1",
        ));
    }
    if shares[split as usize] == 0.0 {
        return Err(DataError::missing_split_because(
            file,
            split,
            &format!("fractions.{split}"),
            "0: this data set has no split of that name",
        ));
    }
    stream(voc.seed, 0x0076_6f63, 0, 0).shuffle(&mut ids);
    // Test and val take theirs first; where the shares make up all, train gets the rest, rounding
    // and all.
    let n = ids.len();
    let all = shares.iter().sum::<f64>() > 1.0 - 1e-9;
    let mut start = 0;
    let mut part = Vec::new();
    for turn in [Split::Test, Split::Val, Split::Train] {
        let share = shares[turn as usize];
        let count = ((share * n as f64).round() as usize).max(usize::from(share > 0.0));
        let end = if all && turn == Split::Train {
            n
        } else {
            (start + count).min(n)
        };
        if turn == split {
            part = ids[start..end].to_vec();
        }
        start = end;
    }
    if part.is_empty() && n > 0 {
        let message = format!("no image is left for this split of {n} images");
        return Err(DataError::key(file, &format!("fractions.{split}"), message));
    }
    part.sort();
    Ok(part)
}
