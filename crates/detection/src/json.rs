//! COCO's JSON files: any editor's text, and errors that name the key.

use std::borrow::Cow;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error, Visitor};

/// What is wrong with a file, and where.
pub(crate) struct JsonError {
    /// Index and key: `annotations[3].bbox`; empty if the whole file is wrong.
    pub place: String,
    pub problem: String,
}

/// The value in the bytes of a file, in UTF-8 or UTF-16; `shape` says what was expected of a file
/// of another shape.
///
/// Keeping track of the path costs time, so it is done only once there is an error to place.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], shape: &str) -> Result<T, JsonError> {
    let json = text(bytes).map_err(|problem| JsonError {
        place: String::new(),
        problem,
    })?;
    serde_json::from_slice(&json).map_err(|error| {
        let mut deserializer = serde_json::Deserializer::from_slice(&json);
        let place = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            // The path ends in a question mark where the key is not known.
            Err(error) => error
                .path()
                .to_string()
                .trim_end_matches(['.', '?'])
                .to_owned(),
            // The value is whole: something follows it.
            Ok(_) => String::new(),
        };
        let hint = if is_not_finite(&json, &error) {
            "NaN and Infinity are neither JSON nor usable"
        } else {
            shape
        };
        JsonError {
            place,
            problem: format!("{error} ({hint})"),
        }
    })
}

/// Whether the file is a list, as results files are. Serde takes a list for an object, key by key.
pub(crate) fn is_list(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text.trim_ascii_start().starts_with(b"[")
}

/// Without a byte order mark, in UTF-8. Plain files, which may be large, are not copied.
fn text(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Ok(Cow::Borrowed(rest)),
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, _, ..] | [_, 0, ..] => {
            ablate_files::decode_text(bytes).map(|text| Cow::Owned(text.into_bytes()))
        }
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// Whether the parser tripped over a `NaN` or `Infinity`, as Python's `json.dump` writes them.
fn is_not_finite(json: &[u8], error: &serde_json::Error) -> bool {
    let line = json
        .split(|&byte| byte == b'\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    // The column is that of the first or, after a minus sign, second letter, counted from 1.
    let before = error.column().saturating_sub(2).min(line.len());
    let near = &line[before..];
    [0, 1].into_iter().any(|skip| {
        let near = near.get(skip..).unwrap_or_default();
        near.starts_with(b"NaN") || near.starts_with(b"Infinity") || near.starts_with(b"-Infinity")
    })
}

/// A number, also one in quotes; None of null.
pub(crate) fn lenient_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    struct Lenient;
    impl Visitor<'_> for Lenient {
        type Value = Option<f64>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a number")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number as f64))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number as f64))
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            let number = text.trim().parse().ok().filter(|n: &f64| n.is_finite());
            let unexpected = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
            number.map(Some).ok_or_else(unexpected)
        }
    }
    deserializer.deserialize_any(Lenient)
}

/// A flag: 0, 1 or a boolean, as a number or in quotes; null is 0. Any number but 0 is true.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Flag(pub bool);

impl<'de> serde::Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lenient;
        impl Visitor<'_> for Lenient {
            type Value = Flag;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("0 or 1")
            }

            fn visit_unit<E: Error>(self) -> Result<Flag, E> {
                Ok(Flag(false))
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Flag, E> {
                Ok(Flag(flag))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Flag, E> {
                Ok(Flag(number != 0))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Flag, E> {
                Ok(Flag(true))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Flag, E> {
                Ok(Flag(number != 0.0))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
                match text.trim() {
                    "0" | "0.0" | "" | "false" | "False" => Ok(Flag(false)),
                    "1" | "1.0" | "true" | "True" => Ok(Flag(true)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Lenient)
    }
}
