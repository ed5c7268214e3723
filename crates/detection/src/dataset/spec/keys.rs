//! Keys of a description: reading them, and errors that name file, line and key.

use std::path::Path;

use ablate_files::{in_plain_words, place, split_line, starts_with_key, tab_hint};
use serde::de::DeserializeOwned;
use serde_yaml::Value;

use super::DataError;

/// Keys of a `data.yaml`, and other words that people write for them.
const YOLO_KEYS: [(&str, &[&str]); 7] = [
    ("path", &[]),
    ("train", &["training"]),
    ("val", &["valid", "validate", "validation"]),
    ("test", &["testing"]),
    ("names", &["classes", "class_names"]),
    ("nc", &["num_classes"]),
    ("format", &[]),
];

/// Another word for `val`, which is taken.
const VALIDATION: &str = "validation";

/// What a split of COCO is.
const COCO_SPLIT: &str = "{images: FOLDER, annotations: FILE.json}";

/// The keys and values of a YAML file.
pub(super) fn parse(text: &str, file: &Path) -> Result<Value, DataError> {
    ablate_files::check_yaml(text).map_err(|message| {
        let (message, line) = split_line(&message);
        DataError::file(Path::new(&place(file, line)), message)
    })?;
    let mut value: Value = serde_yaml::from_str(text).map_err(|error| {
        let message = error.to_string();
        if let Some(key) = message.strip_prefix("duplicate entry with key \"") {
            return twice(text, file, key.trim_end_matches('"'));
        }
        let line = error.location().map(|place| place.line());
        DataError::file(file, message + tab_hint(text, line))
    })?;
    // `<<: *other`, as PyYAML reads it.
    value
        .apply_merge()
        .map_err(|error| DataError::file(file, error))?;
    let Some(keys) = value.as_mapping() else {
        let found = if value.is_null() {
            "an empty file"
        } else {
            "no keys"
        };
        let message =
            format!("expected keys and values, as in `train: images/train`, found {found}");
        return Err(DataError::file(file, message));
    };
    if let Some(key) = keys.keys().find_map(Value::as_u64) {
        let message = "expected a word; class names must be indented below `names`";
        return Err(DataError::key(file, &key.to_string(), message));
    }
    Ok(value)
}

/// That a key of a YAML text is there twice.
fn twice(text: &str, file: &Path, key: &str) -> DataError {
    let is_key = |(_, line): &(usize, &str)| starts_with_key(line.trim_start(), key);
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .filter(is_key)
        .map(|(index, _)| (index + 1).to_string())
        .collect();
    let message = format!("listed twice: see lines {}", lines.join(", "));
    DataError::key(file, key, message)
}

/// The keys of one format.
pub(super) fn typed<T: DeserializeOwned>(value: Value, file: &Path) -> Result<T, DataError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        match unknown_field(&message) {
            Some((key, known)) => {
                let parent = path.strip_suffix(key).unwrap_or(&path);
                let parent = parent.trim_end_matches('.');
                let dot = if parent.is_empty() { "" } else { "." };
                DataError::key(
                    file,
                    &format!("{parent}{dot}{key}"),
                    unknown(nearest(key, &known), &known),
                )
            }
            None if path == "." => DataError::file(file, in_words(&message)),
            None => DataError::key(file, &path, in_words(&message)),
        }
    })
}

/// Rejects keys of a `data.yaml` that look like a known one mistyped, which is not there itself.
/// Other keys are other tools' own.
pub(super) fn check_near(value: &Value, file: &Path) -> Result<(), DataError> {
    let Some(keys) = value.as_mapping() else {
        return Ok(());
    };
    for (key, value) in keys {
        let Some(key) = key.as_str() else { continue };
        let is_known = YOLO_KEYS.iter().any(|(known, _)| *known == key) || key == VALIDATION;
        if key.len() < 3 || is_known {
            continue;
        }
        let near = YOLO_KEYS.iter().find(|(known, others)| {
            let key = key.to_lowercase();
            others.contains(&key.as_str()) || strsim::osa_distance(&key, known) <= 1
        });
        // A data set may well have a `name`, where classes are only counted, and `names` are
        // counted anyway.
        let is_own = |known: &str| match known {
            "names" => keys.contains_key("nc") && value.is_string(),
            "nc" => keys.contains_key("names"),
            _ => false,
        };
        match near {
            Some(&(known, _)) if !keys.contains_key(known) && !is_own(known) => {
                let known_keys = YOLO_KEYS.map(|(known, _)| known);
                return Err(DataError::key(file, key, unknown(Some(known), &known_keys)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a text in braces is an annotation file of COCO and not a description. One that is both
/// has a split.
pub(super) fn is_coco(text: &str) -> bool {
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    let is_list = text.trim_start().starts_with('[');
    is_list || (has("categories") && ["train", "val", "test"].iter().all(|split| !has(split)))
}

/// Rejects splits of COCO JSON in a description that does not say that it is one.
pub(super) fn check_not_coco(value: &Value, file: &Path) -> Result<(), DataError> {
    for split in ["train", "val", "test"] {
        let keys = value.get(split).and_then(Value::as_mapping);
        if keys.is_some_and(|keys| keys.contains_key("annotations")) {
            let message = "expected a folder, a list of images or several of them, found keys and values; of COCO JSON add `format: coco`";
            return Err(DataError::key(file, split, message));
        }
    }
    Ok(())
}

fn unknown(near: Option<&str>, known: &[&str]) -> String {
    let known = known.join(", ");
    match near {
        Some(near) => format!("unknown; did you mean `{near}`? Known: {known}"),
        None => format!("unknown; known: {known}"),
    }
}

/// The known word that differs least, if not by more than a typing error or two.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let changes = |known: &&'k str| (strsim::osa_distance(word, known), *known);
    let (changes, near) = known.iter().map(changes).min()?;
    (changes <= 1 + word.len() / 4).then_some(near)
}

/// The unknown and the known keys in a message of serde.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let (key, known) = message
        .strip_prefix("unknown field `")?
        .split_once("`, expected ")?;
    Some((key, known.split('`').skip(1).step_by(2).collect()))
}

/// A message of serde in plain words; of COCO's splits, with what they are.
fn in_words(message: &str) -> String {
    match message {
        "missing field `images`" | "missing field `annotations`" => {
            format!("{message}; expected {COCO_SPLIT}")
        }
        _ if message.ends_with(", expected struct CocoSplit") => {
            in_plain_words(message).replacen("keys and values", COCO_SPLIT, 1)
        }
        _ => in_plain_words(message),
    }
}

/// The line, from 1, of a key such as `names` or `fractions.val` in a YAML file. None if the file
/// has no such key, or is none.
pub(crate) fn line_of_key(file: &Path, key: &str) -> Option<usize> {
    ablate_files::line_of_key(&ablate_files::read_text(file).ok()?, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_has_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.yaml");
        std::fs::write(&file, "val: a\n").unwrap();
        assert_eq!(line_of_key(&file, "val"), Some(1));
        assert_eq!(line_of_key(folder.path(), "val"), None);
    }
}
