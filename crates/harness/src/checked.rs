//! Values that are checked while they are read, so that an error in a file carries the line of the value, not that of the map
//! around it.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// Reads a word and makes a value of it.
pub fn word<'de, D: Deserializer<'de>, T>(deserializer: D, make: impl FnOnce(&str) -> Result<T, String>) -> Result<T, D::Error> {
    deserializer.deserialize_str(Word(make))
}

/// Reads a number and makes a value of it.
pub fn number<'de, D: Deserializer<'de>, T>(deserializer: D, make: impl FnOnce(f64) -> Result<T, String>) -> Result<T, D::Error> {
    deserializer.deserialize_f64(Number(make))
}

struct Word<F>(F);

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Word<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        self.0(word).map_err(E::custom)
    }
}

struct Number<F>(F);

impl<T, F: FnOnce(f64) -> Result<T, String>> Visitor<'_> for Number<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.0(number).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }
}
