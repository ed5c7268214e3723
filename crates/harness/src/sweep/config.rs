//! A sweep's file: what it measures. Unknown keys are rejected, by file, line and key.

mod models;
mod numbers;
mod place;
mod seeds;
mod timing;
mod train;
mod words;

use std::path::{Path, PathBuf};

use ablate_detection::dataset::Split;
use ablate_model::spec::in_our_words;
use ablate_records::{ImageSize, Judging};
use ablate_training::Recipe;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_yaml::Value;

use self::numbers::{classes, image_size, points};
pub use self::place::in_file;
pub use self::seeds::{ByNeed, Seeds};
pub use self::timing::{DetectionConfig, LatencyConfig};
pub use self::train::{Among, HalvingConfig, TrainConfig};
pub use self::words::{Listed, Model, RecipeFiles, Scale, Variants};
use crate::device::DeviceName;

/// A sweep as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepConfig {
    /// Names the folder of the results and the report's title.
    pub name: String,
    /// Families × scales × variants are the models of the sweep, …
    #[serde(default)]
    pub families: Vec<String>,
    /// Each one letter, as in `yolov5n`.
    #[serde(default)]
    pub scales: Vec<Scale>,
    /// Each a variant or several joined by `+`, with arguments behind a colon: `baseline`,
    /// `ghost+asff:order=sequential`. `singles` stands for every variant that fits, `pairs` for
    /// every two that fit together in either order.
    #[serde(default)]
    pub variants: Vec<Variants>,
    /// … and these, written in full: `yolov5s+gsconv`.
    #[serde(default)]
    pub models: Vec<Model>,
    /// Files of the user's own tables and variants, relative to the sweep's file.
    #[serde(default)]
    pub tables: Vec<PathBuf>,
    /// Classes of the detection head for cost and latency [default: those of the data set, or 80].
    #[serde(default, deserialize_with = "classes")]
    pub nc: Option<usize>,
    /// Devices to measure on; `flex` by default.
    #[serde(default = "default_devices")]
    pub devices: Vec<DeviceName>,
    /// One trained network for each seed, or as many as it takes.
    #[serde(default = "default_seeds")]
    pub seeds: Seeds,
    /// A change of mAP within so many points is as good [default: none is called so].
    #[serde(default, deserialize_with = "points")]
    pub margin: Option<f64>,
    /// How cost is computed.
    #[serde(default)]
    pub cost: CostConfig,
    /// How latency is measured; None: not at all.
    pub latency: Option<LatencyConfig>,
    /// What is trained, and how; None: nothing.
    pub train: Option<TrainConfig>,
    /// What is evaluated; None: nothing.
    pub eval: Option<EvalConfig>,
    /// How the way from an image to its boxes is timed, by the trained weights; None: not at all.
    pub detect: Option<DetectionConfig>,
}

/// The key `cost`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostConfig {
    /// Height and width of the image, in pixels; one number for a square.
    #[serde(deserialize_with = "image_size")]
    pub imgsz: ImageSize,
}

/// The key `eval`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalConfig {
    /// `val`, `test` or `train`.
    pub split: Split,
}

impl Default for CostConfig {
    fn default() -> Self {
        Self { imgsz: 640.into() }
    }
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { split: Split::Val }
    }
}

impl SweepConfig {
    /// Reads a sweep's file; paths in it become relative to the working folder.
    ///
    /// # Errors
    /// Name the file, and line and key where something in it is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let text = ablate_files::read_text(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let wrong = |message: String| place::in_text(path, &text, &message);
        let mut config = Self::from_yaml(&text).map_err(wrong)?;
        if let Some(train) = &config.train {
            train.check_keys().map_err(wrong)?;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        config.tables = config
            .tables
            .iter()
            .map(|table| folder.join(table))
            .collect();
        if let Some(train) = &mut config.train {
            train.recipe = train
                .recipe
                .take()
                .map(|recipe| recipe.map(|file| folder.join(file)));
            train.weights = train.weights.take().map(|weights| folder.join(weights));
            if train.data != Path::new("shapes") {
                train.data = folder.join(&train.data);
            }
            let families = config
                .families
                .iter()
                .chain(config.models.iter().map(|model| &model.0.family));
            train
                .check_halving(families)
                .map_err(|error| wrong(format!("{error:#}")))?;
        }
        Ok(config)
    }

