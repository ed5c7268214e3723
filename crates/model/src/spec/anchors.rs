//! The anchors of a table.

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::bounds::Positive;

/// What the boxes of an anchor-based head are factors of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Anchors {
    /// So many for each level, to be fitted to the data before training.
    Count(usize),
    /// Width, height pairs in pixels, a list per level.
    Listed(Vec<Vec<f64>>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number of anchors for each level, or a list of width, height pairs for each"
)]
enum WrittenAnchors {
    Count(u8),
    Listed(Vec<Vec<Positive>>),
}

pub(super) fn anchors<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Anchors>, D::Error> {
    let levels = match Option::<WrittenAnchors>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(WrittenAnchors::Count(0)) => {
            return Err(D::Error::custom("expected at least one anchor, found 0"));
        }
        Some(WrittenAnchors::Count(count)) => return Ok(Some(Anchors::Count(count.into()))),
        Some(WrittenAnchors::Listed(levels)) => levels,
    };
    let numbers = levels.first().map_or(0, Vec::len);
    let even = numbers > 0 && numbers.is_multiple_of(2);
    if !even || levels.iter().any(|level| level.len() != numbers) {
        let found: Vec<usize> = levels.iter().map(Vec::len).collect();
        return Err(D::Error::custom(format!(
            "expected as many pairs of width and height in pixels for each level, found lists of {found:?} numbers"
        )));
    }
    let pixels = |level: Vec<Positive>| level.into_iter().map(|Positive(x)| x).collect();
    Ok(Some(Anchors::Listed(
        levels.into_iter().map(pixels).collect(),
    )))
}

impl Anchors {
    /// Anchors of each level.
    pub fn count(&self) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Listed(levels) => levels[0].len() / 2,
        }
    }
}
