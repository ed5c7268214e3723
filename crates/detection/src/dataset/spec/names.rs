//! Class names.

use std::path::Path;

use serde_yaml::Value;

use super::DataError;

/// Class names from a YAML list or a map from index to name.
pub(crate) fn class_names(names: &Value, file: &Path) -> Result<Vec<String>, DataError> {
    let wrong = |message: String| DataError::key(file, "names", message);
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
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
    for (index, name) in list.iter().enumerate() {
        if list[..index].contains(name) {
            return Err(wrong(format!("class '{name}' is listed twice")));
        }
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
