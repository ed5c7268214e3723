//! What a number or a list of a file has to be, read by serde: no file asks for absurd sizes, and
//! each refusal says what was expected.

use std::{fmt, marker::PhantomData, ops::RangeInclusive};

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// A whole number within bounds; `what` says what of, as in "repeats".
pub(super) fn whole<'de, D: Deserializer<'de>>(
    deserializer: D,
    bounds: RangeInclusive<u64>,
    what: &'static str,
) -> Result<usize, D::Error> {
    deserializer.deserialize_any(Whole { bounds, what })
}

struct Whole {
    bounds: RangeInclusive<u64>,
    what: &'static str,
}

impl Visitor<'_> for Whole {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (least, most) = (self.bounds.start(), self.bounds.end());
        match *most {
            u64::MAX => write!(f, "{} of at least {least}", self.what),
            most => write!(f, "{} from {least} to {most}", self.what),
        }
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<usize, E> {
        let fits = usize::try_from(n).ok().filter(|_| self.bounds.contains(&n));
        fits.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(n), &self))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<usize, E> {
        match u64::try_from(n) {
            Ok(n) => self.visit_u64(n),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(n), &self)),
        }
    }
}

/// A positive number that is at most [`MAX_POSITIVE`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Positive(pub f64);

/// Bounds anchors, depths and widths: far above any table's.
const MAX_POSITIVE: f64 = 1e5;

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = deserializer.deserialize_any(PositiveUpTo(MAX_POSITIVE))?;
        Ok(Self(number))
    }
}

/// A positive, finite number.
pub(super) fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(PositiveUpTo(f64::MAX))
}

struct PositiveUpTo(f64);

impl Visitor<'_> for PositiveUpTo {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a positive number")?;
        match self.0 {
            f64::MAX => Ok(()),
            most => write!(f, " of at most {most}"),
        }
    }

    fn visit_f64<E: Error>(self, x: f64) -> Result<f64, E> {
        match x > 0.0 && x <= self.0 {
            true => Ok(x),
            false => Err(E::invalid_value(Unexpected::Float(x), &self)),
        }
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<f64, E> {
        self.visit_f64(n as f64)
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<f64, E> {
        self.visit_f64(n as f64)
    }
}

/// A list of a length within bounds; `of` says what of, in the plural.
pub(super) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    lengths: RangeInclusive<usize>,
    of: &'static str,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(List {
        lengths,
        of,
        items: PhantomData,
    })
}

struct List<T> {
    lengths: RangeInclusive<usize>,
    of: &'static str,
    items: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (least, most) = (self.lengths.start(), self.lengths.end());
        write!(f, "a list of {least} to {most} {}", self.of)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        // A list that is too long is refused before its items are read.
        if let Some(length) = list.size_hint().filter(|n| !self.lengths.contains(n)) {
            return Err(A::Error::invalid_length(length, &self));
        }
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
            if items.len() > *self.lengths.end() {
                return Err(A::Error::invalid_length(items.len(), &self));
            }
        }
        match self.lengths.contains(&items.len()) {
            true => Ok(items),
            false => Err(A::Error::invalid_length(items.len(), &self)),
        }
    }
}
