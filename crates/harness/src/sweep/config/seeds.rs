//! How many trainings a model gets: a list of seeds, or as many as it takes.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// The key `seeds`.
#[derive(Clone, Debug, PartialEq)]
pub enum Seeds {
    /// These.
    Listed(Vec<u64>),
    /// 0, 1, 2 and so on.
    ByNeed(ByNeed),
}

/// As many seeds as make the intervals of mAP narrow.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByNeed {
    /// Every model is trained under so many; their spread says how many it takes.
    pub from: usize,
    /// No model is trained under more.
    pub to: usize,
    /// Width of an interval, from end to end, in points of mAP50-95.
    pub width: f64,
}

impl Seeds {
    /// All that there may be.
    pub fn all(&self) -> Vec<u64> {
        match self {
            Seeds::Listed(seeds) => seeds.clone(),
            Seeds::ByNeed(need) => (0..need.to as u64).collect(),
        }
    }

    /// The rule; None of a list.
    pub fn by_need(&self) -> Option<&ByNeed> {
        match self {
            Seeds::Listed(_) => None,
            Seeds::ByNeed(need) => Some(need),
        }
    }
}

impl ByNeed {
    fn check(self) -> Result<Self, String> {
        const MOST: usize = 1000;
        let Self { from, to, width } = self;
        if from < 2 {
            Err(format!(
                "`from`: expected at least 2, since one seed has no spread, found {from}"
            ))
        } else if !(from + 1..=MOST).contains(&to) {
            Err(format!(
                "`to`: expected {} to {MOST}, more than `from`, found {to}",
                from + 1
            ))
        } else if !(width > 0.0 && width <= 100.0) {
            Err(format!(
                "`width`: expected points of mAP above 0, at most 100, found {width}"
            ))
        } else {
            Ok(self)
        }
    }
}

impl<'de> Deserialize<'de> for Seeds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Seeds;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list such as [0, 1, 2], or {from: 5, to: 12, width: 1.5}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seeds, A::Error> {
                let mut seeds = Vec::new();
                while let Some(seed) = list.next_element()? {
                    seeds.push(seed);
                }
                Ok(Seeds::Listed(seeds))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Seeds, A::Error> {
                let need = ByNeed::deserialize(MapAccessDeserializer::new(map))?;
                need.check().map(Seeds::ByNeed).map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(Written)
    }
}
