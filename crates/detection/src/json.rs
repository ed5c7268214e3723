//! COCO's JSON files: any editor's text, and errors that name the key.

use std::borrow::Cow;
use std::fmt;

use rayon::prelude::*;
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
    let json = as_utf8(bytes)?;
    serde_json::from_slice(&json).map_err(|error| placed::<T>(&json, &error, shape))
}

/// [`parse`] of a list, in parallel: the elements in order, in one or several parts.
pub(crate) fn parse_list<T: DeserializeOwned + Send>(
    bytes: &[u8],
    shape: &str,
) -> Result<Vec<Vec<T>>, JsonError> {
    let json = as_utf8(bytes)?;
    if let Some(lists) =
        parts(&json).and_then(|parts| parts.into_par_iter().map(elements).collect())
    {
        return Ok(lists);
    }
    let whole = serde_json::from_slice(&json);
    whole
        .map(|list| vec![list])
        .map_err(|error| placed::<Vec<T>>(&json, &error, shape))
}

/// Parts of a list are not made smaller than this.
const LEAST_PART: usize = 1 << 16;

/// A list's text without its brackets, cut between what look like two elements. The guess may be
/// wrong, inside of a string or an inner list. Then one of the parts is not a row of elements; if all
/// are, so is the whole.
fn parts(json: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = (json.trim_ascii().strip_prefix(b"[")?).strip_suffix(b"]")?;
    // More parts than threads, so that one that is slow holds nobody up.
    let length = (rest.len() / (4 * rayon::current_num_threads())).max(LEAST_PART);
    let mut parts = Vec::new();
    while rest.len() > length {
        let Some(comma) = (length..rest.len()).find(|&at| is_between(rest, at)) else {
            break;
        };
        parts.push(&rest[..comma]);
        rest = &rest[comma + 1..];
    }
    parts.push(rest);
    Some(parts)
}

/// Whether there is a comma at this place, between two brackets.
fn is_between(json: &[u8], at: usize) -> bool {
    json[at] == b','
        && json[..at].trim_ascii_end().ends_with(b"}")
        && json[at + 1..].trim_ascii_start().starts_with(b"{")
}

/// Values with commas between them; None if the text is not that.
fn elements<T: DeserializeOwned>(mut json: &[u8]) -> Option<Vec<T>> {
    let mut values = Vec::new();
    loop {
        let mut stream = serde_json::Deserializer::from_slice(json).into_iter();
        values.push(stream.next()?.ok()?);
        json = json[stream.byte_offset()..].trim_ascii_start();
        match json.split_first() {
            None => return Some(values),
            Some((b',', rest)) => json = rest,
            Some(_) => return None,
        }
    }
}

fn as_utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, JsonError> {
    text(bytes).map_err(|problem| JsonError {
        place: String::new(),
        problem,
    })
}

/// The error with its place, for which all is parsed once more.
fn placed<T: DeserializeOwned>(json: &[u8], error: &serde_json::Error, shape: &str) -> JsonError {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
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
    let hint = if is_not_finite(json, error) {
        "NaN and Infinity are neither JSON nor usable"
    } else {
        shape
    };
    let problem = match json.trim_ascii().is_empty() {
        true => "the file is empty".to_owned(),
        false => ablate_files::in_plain_words(&error.to_string()),
    };
    JsonError {
        place,
        problem: format!("{problem} ({hint})"),
    }
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

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
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

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Long enough to be cut several times.
    fn list(element: &str) -> String {
        let count = 10 * LEAST_PART / element.len();
        format!(" [{}\n]\n", vec![element; count].join(" ,\n"))
    }

    #[test]
    fn a_list_in_parts_is_the_list() {
        for element in [
            r#"{"id": 1, "bbox": [0.5, 1e-7, 2, 3], "x": {"a": [{}, {"b": "]"}]}}"#,
            // What looks like the space between two elements, in a string and in a list.
            r#"{"text": "} , {", "list": [{"a": 1}, {"a": 2}]}"#,
            "7",
            r#""},{""#,
        ] {
            let json = list(element);
            let whole: Vec<Value> = serde_json::from_str(&json).unwrap();
            let parsed = parse_list::<Value>(json.as_bytes(), "").map_err(|error| error.problem);
            assert_eq!(parsed.unwrap().concat(), whole, "{element}");
        }
        let plain = list(r#"{"id": 1}"#);
        assert!(parts(plain.as_bytes()).unwrap().len() > 1);
        for empty in ["[]", " [ ] "] {
            let parsed = parse_list::<Value>(empty.as_bytes(), "").map_err(|error| error.problem);
            assert_eq!(parsed.unwrap().concat(), Vec::<Value>::new());
        }
    }

    #[test]
    fn a_mistake_is_named_by_its_place_in_the_whole_list() {
        let json = list(r#"{"id": 1}"#);
        let last = json.rfind('1').unwrap();
        for (mistake, place) in [
            ("x", true),
            ("1}, {x", false),
            ("1}, ]", false),
            ("1}}", false),
        ] {
            let mut broken = json.clone();
            broken.replace_range(last..=last, mistake);
            let error = parse_list::<Value>(broken.as_bytes(), "a list").unwrap_err();
            let count = json.matches("id").count();
            if place {
                assert_eq!(error.place, format!("[{}].id", count - 1));
            }
            assert!(error.problem.ends_with("(a list)"), "{}", error.problem);
        }
    }
}
