//! Learning rate, momentum and accumulation at every step, as YOLOv5 sets them.

use std::f64::consts::PI;

use crate::{Rates, Recipe};

/// The way of the learning rate through a training: warm-up by batches, then a line or a cosine by
/// epochs.
#[derive(Clone, Debug)]
pub struct Schedule {
    recipe: Recipe,
    steps_per_epoch: usize,
    warmup_steps: usize,
}

/// What holds at one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSettings {
    /// Learning rates and momentum.
    pub rates: Rates,
    /// Number of batches whose gradients make one step of the optimizer.
    pub accumulate: usize,
}

impl Schedule {
    /// For trainings by a recipe, with so many batches in an epoch.
    pub fn new(recipe: &Recipe, steps_per_epoch: usize) -> Self {
        let warmup = (recipe.warmup_epochs * steps_per_epoch as f64).round_ties_even() as usize;
        Self {
            recipe: recipe.clone(),
            steps_per_epoch,
            warmup_steps: warmup.max(recipe.warmup_min_steps),
        }
    }

    /// Settings for a batch of an epoch, both from 0.
    ///
    /// In warm-up the bias rate falls from `warmup_bias_lr`, the others rise from 0, momentum and
    /// accumulation rise to their values; YOLOv5 counts the batch after the last one of the warm-up
    /// as its end, and so does this.
    pub fn at(&self, epoch: usize, batch: usize) -> StepSettings {
        let r = &self.recipe;
        let lr = r.lr0 * self.decay(epoch);
        let step = epoch * self.steps_per_epoch + batch;
        let progress = match step {
            s if s < self.warmup_steps => s as f64 / self.warmup_steps as f64,
            _ => 1.0,
        };
        let between = |from: f64, to: f64| from + (to - from) * progress;
        StepSettings {
            rates: Rates {
                bias_lr: between(r.warmup_bias_lr, lr),
                lr: between(0.0, lr),
                momentum: between(r.warmup_momentum, r.momentum),
            },
            accumulate: (between(1.0, r.nbs as f64 / r.batch as f64).round_ties_even() as usize)
                .max(1),
        }
    }

    /// That a training's batches are all part of the warm-up, in which weights hardly learn; None if
    /// there are more.
    pub fn caution(&self) -> Option<String> {
        let batches = self.recipe.epochs * self.steps_per_epoch;
        (batches <= self.warmup_steps).then(|| {
            format!(
                "all {batches} batches of the training are warm-up, which takes {} (keys warmup_epochs and warmup_min_steps): weights hardly change; train longer, or warm up less",
                self.warmup_steps
            )
        })
    }

    /// L2 decay for the batches that really make one step of the optimizer, after warm-up.
    pub fn weight_decay(&self) -> f64 {
        let r = &self.recipe;
        let accumulate = (r.nbs as f64 / r.batch as f64).round_ties_even().max(1.0);
        r.weight_decay * r.batch as f64 * accumulate / r.nbs as f64
    }

    /// Share of `lr0` that an epoch has: from 1 at the first to `lrf` past the last.
    fn decay(&self, epoch: usize) -> f64 {
        let Recipe {
            epochs,
            lrf,
            cos_lr,
            ..
        } = self.recipe;
        let x = epoch as f64 / epochs as f64;
        let falling = if cos_lr {
            (1.0 + (PI * x).cos()) / 2.0
        } else {
            1.0 - x
        };
        falling * (1.0 - lrf) + lrf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn warms_up_as_yolov5_does() {
        let recipe = Recipe {
            epochs: 10,
            batch: 16,
            ..Recipe::default()
        };
        // 3 epochs of 50 batches make 150 steps, more than the least 100.
        let schedule = Schedule::new(&recipe, 50);
        let first = schedule.at(0, 0);
        assert_eq!(
            first.rates,
            Rates {
                bias_lr: 0.1,
                lr: 0.0,
                momentum: 0.8
            }
        );
        assert_eq!(first.accumulate, 1);
        // Step 75 is half-way, in epoch 1, whose share of lr0 is 0.9 · 0.99 + 0.01.
        let middle = schedule.at(1, 25);
        let lr = 0.01 * 0.901;
        assert!(close(middle.rates.bias_lr, (0.1 + lr) / 2.0));
        assert!(close(middle.rates.lr, lr / 2.0));
        assert!(close(middle.rates.momentum, (0.8 + 0.937) / 2.0));
        assert_eq!(middle.accumulate, 2, "2.5 rounds to even");
        let after = schedule.at(3, 0);
        let lr = 0.01 * (0.7 * 0.99 + 0.01);
        assert!(close(after.rates.bias_lr, lr) && close(after.rates.lr, lr));
        assert_eq!(after.accumulate, 4);
    }

    #[test]
    fn a_cosine_meets_the_line_in_the_middle() {
        let linear = Recipe {
            epochs: 10,
            warmup_epochs: 0.0,
            warmup_min_steps: 0,
            ..Recipe::default()
        };
        let cosine = Recipe {
            cos_lr: true,
            ..linear.clone()
        };
        let lr = |recipe: &Recipe, epoch| Schedule::new(recipe, 5).at(epoch, 0).rates.lr;
        assert!(close(lr(&linear, 0), 0.01) && close(lr(&cosine, 0), 0.01));
        assert!(close(lr(&linear, 5), lr(&cosine, 5)));
        assert!(lr(&cosine, 2) > lr(&linear, 2) && lr(&cosine, 8) < lr(&linear, 8));
    }

    #[test]
    fn weight_decay_is_that_of_the_images_that_make_a_step() {
        let decay = |batch| {
            Schedule::new(
                &Recipe {
                    batch,
                    ..Recipe::default()
                },
                10,
            )
            .weight_decay()
        };
        assert!(close(decay(16), 0.0005));
        assert!(close(decay(128), 0.001));
        assert!(close(decay(48), 0.0005 * 48.0 / 64.0));
    }
}
