//! Arguments that are not lists.

use serde::{Deserialize, Deserializer};

use super::row::Arg;

/// An argument that is not a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Arg")]
pub(super) struct Scalar(pub Arg);

impl TryFrom<Arg> for Scalar {
    type Error = &'static str;

    fn try_from(arg: Arg) -> Result<Self, Self::Error> {
        match arg {
            Arg::List(_) => Err("expected a number, a word or a truth value, found a list"),
            arg => Ok(Self(arg)),
        }
    }
}

pub(super) fn scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arg>, D::Error> {
    let scalars: Vec<Scalar> = Vec::deserialize(deserializer)?;
    Ok(scalars.into_iter().map(|Scalar(arg)| arg).collect())
}
