//! A recipe: how a network is trained, apart from the network and the data.

mod packages;
mod values;

use std::path::{Path, PathBuf};

use crate::loss::{Yolov5Hyp, Yolov8Hyp};
use ablate_detection::augment::AugmentConfig;
use ablate_files::{line_of_key, place, split_line, tab_hint};
use ablate_model::{
    coding::{BoxCoding, DetectConfig},
    spec::{in_our_words, unknown_key},
};
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};

/// The keys of YOLOv5's `hyp.*.yaml` under their names, and what `train.py` takes on its command
/// line. A key that is left out has YOLOv5's value of its `hyp.scratch-low.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// Number of epochs.
    pub epochs: usize,
    /// Images in a batch; in a file -1 stands for as many as fit the GPU, which is [`AUTO_BATCH`]
    /// here until [`Recipe::resolved`].
    #[serde(with = "values::batch_size")]
    pub batch: usize,
    /// Nominal batch: gradients are summed over batches until they make about this many images.
    pub nbs: usize,
    /// Learning rate after warm-up.
    pub lr0: f64,
    /// Learning rate of the end as a share of `lr0`.
    pub lrf: f64,
    /// Whether the learning rate falls along a cosine instead of a line.
    pub cos_lr: bool,
    /// Momentum after warm-up; Adam's first beta.
    pub momentum: f64,
    /// L2 decay of weights, not of biases and norms, at the nominal batch.
    pub weight_decay: f64,
    /// Length of the warm-up; it is at least `warmup_min_steps` batches.
    pub warmup_epochs: f64,
    /// Minimum number of batches in the warm-up.
    pub warmup_min_steps: usize,
    /// Momentum at the start of warm-up.
    pub warmup_momentum: f64,
    /// Learning rate of biases at the first step.
    pub warmup_bias_lr: f64,
    /// Largest norm of the whole gradient, beyond which it is scaled down; 0: no limit.
    pub clip_norm: f64,
    /// Whether the network runs in half precision, where its device does so in training: NVIDIA's GPUs by LibTorch. Its weights
    /// and their steps stay in 32 bits.
    pub amp: bool,
    /// Which optimizer makes the steps.
    pub optimizer: Optimizer,
    /// Images of a batch are stretched to a side from `imgsz` · (1 - this) to `imgsz` · (1 + this),
    /// in whole strides, another for each batch; YOLOv5's flag is 0.5.
    #[serde(deserialize_with = "values::share_or_flag")]
    pub multi_scale: f64,
    /// Rows of the model's table whose weights and statistics stay as they are: a number of first
    /// ones, or a list.
    #[serde(deserialize_with = "values::rows")]
    pub freeze: Vec<usize>,
    /// Anchors of each level, as many as the table's, to fit to the data set in any case; None: the
    /// table's anchors, as long as they fit. A fraction, which YOLOv5's evolution leaves, is
    /// rounded, and 0 is None, as there.
    #[serde(deserialize_with = "values::count")]
    pub anchors: Option<usize>,
    /// Whether to keep the anchors even if they fit the data set badly.
    pub noautoanchor: bool,
    /// Whether images are evaluated in rectangles, as YOLOv5 and Ultralytics do, or in squares.
    pub val_rect: bool,
    /// Decay of the moving average of the weights once `ema_tau` updates are long past; 0: no
    /// average.
    pub ema_decay: f64,
    /// Updates over which the decay of the average rises.
    pub ema_tau: f64,
    /// Number of last epochs without mosaic, mixup and copy-paste.
    pub close_mosaic: usize,
    /// Epochs without a better score after which training ends; 0: never.
    pub patience: usize,
    /// Evaluate every so many epochs, and after the last; 0: after the last only.
    pub val_interval: usize,
    /// Loss of a head with anchors.
    #[serde(flatten)]
    pub anchor_based: Yolov5Hyp,
    /// Loss of a head without.
    pub anchor_free: Yolov8Hyp,
    /// How images are augmented.
    #[serde(flatten)]
    pub augment: AugmentConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            epochs: 300,
            batch: 16,
            nbs: 64,
            lr0: 0.01,
            lrf: 0.01,
            cos_lr: false,
            momentum: 0.937,
            weight_decay: 0.0005,
            warmup_epochs: 3.0,
            warmup_min_steps: 100,
            warmup_momentum: 0.8,
            warmup_bias_lr: 0.1,
            clip_norm: 10.0,
            amp: false,
            optimizer: Optimizer::Sgd,
            multi_scale: 0.0,
            freeze: Vec::new(),
            anchors: None,
            noautoanchor: false,
            val_rect: true,
            ema_decay: 0.9999,
            ema_tau: 2000.0,
            close_mosaic: 0,
            patience: 100,
            val_interval: 1,
            anchor_based: Yolov5Hyp::default(),
            anchor_free: Yolov8Hyp::default(),
            augment: AugmentConfig::default(),
        }
    }
}

