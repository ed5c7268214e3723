//! A sweep's file: what it measures. Unknown keys are rejected, by file, line and key.

mod numbers;
mod seeds;
mod timing;
mod words;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use ablate_detection::dataset::Split;
use ablate_files::{line_of_key, place, split_line, tab_hint};
use ablate_model::{Catalog, ModelName, spec::in_our_words};
use ablate_records::{ImageSize, Judging};
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use self::numbers::{at_least_one, classes, image_size, points, share};
pub use self::seeds::{ByNeed, Seeds};
pub use self::timing::{DetectionConfig, LatencyConfig};
pub use self::words::{Listed, Model, RecipeFiles, Scale, Variants};
use crate::device::DeviceName;
use ablate_training::Recipe;

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

/// Successive halving: the rule is in [`super::halving`].
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

impl Default for HalvingConfig {
    fn default() -> Self {
        Self {
            rungs: 2,
            keep: 0.5,
            among: Among::Variants,
        }
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
        let wrong = |message: String| in_place(path, &text, &message);
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
        ablate_files::check_depth(text)?;
        if matches!(serde_yaml::from_str(text), Ok(Value::Null)) {
            return Err("expected the keys of a sweep, found an empty file".into());
        }
        let config: Self =
            serde_yaml::from_str(text).map_err(|error| in_our_words(&error.to_string()))?;
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
        {
            return Err(format!(
                "key `name`: expected letters, digits, `-`, `_` and `.` (it names a folder), found '{}'",
                config.name
            ));
        }
        for (key, length) in [
            ("devices", config.devices.len()),
            ("seeds", config.seeds.all().len()),
        ] {
            if length == 0 {
                return Err(format!(
                    "key `{key}`: expected at least one entry, found an empty list; omit the key for the default"
                ));
            }
        }
        if config.seeds.by_need().is_some() {
            let train = config.train.as_ref();
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
        }
    }

    /// Adds families, scales and variants that a command line names to those of the grid.
    ///
    /// # Errors
    /// A word that is no scale, or no variant's name.
    pub fn include(
        &mut self,
        families: &[String],
        scales: &[String],
        variants: &[String],
    ) -> Result<()> {
        let new = |family: &&String| !self.families.contains(family);
        self.families
            .extend(families.iter().filter(new).cloned().collect::<Vec<_>>());
        for word in scales {
            let scale: Scale = word.parse()?;
            if !self.scales.contains(&scale) {
                self.scales.push(scale);
            }
        }
        for word in variants {
            let variants: Variants = word.parse()?;
            if !self.variants.contains(&variants) {
                self.variants.push(variants);
            }
        }
        Ok(())
    }

    /// All models of the sweep in the order in which they are written, each once. The catalog says
    /// which variants `singles` and `pairs` are.
    pub fn models(&self, catalog: &Catalog) -> Vec<ModelName> {
        self.listed(catalog).models
    }

    /// The same with what `singles` and `pairs` leave out.
    pub fn listed(&self, catalog: &Catalog) -> Listed {
        let mut listed = Listed::default();
        for family in &self.families {
            // A table without scales makes one model, whatever scales the sweep has.
            let scaleless = catalog.scales(family) == [""];
            let scales = self.scales.iter().map(|scale| scale.0.as_str());
            let scales: Vec<&str> = if scaleless {
                vec![""]
            } else {
                scales.collect()
            };
            for scale in scales {
                let baseline = ModelName::baseline(family, scale);
                for variants in &self.variants {
                    let of = variants.of(&baseline, catalog);
                    listed.models.extend(of.models);
                    listed.left_out.extend(of.left_out);
                }
            }
        }
        // A name that the catalog does not know fails where it is resolved.
        let named = |model: &Model| catalog.name(&model.0).unwrap_or_else(|_| model.0.clone());
        listed.models.extend(self.models.iter().map(named));
        let mut seen = std::collections::HashSet::new();
        listed.models.retain(|model| seen.insert(model.clone()));
        listed
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
            ("epochs", self.epochs.map(|epochs| epochs as i64)),
            ("batch", self.batch),
        ] {
            if let Some(value) = value {
                keys.insert(key.into(), value.into());
            }
        }
        keys
    }

    /// Rejects keys that no recipe has, and values that none can have, before a recipe is read.
    fn check_keys(&self) -> Result<(), String> {
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
    fn check_halving<'f>(&self, families: impl Iterator<Item = &'f String>) -> Result<()> {
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

/// An error of a sweep's file with the line: the reader's own, else that of the key that the message
/// names.
fn in_place(path: &Path, text: &str, message: &str) -> anyhow::Error {
    let (message, line) = split_line(message);
    let named = || {
        let key = match message.strip_prefix("key `") {
            Some(rest) => rest.split('`').next()?,
            None => message.split(": ").next()?,
        };
        line_of_key(text, key)
    };
    let line = line.or_else(named);
    anyhow!("{}: {message}{}", place(path, line), tab_hint(text, line))
}

fn default_devices() -> Vec<DeviceName> {
    vec!["flex".parse().expect("flex is a device")]
}

fn default_seeds() -> Seeds {
    Seeds::Listed(vec![0])
}
