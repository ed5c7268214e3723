//! Ids of images, categories and annotations as people's tools write them: numbers, numbers with a
//! decimal point, text.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

/// The id of an image, category or annotation as its file has it; 7.0 is 7.
///
/// Numbers come before text, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A number; serialised as one.
    Number(Number),
    /// Any other text; serialised as a string.
    Text(String),
}

impl Id {
    /// None if the value is neither a number nor a string.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::number(number.clone())),
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// That which Ultralytics gives an image that has none: its file name without the ending, as a
    /// number if it is one.
    pub(crate) fn of_file(path: &Path) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let digits = stem.bytes().all(|byte| byte.is_ascii_digit());
        match stem.parse::<u64>() {
            Ok(number) if digits => number.into(),
            _ => Self::Text(stem.into_owned()),
        }
    }

    /// Whole numbers that floats hold exactly are written without a point.
    fn number(number: Number) -> Self {
        match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 2e15 => {
                Self::Number((float as i64).into())
            }
            _ => Self::Number(number),
        }
    }

    /// The number that a text means, such as "12", "0012" or "12.0"; else the id itself.
    pub(crate) fn meaning(&self) -> Self {
        let Self::Text(text) = self else {
            return self.clone();
        };
        let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        let text = text.trim();
        let whole = text.parse().map(|number: i64| number.into());
        let float = || {
            let float: f64 = text.parse().ok()?;
            Some(Self::number(Number::from_f64(float)?))
        };
        match whole {
            _ if !text.bytes().all(plain) => self.clone(),
            Ok(id) => id,
            Err(_) => float().unwrap_or_else(|| self.clone()),
        }
    }

    /// The text itself, or the number's.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl From<u64> for Id {
    fn from(id: u64) -> Self {
        Self::Number(id.into())
    }
}

impl From<i64> for Id {
    fn from(id: i64) -> Self {
        Self::Number(id.into())
    }
}

impl From<&str> for Id {
    fn from(id: &str) -> Self {
        Self::Text(id.to_owned())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "'{text}'"),
        }
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => match (a.as_i128(), b.as_i128()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => (a.as_f64().unwrap_or_default()).total_cmp(&b.as_f64().unwrap_or_default()),
            },
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an id: a number or a string")
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Id, E> {
                Ok(id.into())
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Id, E> {
                Ok(id.into())
            }

            fn visit_f64<E: Error>(self, id: f64) -> Result<Id, E> {
                let number = Number::from_f64(id);
                number
                    .map(Id::number)
                    .ok_or_else(|| E::custom("expected a finite number"))
            }

            fn visit_str<E: Error>(self, id: &str) -> Result<Id, E> {
                Ok(id.into())
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

/// The ids of a list, each with its place and a number to compute with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IdIndex {
    ids: Vec<Id>,
    numbers: Vec<u64>,
    exact: HashMap<Id, usize>,
    /// Places by the meaning of their ids; None if several ids mean the same.
    meant: HashMap<Id, Option<usize>>,
}

impl IdIndex {
    /// Of equal ids the first counts.
    pub fn new(ids: Vec<Id>) -> Self {
        let mut exact = HashMap::with_capacity(ids.len());
        let mut meant = HashMap::with_capacity(ids.len());
        for (place, id) in ids.iter().enumerate() {
            if exact.contains_key(id) {
                continue;
            }
            exact.insert(id.clone(), place);
            meant
                .entry(id.meaning())
                .and_modify(|place| *place = None)
                .or_insert(Some(place));
        }
        let numbers = numbered(&ids);
        Self {
            ids,
            numbers,
            exact,
            meant,
        }
    }

    /// Place of an id in the list: as it is written, else the only one that means the same.
    pub fn place(&self, id: &Id) -> Option<usize> {
        let exact = self.exact.get(id).copied();
        exact.or_else(|| self.meant.get(&id.meaning()).copied().flatten())
    }

    /// A number for the id at a place, equal for equal ids and in their order: the id itself if all
    /// are whole numbers.
    pub fn number_at(&self, place: usize) -> u64 {
        self.numbers[place]
    }

    /// [`Self::number_at`] the place of an id.
    pub fn number(&self, id: &Id) -> Option<u64> {
        self.place(id).map(|place| self.numbers[place])
    }

    /// The ids by their numbers; of equal numbers the first counts.
    pub fn by_number(&self) -> HashMap<u64, &Id> {
        let numbered = self.numbers.iter().copied().zip(&self.ids);
        numbered.rev().collect()
    }

    /// The id that a number stands for. Looks through the list, so it is for messages and reports.
    pub fn id(&self, number: u64) -> Id {
        let place = self.numbers.iter().position(|own| *own == number);
        place.map_or_else(|| number.into(), |place| self.ids[place].clone())
    }
}

fn numbered(ids: &[Id]) -> Vec<u64> {
    let whole = |id: &Id| match id {
        Id::Number(number) => number.as_u64(),
        Id::Text(_) => None,
    };
    // The largest number stands for what has none.
    let whole = |id: &Id| whole(id).filter(|number| *number < u64::MAX);
    let numbers: Option<Vec<u64>> = ids.iter().map(whole).collect();
    numbers.unwrap_or_else(|| {
        let mut sorted: Vec<&Id> = ids.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let rank = |id: &Id| sorted.partition_point(|other| *other < id) as u64;
        ids.iter().map(rank).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(json: &str) -> Vec<Id> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn ids_are_found_as_written_else_by_meaning() {
        let index = IdIndex::new(ids(r#"[12, "7", "a.jpg", "01", "1", 3.0]"#));
        for (id, place) in [
            ("12", Some(0)),
            ("12.0", Some(0)),
            (r#""12""#, Some(0)),
            ("7", Some(1)),
            (r#""a.jpg""#, Some(2)),
            (r#""01""#, Some(3)),
            (r#""1""#, Some(4)),
            ("3", Some(5)),
            // "01" or "1"?
            ("1", None),
            (r#""b.jpg""#, None),
            ("1.5", None),
        ] {
            let id: Id = serde_json::from_str(id).unwrap();
            assert_eq!(index.place(&id), place, "{id}");
        }
    }

    #[test]
    fn numbers_keep_the_order_of_the_ids() {
        let numbers = |json| IdIndex::new(ids(json)).numbers;
        assert_eq!(numbers("[900, 7, 8.0, 7]"), [900, 7, 8, 7]);
        assert_eq!(numbers(r#"["10", "9", "a", 4]"#), [1, 2, 3, 0]);
        assert_eq!(numbers("[-1, 2.5, 2]"), [0, 2, 1]);
        let index = IdIndex::new(ids(r#"["b", "a", 7]"#));
        let by_number = index.by_number();
        for number in 0..3 {
            assert_eq!(by_number[&number], &index.id(number));
        }
    }

    #[test]
    fn a_file_s_name_is_its_id() {
        let id = |name: &str| serde_json::to_string(&Id::of_file(Path::new(name))).unwrap();
        assert_eq!(id("a/000139.jpg"), "139");
        assert_eq!(id("a/p0.jpg"), r#""p0""#);
        assert_eq!(id("a/+1.jpg"), r#""+1""#);
        assert_eq!(id("a/1.5.jpg"), r#""1.5""#);
        assert_eq!(id("99999999999999999999.png"), r#""99999999999999999999""#);
    }
}
