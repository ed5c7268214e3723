//! Numbers of a sweep's file within their ranges.

use std::ops::RangeInclusive;

use ablate_records::ImageSize;
use serde::Deserializer;

use crate::checked;

/// What an image's sides have to be multiples of.
const STRIDE: usize = 32;
/// The largest number of anything else that is taken for meant.
const MAX_COUNT: f64 = 1e6;
/// As tables and data sets have them.
const MOST_CLASSES: f64 = 1e5;

pub fn image_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ImageSize, D::Error> {
    checked::numbers(deserializer, |sides| {
        let whole = |side: &f64| side.fract() == 0.0 && *side >= 0.0;
        if let Some(side) = sides.iter().find(|side| !whole(side)) {
            return Err(format!("expected a multiple of {STRIDE}, found {side}"));
        }
        let size = match sides {
            [side] => ImageSize::from(*side as usize),
            [height, width] => ImageSize {
                height: *height as usize,
                width: *width as usize,
            },
            _ => {
                return Err(format!(
                    "expected pixels, or height and width such as [384, 640], found {} numbers",
                    sides.len()
                ));
            }
        };
        size.check(STRIDE)
    })
}

pub fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 1.0..=MAX_COUNT)
}

pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 0.0..=MAX_COUNT)
}

pub fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    whole(deserializer, 1.0..=MOST_CLASSES).map(Some)
}

fn whole<'de, D: Deserializer<'de>>(
    deserializer: D,
    range: RangeInclusive<f64>,
) -> Result<usize, D::Error> {
    checked::number(deserializer, |number| {
        match number.fract() == 0.0 && range.contains(&number) {
            true => Ok(number as usize),
            false => Err(format!(
                "expected a whole number from {} to {}, found {number}",
                range.start(),
                range.end()
            )),
        }
    })
}

pub fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked::number(deserializer, |share| match share > 0.0 && share < 1.0 {
        true => Ok(share),
        false => Err(format!("expected a share between 0 and 1, found {share}")),
    })
}

pub fn probability<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked::number(deserializer, |share| match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err(format!("expected a number from 0 to 1, found {share}")),
    })
}

pub fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked::number(deserializer, |seconds| {
        match (0.0..=MAX_COUNT).contains(&seconds) {
            true => Ok(seconds),
            false => Err(format!(
                "expected seconds from 0 to {MAX_COUNT}, found {seconds}"
            )),
        }
    })
}

pub fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    seconds(deserializer).map(Some)
}

pub fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked::number(deserializer, |percent| {
        match (0.0..=100.0).contains(&percent) {
            true => Ok(percent),
            false => Err(format!("expected percent from 0 to 100, found {percent}")),
        }
    })
}

/// A difference of mAP.
pub fn points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    checked::number(deserializer, |points| {
        match points > 0.0 && points <= 100.0 {
            true => Ok(Some(points)),
            false => Err(format!(
                "expected points of mAP above 0, at most 100, found {points}"
            )),
        }
    })
}
