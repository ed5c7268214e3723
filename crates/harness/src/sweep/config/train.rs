//! The key `train`: what is trained, and how.

use std::{collections::BTreeSet, path::PathBuf};

use ablate_records::ImageSize;
use ablate_training::Recipe;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use super::{
    numbers::{at_least_one, image_size, share},
    words::{RecipeFiles, Scale},
};

/// The key `train`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The scales that are trained; None: all.
    pub scales: Option<Vec<Scale>>,
    /// A data set's file, relative to the sweep's, or `shapes`, which is built in.
    pub data: PathBuf,
    /// A recipe file, relative to the sweep's, or one for each family, `{yolov5: FILE, yolov8:
    /// FILE}` [default: YOLOv5's scratch-low].
    pub recipe: Option<RecipeFiles>,
    /// What differs from the recipe, key by key.
    #[serde(default)]
    pub overrides: Mapping,
    /// A file of first weights, relative to the sweep's, of which every training takes what fits
    /// [default: random weights].
    pub weights: Option<PathBuf>,
    /// Height and width of the network's input, in pixels; one number for squares.
    #[serde(deserialize_with = "image_size")]
    pub imgsz: ImageSize,
    /// Number of epochs (overrides the recipe).
    pub epochs: Option<usize>,
    /// Images in a batch (overrides the recipe).
    pub batch: Option<i64>,
    /// Stops trainings that fall behind the others; None: all run to their end.
    pub halving: Option<HalvingConfig>,
    /// Whether the curves are written as event files of TensorBoard too.
    #[serde(default)]
    pub tensorboard: bool,
}

/// Successive halving: the rule is in [`super::super::halving`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HalvingConfig {
    /// The number of rungs, at a half of the epochs, a quarter, an eighth and so on.
    #[serde(deserialize_with = "at_least_one")]
    pub rungs: usize,
    /// The share of the models that goes on at each of them.
    #[serde(deserialize_with = "share")]
    pub keep: f64,
    /// Which models compete.
    pub among: Among,
}

/// Which models compete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Among {
    /// All that are trained on a device.
    Models,
    /// Those of one family and scale.
    Variants,
}

impl Default for HalvingConfig {
    fn default() -> Self {
        Self {
            rungs: 2,
            keep: 0.5,
            among: Among::Variants,
        }
    }
}

impl TrainConfig {
    /// A family's recipe with what the sweep changes in it, and what is to be said of its file.
    ///
    /// # Errors
    /// A recipe that can't be read; keys that it does not have, values out of their range; a family
    /// without one, where families have their own.
    pub fn recipe(&self, family: &str) -> Result<(Recipe, Vec<String>)> {
        let (recipe, notes) = match &self.recipe {
            None => (Recipe::default(), Vec::new()),
            Some(RecipeFiles::One(file)) => Recipe::load(file)?,
            Some(RecipeFiles::ByFamily(files)) => {
                let file = files
                    .get(family)
                    .with_context(|| format!("key `recipe`: no file for family '{family}'"))?;
                Recipe::load(file)?
            }
        };
        Ok((recipe.with(&self.keys())?, notes))
    }

    /// The recipe's keys that the sweep sets.
    fn keys(&self) -> Mapping {
        let mut keys = self.overrides.clone();
        for (key, value) in [
            ("epochs", self.epochs.map(Value::from)),
            ("batch", self.batch.map(Value::from)),
        ] {
            if let Some(value) = value {
                keys.insert(key.into(), value);
            }
        }
        keys
    }

    /// Rejects keys that no recipe has, and values that none can have, before a recipe is read.
    pub(super) fn check_keys(&self) -> Result<(), String> {
        for (key, is_given) in [
            ("epochs", self.epochs.is_some()),
            ("batch", self.batch.is_some()),
        ] {
            if is_given && self.overrides.contains_key(key) {
                return Err(format!(
                    "key `train.overrides.{key}`: `train.{key}` sets it too; keep one"
                ));
            }
        }
        for (key, value) in self.keys() {
            let name = key
                .as_str()
                .map_or_else(|| format!("{key:?}"), String::from);
            let group = match name.as_str() {
                "epochs" if self.epochs.is_some() => "train",
                "batch" if self.batch.is_some() => "train",
                _ => "train.overrides",
            };
            let keys = Mapping::from_iter([(key, value)]);
            Recipe::default().with(&keys).map_err(|error| {
                match error.to_string().split_once(':') {
                    Some((path, message)) if path.starts_with(&name) => {
                        format!("key `{group}.{path}`:{message}")
                    }
                    _ => format!("key `{group}`: {error}"),
                }
            })?;
        }
        Ok(())
    }

    /// Rejects a halving that could stop nothing, or whose rungs are not the same for all.
    pub(super) fn check_halving<'f>(
        &self,
        families: impl Iterator<Item = &'f String>,
    ) -> Result<()> {
        let Some(halving) = &self.halving else {
            return Ok(());
        };
        let recipes = families.map(|family| self.recipe(family).context("key `train`"));
        let epochs: BTreeSet<usize> = recipes
            .map(|recipe| Ok(recipe?.0.epochs))
            .collect::<Result<_>>()?;
        if epochs.len() > 1 {
            let found: Vec<String> = epochs.iter().map(usize::to_string).collect();
            bail!(
                "key `train.halving`: expected recipes of equal length, found {} epochs; set `train.epochs`",
                found.join(" and ")
            );
        }
        if epochs
            .iter()
            .any(|epochs| halving.epochs(*epochs).is_empty())
        {
            bail!("key `train.halving`: expected at least 2 epochs, found 1");
        }
        Ok(())
    }
}
