//! What a training is, so that it goes on from its own checkpoint only, and in what it differs from
//! that of a checkpoint.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::checkpoint::{CheckpointError, RESUME, Reader, TrainingState};

/// Says what is trained on what and how.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The same for trainings that end alike, and no others, such as the key of a record.
    pub key: &'a str,
    /// What the key stands for, as a person reads it: a map by names.
    pub inputs: &'a Value,
}

/// Differences that are named before the rest is only counted.
const MOST: usize = 8;

/// Characters of a value that are shown.
const MOST_SHOWN: usize = 60;

/// Rejects a folder whose checkpoint, if it has one, is of another training.
///
/// # Errors
/// What differs; a checkpoint that can't be read.
pub fn check_checkpoint(folder: &Path, identity: Identity) -> Result<(), CheckpointError> {
    match Reader::open(&folder.join(RESUME))? {
        Some(file) => check(&file, &file.state()?, identity),
        None => Ok(()),
    }
}

/// The same of a checkpoint that was read.
pub(crate) fn check(
    file: &Reader,
    found: &TrainingState,
    identity: Identity,
) -> Result<(), CheckpointError> {
    match found.identity == identity.key {
        true => Ok(()),
        false => Err(file.error(mismatch(found, identity))),
    }
}

/// Why a training can't go on from the checkpoint of another one.
fn mismatch(found: &TrainingState, expected: Identity) -> String {
    let mut differences = Vec::new();
    if !found.inputs.is_null() {
        compare("", &found.inputs, expected.inputs, &mut differences);
    }
    if differences.is_empty() {
        return format!(
            "expected a checkpoint of training '{}', found one of '{}'; remove it or choose another folder",
            expected.key, found.identity
        );
    }
    let more = differences.len().saturating_sub(MOST);
    differences.truncate(MOST);
    if more > 0 {
        differences.push(format!("{more} more"));
    }
    format!(
        "expected a checkpoint of this training, found one of another: {}; ask for the same, or choose another folder",
        differences.join("; ")
    )
}

/// A line for each value that is not the same in both, by its path.
fn compare(path: &str, found: &Value, expected: &Value, differences: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let keys: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
            for key in keys {
                let dot = if path.is_empty() { "" } else { "." };
                let of = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or(Value::Null)
                };
                compare(
                    &format!("{path}{dot}{key}"),
                    &of(theirs),
                    &of(ours),
                    differences,
                );
            }
        }
        _ if found == expected => {}
        _ => differences.push(format!(
            "{path} is {} there and {} here",
            shown(found),
            shown(expected)
        )),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(identity: &str, inputs: Value) -> TrainingState {
        TrainingState {
            identity: identity.into(),
            inputs,
            ..TrainingState::default()
        }
    }

    fn words(theirs: Value, ours: &Value) -> String {
        let ours = Identity {
            key: "b",
            inputs: ours,
        };
        mismatch(&state("a", theirs), ours)
    }

    #[test]
    fn what_differs_is_named() {
        let ours =
            json!({"model": "yolov5n", "recipe": {"epochs": 5, "lr0": 0.01}, "val": {"images": 4}});
        let theirs = json!({"model": "yolov5n", "recipe": {"epochs": 3, "lr0": 0.01}, "val": null});
        assert_eq!(
            words(theirs, &ours),
            "expected a checkpoint of this training, found one of another: recipe.epochs is 3 there and 5 here; \
             val is none there and {\"images\":4} here; ask for the same, or choose another folder"
        );
        // One of an earlier version, and one that differs in what is not told.
        for inputs in [Value::Null, ours.clone()] {
            assert_eq!(
                words(inputs, &ours),
                "expected a checkpoint of training 'b', found one of 'a'; remove it or choose another folder"
            );
        }
        let many = |value: usize| (0..20).map(|key| (key.to_string(), value.into())).collect();
        let text = words(Value::Object(many(1)), &Value::Object(many(2)));
        assert!(text.contains("; 12 more;"), "{text}");
    }
}