/// A batch size that is still to be found.
pub const AUTO_BATCH: usize = 0;

/// Epochs, and images of a nominal batch.
const MOST: usize = 1_000_000;

/// What turns gradients into steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Optimizer {
    /// With Nesterov momentum.
    #[serde(rename = "SGD")]
    Sgd,
    /// The first of its betas is `momentum`, the second 0.999.
    Adam,
    /// The same, but weights decay on their own.
    AdamW,
    /// SGD, and for kernels and matrices a step along the orthogonalised gradient beside it.
    #[serde(rename = "MuSGD")]
    MuSgd,
    /// What Ultralytics chooses: AdamW with a learning rate by the number of classes for short
    /// trainings, MuSGD for others; see [`Recipe::resolved`].
    #[serde(rename = "auto")]
    Auto,
}

/// Steps of the optimizer up to which Ultralytics' `auto` is AdamW; beyond, it is MuSGD.
const MOST_AUTO_STEPS: usize = 10_000;

/// What is wrong with a recipe, by file and key.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe variants and fields")]
pub enum RecipeError {
    // The error is not a source: a chain of errors would print it twice.
    #[error("{path}: {error}")]
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    /// Something in a file; its line, where it is known.
    #[error("{}: {message}", place(path, *line))]
    File {
        path: PathBuf,
        line: Option<usize>,
        message: String,
    },
    #[error("{0}")]
    UnknownKey(String),
    #[error("{0}")]
    Key(String),
    /// Keys of the packages that would change the training.
    #[error("{0}")]
    Unsupported(String),
    #[error("{0}")]
    Yaml(#[from] serde_yaml::Error),
    #[error("{key}: expected {expected}, found {value}")]
    Value {
        key: &'static str,
        value: f64,
        expected: &'static str,
    },
    #[error("{0}")]
    Loss(#[from] crate::loss::LossError),
    #[error("{0}")]
    Augment(#[from] ablate_detection::dataset::DataError),
}

impl Recipe {
    /// Reads a recipe from a YAML file, which may be one of YOLOv5's `hyp.*.yaml` or Ultralytics'
    /// `args.yaml`. Also what is to be said of it, a line each: keys that have no effect here.
    ///
    /// # Errors
    /// Names the file, and the line or the key that is wrong.
    pub fn load(path: &Path) -> Result<(Self, Vec<String>), RecipeError> {
        let text = ablate_files::read_text(path).map_err(|error| RecipeError::Read {
            path: path.into(),
            error,
        })?;
        let wrong = |line, message: &str| RecipeError::File {
            path: path.into(),
            line,
            message: message.into(),
        };
        ablate_files::check_yaml(&text).map_err(|message| {
            let (message, line) = split_line(&message);
            wrong(line, message)
        })?;
        // A file of comments alone says nothing.
        let keys: Option<Mapping> = serde_yaml::from_str(&text).map_err(|error| {
            let message = in_our_words(&error.to_string());
            let (message, line) = split_line(&message);
            let named = || line_of_key(&text, message.strip_prefix("key `")?.split('`').next()?);
            let line = line.or_else(named);
            wrong(line, &(message.to_owned() + tab_hint(&text, line)))
        })?;
        let keys = keys.unwrap_or_default();
        if keys.is_empty() {
            let note = format!(
                "{}: sets nothing; all keys have the values that hold without a recipe",
                path.display()
            );
            return Ok((Self::default(), vec![note]));
        }
        let written = keys.clone();
        let read = || {
            let packages::Read { base, keys, notes } = packages::read(keys)?;
            let notes = notes
                .iter()
                .map(|note| format!("{}: {note}", path.display()));
            Ok((base.with(&keys)?, notes.collect()))
        };
        read().map_err(|error: RecipeError| {
            let message = error.to_string();
            wrong(line_of(&message, &written, &text), &message)
        })
    }

    /// This recipe with the values of some keys replaced, as a sweep does.
    ///
    /// # Errors
    /// Keys that a recipe does not have, values out of their range.
    pub fn with(&self, keys: &Mapping) -> Result<Self, RecipeError> {
        let Value::Mapping(mut all) = serde_yaml::to_value(self)? else {
            unreachable!("a recipe is a mapping")
        };
        for (key, value) in keys {
            match all.get_mut(key) {
                // A group of keys: those that are not given stay.
                Some(Value::Mapping(old)) if value.is_mapping() => {
                    old.extend(value.as_mapping().cloned().unwrap_or_default())
                }
                Some(old) => *old = value.clone(),
                None => {
                    let known: Vec<&str> = all.keys().filter_map(Value::as_str).collect();
                    let key = key
                        .as_str()
                        .map_or_else(|| format!("{key:?}"), String::from);
                    return Err(RecipeError::UnknownKey(unknown_key(&key, &known)));
                }
            }
        }
        let recipe: Self = serde_path_to_error::deserialize(Value::Mapping(all))
            .map_err(|error| self.by_key(keys, &error.path().to_string(), error.inner()))?;
        recipe.check()?;
        Ok(recipe)
    }

    /// An error over some keys as that of the first wrong one, which it may not name; `path` is
    /// what the reader knows of its place.
    fn by_key(&self, keys: &Mapping, path: &str, error: &serde_yaml::Error) -> RecipeError {
        let one = |(key, value): (&Value, &Value)| {
            self.with(&Mapping::from_iter([(key.clone(), value.clone())]))
                .err()
        };
        let first = (keys.len() > 1)
            .then(|| keys.iter().find_map(one))
            .flatten();
        if let Some(error) = first {
            return error;
        }
        let message = in_our_words(&error.to_string());
        let key = keys.keys().next().and_then(Value::as_str);
        RecipeError::Key(match key {
            // It names its key itself.
            Some(key) if message.starts_with(key) => message,
            Some(key) if path.starts_with(key) => format!("{path}: {message}"),
            Some(key) => format!("{key}: {message}"),
            None => message,
        })
    }

    /// The recipe for a training on so many images of so many classes: a batch size that is still
    /// to be found is `batch()`, and the optimizer `auto` what it stands for.
    pub fn resolved(&self, images: usize, nc: usize, batch: impl FnOnce() -> usize) -> Self {
        let batch = if self.batch == AUTO_BATCH {
            batch()
        } else {
            self.batch
        };
        let recipe = Self {
            batch,
            ..self.clone()
        };
        if self.optimizer != Optimizer::Auto {
            return recipe;
        }
        let steps = images.div_ceil(batch.max(self.nbs)) * self.epochs;
        if steps > MOST_AUTO_STEPS {
            return Self {
                optimizer: Optimizer::MuSgd,
                lr0: 0.01,
                // Warm-up ends at the recipe's own.
                momentum: if recipe.warmup_epochs > 0.0 {
                    recipe.momentum
                } else {
                    0.9
                },
                warmup_bias_lr: 0.0,
                ..recipe
            };
        }
        // To six decimal places, as Ultralytics rounds it.
        let lr0 = (0.002 * 5.0 / (4.0 + nc as f64) * 1e6).round_ties_even() / 1e6;
        Self {
            optimizer: Optimizer::AdamW,
            lr0,
            momentum: 0.9,
            warmup_bias_lr: 0.0,
            ..recipe
        }
    }

    /// Images in a batch of an evaluation after training.
    pub fn eval_batch(&self) -> usize {
        if self.batch == AUTO_BATCH {
            16
        } else {
            self.batch
        }
    }

    /// What a user should know who trains a family by this recipe: that it is another family's, where
    /// none was given, and gains that do nothing to its head.
    pub fn cautions(&self, family: &str, detect: &DetectConfig, is_given: bool) -> Vec<String> {
        let mut cautions = Vec::new();
        if let BoxCoding::Distances { .. } = detect.coding {
            let plain = Self::default();
            if !is_given {
                cautions.push(format!(
                    "{family}: no recipe is given, so YOLOv5's hyper-parameters hold; the published ones of heads without anchors are configs/recipes/yolov8.yaml"
                ));
            }
            if self.anchor_based != plain.anchor_based && self.anchor_free == plain.anchor_free {
                cautions.push(format!(
                    "{family}: box, cls and obj are gains of heads with anchors, and have no effect on this one; write `anchor_free: {{box: …, cls: …, dfl: …}}`"
                ));
            }
        }
        cautions
    }

    /// What a training of this head depends on, for its key: all of the recipe but the gains of the
    /// other family's loss.
    pub fn inputs(&self, detect: &DetectConfig) -> serde_json::Value {
        let keys = |value: serde_json::Result<serde_json::Value>| match value {
            Ok(serde_json::Value::Object(keys)) => keys,
            _ => unreachable!("recipes and gains are maps with words as keys"),
        };
        let mut inputs = keys(serde_json::to_value(self));
        match detect.coding {
            BoxCoding::Anchors(_) => {
                inputs.remove("anchor_free");
            }
            BoxCoding::Distances { .. } => {
                let other = keys(serde_json::to_value(self.anchor_based));
                inputs.retain(|key, _| {
                    !other.contains_key(key) && !["anchors", "noautoanchor"].contains(&key.as_str())
                });
            }
            // It is not trained.
            BoxCoding::Queries => {}
        }
        inputs.into()
    }

    /// # Errors
    /// Names the first value out of its range.
    pub fn check(&self) -> Result<(), RecipeError> {
        let require = |ok: bool, key, value, expected| {
            if ok {
                Ok(())
            } else {
                Err(RecipeError::Value {
                    key,
                    value,
                    expected,
                })
            }
        };
        for (key, value) in [("epochs", self.epochs), ("nbs", self.nbs)] {
            let expected = "a whole number from 1 to 1000000";
            require((1..=MOST).contains(&value), key, value as f64, expected)?;
        }
        for (key, value) in [
            ("lr0", self.lr0),
            ("lrf", self.lrf),
            ("weight_decay", self.weight_decay),
            ("warmup_epochs", self.warmup_epochs),
            ("warmup_bias_lr", self.warmup_bias_lr),
            ("clip_norm", self.clip_norm),
        ] {
            require(
                value >= 0.0 && value.is_finite(),
                key,
                value,
                "a finite number of at least 0",
            )?;
        }
        for (key, value) in [
            ("momentum", self.momentum),
            ("warmup_momentum", self.warmup_momentum),
            ("ema_decay", self.ema_decay),
        ] {
            require(
                (0.0..1.0).contains(&value),
                key,
                value,
                "a number from 0 to below 1",
            )?;
        }
        require(
            self.ema_tau > 0.0,
            "ema_tau",
            self.ema_tau,
            "a number above 0",
        )?;
        require(
            (0.0..1.0).contains(&self.multi_scale),
            "multi_scale",
            self.multi_scale,
            "a number from 0 to below 1, or true for 0.5",
        )?;
        self.anchor_based.check()?;
        self.anchor_free.check()?;
        self.augment.validate()?;
        Ok(())
    }
}

/// The line of the first key of a file that an error names, under its group or by itself.
fn line_of(message: &str, keys: &Mapping, text: &str) -> Option<usize> {
    let names = |key: &&str| {
        let starts = [
            format!("{key}:"),
            format!("anchor_free.{key}:"),
            format!("unknown key '{key}'"),
        ];
        starts.iter().any(|start| message.starts_with(start))
            || message.starts_with(&format!("{key}."))
    };
    let key = keys.keys().filter_map(Value::as_str).find(names)?;
    let path = message.split(':').next().unwrap_or(key);
    match path.starts_with(key) {
        true => line_of_key(text, path),
        false => line_of_key(text, key),
    }
}
