//! Values that people write in more than one way.

use serde::{Deserialize, Deserializer, de::Error};
use serde_yaml::Value;

/// A value as YAML writes it, for an error.
pub(super) fn as_written(value: &Value) -> String {
    serde_yaml::to_string(value)
        .map_or_else(|_| format!("{value:?}"), |yaml| yaml.trim_end().into())
}

/// A share, or `true` for a half and `false` for none.
pub(super) fn share_or_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(on) => Ok(if on { 0.5 } else { 0.0 }),
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN)),
        other => Err(D::Error::custom(format!(
            "multi_scale: expected a number from 0 to below 1, true or false, found {}",
            as_written(&other)
        ))),
    }
}

/// Above 0, or -1 for [`super::AUTO_BATCH`].
pub(super) mod batch_size {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::super::AUTO_BATCH;

    pub fn serialize<S: Serializer>(batch: &usize, serializer: S) -> Result<S::Ok, S::Error> {
        match *batch {
            AUTO_BATCH => serializer.serialize_i64(-1),
            batch => serializer.serialize_u64(batch as u64),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
        match i64::deserialize(deserializer)? {
            -1 => Ok(AUTO_BATCH),
            batch @ 1.. => Ok(batch as usize),
            batch => Err(D::Error::custom(format!(
                "batch: expected at least 1, or -1 for as many images as fit the GPU, found {batch}"
            ))),
        }
    }
}

/// Rows by number: a count of first ones, a list, or nothing for none.
pub(super) fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let rows = match &value {
        Value::Null => Some(Vec::new()),
        Value::Number(count) => count
            .as_u64()
            .filter(|count| *count <= MAX_ROWS)
            .map(|count| (0..count as usize).collect()),
        Value::Sequence(rows) => rows
            .iter()
            .map(|row| row.as_u64().map(|row| row as usize))
            .collect(),
        _ => None,
    };
    rows.ok_or_else(|| {
        D::Error::custom(format!(
            "freeze: expected a number of first rows or a list of row numbers, found {}",
            as_written(&value)
        ))
    })
}

/// A number of anchors, rounded; 0 and nothing for none.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::Null => Some(0.0),
        value => value.as_f64().map(f64::round_ties_even),
    };
    match number {
        Some(0.0) => Ok(None),
        Some(number) if (1.0..=MAX_ANCHORS).contains(&number) => Ok(Some(number as usize)),
        _ => Err(D::Error::custom(format!(
            "anchors: expected a number of anchors for each level, 0 for the table's own, found {}",
            as_written(&value)
        ))),
    }
}

/// More anchors of a level than anybody has.
const MAX_ANCHORS: f64 = 100.0;

/// More rows than any model's table has.
const MAX_ROWS: u64 = 10_000;
