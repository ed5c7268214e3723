//! Class names.

use std::collections::HashSet;
use std::path::Path;

use serde_yaml::Value;

use super::super::visible::visible;
use super::DataError;

/// More classes than any data set has: figures of each, at each overlap, must fit in memory.
pub(crate) const MOST_CLASSES: usize = 100_000;

/// Class names from a YAML list or a map from index to name.
pub(crate) fn class_names(names: &Value, file: &Path) -> Result<Vec<String>, DataError> {
    let wrong = |message: String| DataError::key(file, "names", message);
    let text = |value: &Value| match value {
        Value::String(text) => Ok(visible(text.clone())),
        Value::Number(number) => Ok(number.to_string()),
        // YAML reads bare `yes` and `no` as truth values in some dialects.
        Value::Bool(truth) => Ok(truth.to_string()),
        other => Err(wrong(format!(
            "expected a class name, found {}",
            kind(other)
        ))),
    };
    let list = match names {
        Value::Sequence(list) => list.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        Value::Mapping(map) => (0..map.len())
            .map(|index| {
                // JSON writes numbers that are keys with quotation marks.
                let quoted = || map.get(Value::from(index.to_string()));
                match map.get(Value::from(index)).or_else(quoted) {
                    Some(name) => text(name),
                    None => Err(wrong(missing(index, map))),
                }
            })
            .collect::<Result<_, _>>()?,
        other => {
            return Err(wrong(format!(
                "expected a list of names, or a map from number to name, found {}",
                kind(other)
            )));
        }
    };
    if list.is_empty() {
        return Err(wrong("expected at least one class, found none".into()));
    }
    if list.len() > MOST_CLASSES {
        let found = list.len();
        let message = format!("expected 1 to {MOST_CLASSES} classes, found {found}");
        return Err(wrong(message));
    }
    let mut seen = HashSet::with_capacity(list.len());
    if let Some(name) = list.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(wrong(format!("class '{name}' is listed twice")));
    }
    Ok(list)
}

/// Why a map of classes has no class of this number.
fn missing(index: usize, map: &serde_yaml::Mapping) -> String {
    let is_number = |key: &Value| match key {
        Value::String(text) => text.parse::<u64>().is_ok(),
        key => key.is_u64(),
    };
    match map.keys().find(|key| !is_number(key)) {
        Some(Value::String(key)) => {
            format!("expected class numbers as keys, as in {{0: cat}}, found '{key}'")
        }
        _ => format!("class {index} is missing; number the classes from 0 without a gap"),
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Sequence(_) => "a list".into(),
        Value::Mapping(_) => "a map".into(),
        Value::Tagged(tagged) => format!("the tag {}", tagged.tag),
    }
}
