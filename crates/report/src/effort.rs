//! How much a network was trained, for the sentence that it has not learnt.

use serde_json::Value;

use crate::rows::Row;
use ablate_records::Stage;

/// A training in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    pub epochs: usize,
    /// Images of the training split.
    pub images: usize,
    /// Steps of the optimizer; None if the record's inputs don't tell.
    pub steps: Option<usize>,
}

impl Effort {
    /// None if the training has no record.
    pub fn of(row: &Row) -> Option<Self> {
        let train = row.train()?;
        let (epochs, images) = (train.epochs.len(), train.train_images);
        let recipe = row.record(Stage::Train)?.inputs.get("recipe");
        Some(Self {
            epochs,
            images,
            steps: recipe.and_then(|recipe| steps(recipe, epochs, images)),
        })
    }

    /// `2 epochs of 8 images, 16 optimizer steps`.
    pub fn words(&self) -> String {
        let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let (epochs, images) = (counted(self.epochs, "epoch"), counted(self.images, "image"));
        let steps = self.steps.map(|steps| counted(steps, "optimizer step"));
        let steps = steps.map_or_else(String::new, |steps| format!(", {steps}"));
        format!("{epochs} of {images}{steps}")
    }
}

/// Steps of the optimizer by the recipe of a record: gradients of several batches make a step, and of
/// how many rises in the warm-up from one to nominal over real batch size. The trainer's `Schedule`
/// says the same.
fn steps(recipe: &Value, epochs: usize, images: usize) -> Option<usize> {
    let number = |key: &str| recipe.get(key)?.as_f64();
    let (batch, nominal) = (number("batch")?, number("nbs")?);
    if batch < 1.0 {
        return None;
    }
    let batches = images.div_ceil(batch as usize);
    let warmup = (number("warmup_epochs")? * batches as f64).round_ties_even();
    let warmup = warmup.max(number("warmup_min_steps").unwrap_or(0.0));
    let (mut steps, mut waiting) = (0, 0.0);
    for batch_number in 0..epochs.checked_mul(batches)? {
        let progress = match batch_number as f64 {
            n if n < warmup => n / warmup,
            _ => 1.0,
        };
        let together = 1.0 + (nominal / batch - 1.0) * progress;
        waiting += 1.0;
        if waiting >= together.round_ties_even().max(1.0) {
            (steps, waiting) = (steps + 1, 0.0);
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_takes_several_batches_after_the_warm_up() {
        let recipe = |warmup: f64| json!({"batch": 16, "nbs": 64, "warmup_epochs": warmup, "warmup_min_steps": 0});
        // Ten epochs of four batches.
        assert_eq!(steps(&recipe(0.0), 10, 60), Some(10));
        // In the first epoch of warm-up a step takes one batch, then two, then three.
        assert_eq!(steps(&recipe(1.0), 10, 60), Some(11));
        // 205 images of a real training, whose checkpoint counted 171.
        assert_eq!(steps(&recipe(3.0), 50, 205), Some(171));
        let small = json!({"batch": 64, "nbs": 16, "warmup_epochs": 3});
        assert_eq!(
            steps(&small, 2, 65),
            Some(4),
            "no step takes less than a batch"
        );
        assert_eq!(steps(&json!({"batch": 16}), 10, 60), None);
        assert_eq!(
            steps(&json!({"batch": 0, "nbs": 64, "warmup_epochs": 0}), 1, 1),
            None
        );
    }

    #[test]
    fn words_count() {
        let effort = |epochs, images, steps| {
            Effort {
                epochs,
                images,
                steps,
            }
            .words()
        };
        assert_eq!(
            effort(2, 8, Some(16)),
            "2 epochs of 8 images, 16 optimizer steps"
        );
        assert_eq!(effort(1, 1, None), "1 epoch of 1 image");
    }
}
