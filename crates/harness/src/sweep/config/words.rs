//! Words of a sweep's file: scales, variants, models, files of recipes, number formats, modes.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use ablate_model::{
    Catalog, ModelName,
    spec::{NameError, Variant, VariantCall},
};
use clap::ValueEnum;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    checked,
    measure::{mode::Mode, precision::Precision},
};

/// As a family's table calls it: `n`, `tiny`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale(pub String);

/// Variants as in a model's name, without the family: `baseline`, `ghost+asff:rfb=true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variants(ModelName);

/// A model's name in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model(pub ModelName);

/// Models, and those that `singles` and `pairs` leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The models.
    pub models: Vec<ModelName>,
    /// A model's name and why it can't be, in words.
    pub left_out: Vec<String>,
}

impl fmt::Display for Variants {
    /// As models have them.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0.variant())
    }
}

impl Variants {
    /// These variants of another model.
    pub fn of(&self, baseline: &ModelName, catalog: &Catalog, maskless: Option<&str>) -> Listed {
        let with = |variants: &[VariantCall]| ModelName {
            variants: variants.to_vec(),
            ..baseline.clone()
        };
        let call = |variant: &Variant| VariantCall {
            name: variant.name.clone(),
            arguments: Default::default(),
        };
        let all: Vec<VariantCall> = catalog.variants().map(call).collect();
        let words: Vec<&str> = self
            .0
            .variants
            .iter()
            .map(|call| call.name.as_str())
            .collect();
        let mut listed = Listed::default();
        match words[..] {
            ["singles"] => all
                .iter()
                .for_each(|one| listed.add(&[with(std::slice::from_ref(one))], catalog, maskless)),
            ["pairs"] => {
                for (i, a) in all.iter().enumerate() {
                    for b in &all[i + 1..] {
                        // One may change what the other looks for: the other way round it may fit.
                        let orders = [[a, b], [b, a]].map(|pair| with(&pair.map(Clone::clone)));
                        listed.add(&orders, catalog, maskless);
                    }
                }
            }
            _ => listed.models.push(with(&self.0.variants)),
        }
        listed
    }
}

impl Listed {
    /// The first of these names of one model that fits, or why the first does not.
    fn add(&mut self, names: &[ModelName], catalog: &Catalog, maskless: Option<&str>) {
        let reason = |name: &ModelName| -> Option<String> {
            match catalog.resolve(name).map(|model| model.graph(None)) {
                Ok(Ok(graph)) if graph.detect().masks.is_some() => {
                    maskless.map(|data| format!("{name}: not every object of {data} has a mask"))
                }
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(format!("{name}: {error}")),
                Err(error) => Some(error.to_string()),
            }
        };
        let reasons: Vec<Option<String>> = names.iter().map(reason).collect();
        match reasons.iter().position(Option::is_none) {
            Some(fits) => self.models.push(names[fits].clone()),
            None => self.left_out.extend(reasons.into_iter().flatten().next()),
        }
    }
}

/// A word that is no scale.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a scale such as n, s, m, l or x, found '{0}'")]
pub struct ScaleError(String);

impl FromStr for Scale {
    type Err = ScaleError;

    fn from_str(word: &str) -> Result<Self, ScaleError> {
        match !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        {
            true => Ok(Self(word.into())),
            false => Err(ScaleError(word.into())),
        }
    }
}

impl FromStr for Variants {
    type Err = NameError;

    fn from_str(words: &str) -> Result<Self, NameError> {
        ModelName::baseline("", "").with_variants(words).map(Self)
    }
}

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::parsed(deserializer)
    }
}

impl<'de> Deserialize<'de> for Variants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::parsed(deserializer)
    }
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::parsed(deserializer).map(Self)
    }
}

/// Where recipes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipeFiles {
    /// One for all families.
    One(PathBuf),
    /// By family.
    ByFamily(BTreeMap<String, PathBuf>),
}

impl RecipeFiles {
    /// The files with another path each.
    pub fn map(self, place: impl Fn(PathBuf) -> PathBuf) -> Self {
        match self {
            Self::One(file) => Self::One(place(file)),
            Self::ByFamily(files) => Self::ByFamily(
                files
                    .into_iter()
                    .map(|(family, file)| (family, place(file)))
                    .collect(),
            ),
        }
    }
}

impl<'de> Deserialize<'de> for RecipeFiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Files)
    }
}

struct Files;

impl<'de> Visitor<'de> for Files {
    type Value = RecipeFiles;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a file, or a file for each family such as {yolov5: FILE}")
    }

    fn visit_str<E: Error>(self, file: &str) -> Result<RecipeFiles, E> {
        Ok(RecipeFiles::One(file.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RecipeFiles, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(RecipeFiles::ByFamily)
    }
}

/// Number formats: at least one, each once.
pub fn dtypes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Precision>, D::Error> {
    each_once(deserializer, "number format", ["f32, tf32, f16", "bf16"])
}

/// Modes: at least one, each once.
pub fn modes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Mode>, D::Error> {
    each_once(deserializer, "mode", ["eager", "graph"])
}

/// `known` are the words that there are, the last one apart.
fn each_once<'de, D: Deserializer<'de>, T: ValueEnum + PartialEq>(
    deserializer: D,
    what: &str,
    known: [&str; 2],
) -> Result<Vec<T>, D::Error> {
    let [first, last] = known;
    let parse = |word: &str| {
        <T as ValueEnum>::from_str(word, false)
            .map_err(|_| format!("unknown {what} '{word}'; known: {first}, {last}"))
    };
    let mut values: Vec<T> = Vec::new();
    for value in checked::words(deserializer, parse)? {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    match values.is_empty() {
        true => Err(D::Error::custom(format!(
            "expected {first} or {last}, found an empty list"
        ))),
        false => Ok(values),
    }
}
