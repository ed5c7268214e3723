//! A recipe: all that decides how a network is trained, but for the network and the data.

use std::path::{Path, PathBuf};

use ablate_detection::augment::AugmentConfig;
use ablate_detection::loss::{Yolov5Hyp, Yolov8Hyp};
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};

/// The keys of YOLOv5's `hyp.*.yaml` under their names, and what `train.py` takes on its command line. A key that is left out has YOLOv5's
/// value of its `hyp.scratch-low.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    pub epochs: usize,
    /// Images in a batch.
    pub batch: usize,
    /// Nominal batch: gradients are summed over batches until they make about this many images.
    pub nbs: usize,
    /// Learning rate after warm-up.
    pub lr0: f64,
    /// Learning rate of the end as a share of `lr0`.
    pub lrf: f64,
    /// Whether the learning rate falls along a cosine instead of a line.
    pub cos_lr: bool,
    pub momentum: f64,
    /// L2 decay of weights, not of biases and norms, at the nominal batch.
    pub weight_decay: f64,
    /// Length of the warm-up; it is at least `warmup_min_steps` batches.
    pub warmup_epochs: f64,
    pub warmup_min_steps: usize,
    pub warmup_momentum: f64,
    /// Learning rate of biases at the first step.
    pub warmup_bias_lr: f64,
    /// Largest norm of the whole gradient, beyond which it is scaled down; 0: none.
    pub clip_norm: f64,
    /// Decay of the moving average of the weights once `ema_tau` updates are long past; 0: no average.
    pub ema_decay: f64,
    pub ema_tau: f64,
    /// Number of last epochs without mosaic and mixup.
    pub close_mosaic: usize,
    /// Epochs without a better score after which training ends; 0: never.
    pub patience: usize,
    /// Evaluate every so many epochs, and after the last; 0: after the last only.
    pub val_interval: usize,
    /// Loss of a head with anchors.
    #[serde(flatten)]
    pub loss: Yolov5Hyp,
    /// Loss of a head without.
    pub anchor_free: Yolov8Hyp,
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
            ema_decay: 0.9999,
            ema_tau: 2000.0,
            close_mosaic: 0,
            patience: 100,
            val_interval: 1,
            loss: Yolov5Hyp::default(),
            anchor_free: Yolov8Hyp::default(),
            augment: AugmentConfig::default(),
        }
    }
}

/// What is wrong with a recipe, by file and key.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("{path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {message}")]
    Syntax { path: PathBuf, message: String },
    #[error("unknown key `{key}`; the keys of a recipe are {known}")]
    UnknownKey { key: String, known: String },
    #[error("{0}")]
    Yaml(#[from] serde_yaml::Error),
    #[error("{key} is {value}: it must be {expected}")]
    Value { key: &'static str, value: f64, expected: &'static str },
    #[error("{0}")]
    Loss(#[from] ablate_detection::loss::LossError),
    #[error("{0}")]
    Augment(#[from] ablate_detection::dataset::DataError),
}

impl Recipe {
    /// Reads a recipe from a YAML file.
    ///
    /// # Errors
    /// Names the file, and the line or the key that is wrong.
    pub fn load(path: &Path) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Read { path: path.into(), source })?;
        let recipe = serde_yaml::from_str(&text).map_err(RecipeError::from).and_then(|keys| Self::default().with(&keys));
        recipe.map_err(|error| RecipeError::Syntax { path: path.into(), message: error.to_string() })
    }

    /// This recipe with the values of some keys replaced, as a sweep does.
    ///
    /// # Errors
    /// Keys that a recipe does not have, values out of their range.
    pub fn with(&self, keys: &Mapping) -> Result<Self, RecipeError> {
        let Value::Mapping(mut all) = serde_yaml::to_value(self)? else { unreachable!("a recipe is a mapping") };
        for (key, value) in keys {
            match all.get_mut(key) {
                Some(old) => *old = value.clone(),
                None => {
                    let known: Vec<&str> = all.keys().filter_map(Value::as_str).collect();
                    let key = key.as_str().map_or_else(|| format!("{key:?}"), String::from);
                    return Err(RecipeError::UnknownKey { key, known: known.join(", ") });
                }
            }
        }
        let recipe: Self = serde_yaml::from_value(Value::Mapping(all))?;
        recipe.check()?;
        Ok(recipe)
    }

    /// # Errors
    /// Names the first value out of its range.
    pub fn check(&self) -> Result<(), RecipeError> {
        let require = |ok: bool, key, value, expected| if ok { Ok(()) } else { Err(RecipeError::Value { key, value, expected }) };
        for (key, value) in [("epochs", self.epochs), ("batch", self.batch), ("nbs", self.nbs)] {
            require(value > 0, key, value as f64, "above 0")?;
        }
        for (key, value) in [
            ("lr0", self.lr0),
            ("lrf", self.lrf),
            ("weight_decay", self.weight_decay),
            ("warmup_epochs", self.warmup_epochs),
            ("warmup_bias_lr", self.warmup_bias_lr),
            ("clip_norm", self.clip_norm),
        ] {
            require(value >= 0.0 && value.is_finite(), key, value, "finite and not negative")?;
        }
        for (key, value) in [("momentum", self.momentum), ("warmup_momentum", self.warmup_momentum), ("ema_decay", self.ema_decay)] {
            require((0.0..1.0).contains(&value), key, value, "from 0 to below 1")?;
        }
        require(self.ema_tau > 0.0, "ema_tau", self.ema_tau, "above 0")?;
        self.loss.check()?;
        self.anchor_free.check()?;
        self.augment.validate()?;
        Ok(())
    }
}
