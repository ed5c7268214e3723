//! Training: recipe, schedule, optimizer, moving average, checkpoints, and the loop that uses them.

mod adam;
mod checkpoint;
mod data;
mod ema;
mod evaluate;
mod optimizer;
mod progress;
mod recipe;
mod schedule;
mod step_rule;
mod tensors;
mod trainer;

pub use checkpoint::{BEST, CheckpointError, LAST, RESUME, TrainingState};
pub use data::{BatchSource, TrainingData};
pub use ema::Ema;
pub use evaluate::{Evaluate, Scores};
pub use optimizer::{Rates, Sgd};
pub use progress::{Progress, Silent, StepReport};
pub use recipe::{AUTO_BATCH, Optimizer, Recipe, RecipeError};
pub use schedule::{Schedule, StepSettings};
pub use step_rule::StepRule;
pub use trainer::{Leg, TrainJob, TrainableDetector, Trained, train};

#[cfg(test)]
mod tests;
