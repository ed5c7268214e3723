//! Values that are checked while they are read, so that an error in a file carries the line of the
//! value, not that of the map around it.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// Reads a word and parses it.
pub fn parsed<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_str(Word(PhantomData))
}

/// Reads a word or a list of words, and makes a value of each.
pub fn words<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    make: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(Words(make))
}

/// Reads a number and makes a value of it.
pub fn number<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    make: impl FnOnce(f64) -> Result<T, String>,
) -> Result<T, D::Error> {
    deserializer.deserialize_f64(Number(make))
}

/// Reads a number or a list of numbers and makes a value of them.
pub fn numbers<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    make: impl FnOnce(&[f64]) -> Result<T, String>,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Numbers(make))
}

struct Word<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Word<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        word.parse().map_err(E::custom)
    }
}

struct Words<F>(F);

impl<'de, T, F: Fn(&str) -> Result<T, String>> Visitor<'de> for Words<F> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a word or a list of words")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Vec<T>, E> {
        Ok(vec![(self.0)(word).map_err(E::custom)?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(word) = list.next_element::<String>()? {
            values.push((self.0)(&word).map_err(A::Error::custom)?);
        }
        Ok(values)
    }
}

struct Numbers<F>(F);

impl<'de, T, F: FnOnce(&[f64]) -> Result<T, String>> Visitor<'de> for Numbers<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.0(&[number]).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let mut numbers: Vec<f64> = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        self.0(&numbers).map_err(A::Error::custom)
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
