//! Numbers of a sweep's file within their ranges.

use serde::Deserializer;

use crate::checked;

/// The largest image side, and the largest number of anything else, that are taken for meant.
const MAX_SIDE: f64 = 8192.0;
const MAX_COUNT: f64 = 1e6;

pub fn image_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    checked::number(deserializer, |size| {
        match size % 32.0 == 0.0 && (32.0..=MAX_SIDE).contains(&size) {
            true => Ok(size as usize),
            false => Err(format!(
                "expected a multiple of 32 from 32 to {MAX_SIDE}, found {size}"
            )),
        }
    })
}

pub fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    checked::number(deserializer, |count| {
        match count.fract() == 0.0 && (1.0..=MAX_COUNT).contains(&count) {
            true => Ok(count as usize),
            false => Err(format!(
                "expected a whole number from 1 to {MAX_COUNT}, found {count}"
            )),
        }
    })
}

pub fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    at_least_one(deserializer).map(Some)
}

pub fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked::number(deserializer, |share| match share > 0.0 && share < 1.0 {
        true => Ok(share),
        false => Err(format!("expected a share between 0 and 1, found {share}")),
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