    fn from_yaml(text: &str) -> Result<Self, String> {
        ablate_files::check_yaml(text)?;
        match serde_yaml::from_str(text) {
            Ok(Value::Null) => {
                return Err("expected the keys of a sweep, found an empty file".into());
            }
            // The stage would be left out without a word.
            Ok(Value::Mapping(keys)) => {
                let is_empty = |key: &&str| keys.get(*key).is_some_and(Value::is_null);
                if let Some(key) = ["latency", "train", "eval", "detect"]
                    .into_iter()
                    .find(is_empty)
                {
                    return Err(format!(
                        "key `{key}`: expected keys, found nothing; `{key}: {{}}` takes all defaults"
                    ));
                }
            }
            _ => {}
        }
        let config: Self = serde_yaml::from_str(text)
            .map_err(|error| of_recipe(in_our_words(&error.to_string())))?;
        let grid = [
            ("families", config.families.len()),
            ("scales", config.scales.len()),
            ("variants", config.variants.len()),
        ];
        match grid.iter().find(|(_, length)| *length == 0) {
            Some((key, _)) if grid.iter().any(|(_, length)| *length > 0) => {
                return Err(format!(
                    "key `{key}`: missing or empty; models are families × scales × variants"
                ));
            }
            Some(_) if config.models.is_empty() => {
                return Err("no models: list families, scales and variants, or `models`".into());
            }
            _ => {}
        }
        if config.name.is_empty()
            || !config
                .name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            || config.name.chars().all(|c| c == '.')
        {
            return Err(format!(
                "key `name`: expected letters, digits, `-`, `_` and `.` (it names a folder), found '{}'",
                config.name
            ));
        }
        let length = |scales: &Option<Vec<Scale>>| scales.as_ref().map(Vec::len);
        let latency = config.latency.as_ref();
        let train = config.train.as_ref();
        for (key, length) in [
            ("devices", Some(config.devices.len())),
            ("seeds", Some(config.seeds.all().len())),
            ("latency.scales", latency.and_then(|it| length(&it.scales))),
            ("train.scales", train.and_then(|it| length(&it.scales))),
        ] {
            if length == Some(0) {
                return Err(format!(
                    "key `{key}`: expected at least one entry, found an empty list; omit the key for the default"
                ));
            }
        }
        let devices = &config.devices;
        if let Some(place) = (1..devices.len()).find(|&i| devices[..i].contains(&devices[i])) {
            return Err(format!("key `devices`: {} is listed twice", devices[place]));
        }
        let seeds = config.seeds.all();
        if let Some(place) = (1..seeds.len()).find(|&i| seeds[..i].contains(&seeds[i])) {
            return Err(format!("key `seeds`: {} is listed twice", seeds[place]));
        }
        if config.seeds.by_need().is_some() {
            if train.is_none() || config.eval.is_none() {
                return Err(
                    "key `seeds`: seeds by need require the keys `train` and `eval`".into(),
                );
            }
            if train.is_some_and(|train| train.halving.is_some()) {
                return Err(
                    "key `seeds`: seeds by need and `train.halving` exclude each other, since both choose what goes on".into(),
                );
            }
        }
        let detect = config.detect.as_ref();
        for (key, budget, limit) in [
            (
                "latency",
                latency.map(|it| it.budget_s),
                latency.and_then(|it| it.limit_s),
            ),
            (
                "detect",
                detect.map(|it| it.budget_s),
                detect.and_then(|it| it.limit_s),
            ),
        ] {
            if let (Some(budget), Some(limit)) = (budget, limit)
                && limit < budget
            {
                return Err(format!(
                    "key `{key}.limit_s`: expected at least `budget_s`, {budget}, found {limit}"
                ));
            }
        }
        if config.eval.is_some() && config.train.is_none() {
            return Err("key `eval`: requires the key `train`".into());
        }
        if config.detect.is_some() && config.eval.is_none() {
            return Err("key `detect`: requires the keys `train` and `eval`: it times the weights that have the mAP".into());
        }
        Ok(config)
    }

    /// Whether trainings write event files of TensorBoard.
    pub fn writes_curves(&self) -> bool {
        self.train.as_ref().is_some_and(|train| train.tensorboard)
    }

    /// How the sweep's report judges changes.
    pub fn judging(&self) -> Judging {
        Judging {
            margin: self.margin,
            first_seeds: self.seeds.by_need().map(|need| need.from),
            width: self.seeds.by_need().map(|need| need.width),
            most_seeds: self.seeds.by_need().map(|need| need.to),
        }
    }
}

/// A message with where a recipe's key belongs, if it is of one that stands beside it.
fn of_recipe(message: String) -> String {
    let rest = message.strip_prefix("train: unknown key '");
    let key = rest.and_then(|rest| rest.split('\'').next());
    let Some((key, recipe)) = key.zip(serde_yaml::to_value(Recipe::default()).ok()) else {
        return message;
    };
    match recipe.get(key) {
        Some(_) => message.replacen(
            &format!("'{key}'"),
            &format!("'{key}': a key of the recipe; write it under `overrides`"),
            1,
        ),
        None => message,
    }
}

fn default_devices() -> Vec<DeviceName> {
    vec!["flex".parse().expect("flex is a device")]
}

fn default_seeds() -> Seeds {
    Seeds::Listed(vec![0])
}
