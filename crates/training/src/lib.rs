//! Training and evaluation of detectors: losses, recipes, optimizers, the moving average,
//! checkpoints and the loop that uses them.
//!
//! There is one way to train and one to evaluate: a [`TrainingSpec`] is opened, which makes the
//! network, and run; an [`EvaluationSpec`] is opened, which reads the weights, and run.
//!
//! How a network is trained is a [`Recipe`], under the key names of YOLOv5 and YOLOv8:
//!
//! ```
//! use ablate_training::Recipe;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recipe = Recipe::default().with(&serde_yaml::from_str("{epochs: 30, lr0: 0.02}")?)?;
//! assert_eq!((recipe.epochs, recipe.lr0, recipe.momentum), (30, 0.02, 0.937));
//!
//! let error = Recipe::default().with(&serde_yaml::from_str("{lr0: -1}")?).unwrap_err();
//! assert_eq!(error.to_string(), "lr0: expected a finite number of at least 0, found -1");
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod account;
mod amp;
mod autoanchor;
mod checkpoint;
mod classes;
pub mod conventions;
mod data;
mod detect;
mod ema;
mod evaluation;
mod identity;
pub mod loss;
mod optimizer;
mod pending;
mod progress;
mod recipe;
mod schedule;
mod scores;
mod tensors;
mod trainable;
mod trainer;
mod training;
mod weights;

pub use account::account;
pub use amp::{LossScale, half_outputs, in_half};
pub use autoanchor::describe as describe_anchors;
pub use checkpoint::{BEST, CheckpointError, LAST, RESUME, TrainingState};
pub use classes::{check_order, other_names};
pub use data::{BatchSource, TrainingData};
pub use detect::Part;
pub use ema::Ema;
pub use evaluation::{Evaluation, EvaluationSpec, Evaluator};
pub use identity::{Identity, check_checkpoint};
pub use optimizer::{Rates, Sgd, StepRule};
pub use progress::{Progress, Silent, StepReport};
pub use recipe::{AUTO_BATCH, Optimizer, Recipe, RecipeError};
pub use schedule::{Schedule, StepSettings};
pub use scores::{Evaluate, Scores};
pub use trainable::TrainableDetector;
pub use trainer::{Leg, TrainJob, Trained, train};
pub use training::{Training, TrainingSpec, loss_of};
pub use weights::{describe as describe_weights, gaps, taken};

#[cfg(test)]
mod tests;
