//! Compound scaling: the scales of a table.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};

use super::bounds::Positive;

/// Compound scaling of a table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// Multiplies repeats.
    pub depth: f64,
    /// Multiplies channels.
    pub width: f64,
    /// Bounds channels before they are multiplied.
    pub max_channels: Option<f64>,
    /// The scale's name if it is one letter: blocks from YOLO11 on go by it.
    pub letter: Option<char>,
}

/// `{n: [depth, width, max_channels]}`, in the order of the file.
pub(super) fn scales<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<(String, Scaling)>>, D::Error> {
    deserializer.deserialize_map(Scales).map(Some)
}

struct Scales;

/// The last one may be absent.
#[derive(Deserialize)]
#[serde(expecting = "[depth, width] or [depth, width, max_channels]")]
struct Multiples(Positive, Positive, #[serde(default)] Option<Positive>);

impl<'de> Visitor<'de> for Scales {
    type Value = Vec<(String, Scaling)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("at least one scale, as in {n: [0.33, 0.25, 1024]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut scales = Vec::new();
        while let Some((name, Multiples(depth, width, max_channels))) =
            map.next_entry::<String, _>()?
        {
            let scaling = Scaling {
                depth: depth.0,
                width: width.0,
                max_channels: max_channels.map(|max| max.0),
                letter: one_letter(&name),
            };
            scales.push((name, scaling));
        }
        match scales.is_empty() {
            true => Err(A::Error::invalid_length(0, &self)),
            false => Ok(scales),
        }
    }
}

/// The letter of a name that has no other.
fn one_letter(name: &str) -> Option<char> {
    let mut letters = name.chars();
    letters.next().filter(|_| letters.next().is_none())
}
