//! The optimizer that a recipe names.

use burn::module::Module;

use super::adam::{Adam, Decay};
use super::{MuSgd, Rates, Sgd};
use crate::tensors::Tensors;
use crate::{Optimizer, Recipe};

/// An optimizer and all that it keeps from step to step.
pub enum StepRule {
    /// SGD.
    Sgd(Sgd),
    /// Adam or AdamW.
    Adam(Adam),
    /// MuSGD.
    MuSgd(MuSgd),
}

impl StepRule {
    /// The recipe's, for the parameters of `module`; `weight_decay` is the one for the batches that
    /// really make a step.
    pub fn new<M: Module>(module: &M, recipe: &Recipe, weight_decay: f64) -> Self {
        let adam = |decay| Self::Adam(Adam::new(module, recipe.momentum, decay, weight_decay));
        match recipe.optimizer {
            Optimizer::Sgd => Self::Sgd(Sgd::new(module, weight_decay)),
            Optimizer::MuSgd => Self::MuSgd(MuSgd::new(module, weight_decay)),
            Optimizer::Adam => adam(Decay::Gradient),
            Optimizer::AdamW | Optimizer::Auto => adam(Decay::Decoupled),
        }
    }

    /// One step down the gradients; parameters without one stay.
    pub fn step<M: Module>(&mut self, module: M, gradients: Tensors, rates: Rates) -> M {
        match self {
            Self::Sgd(sgd) => sgd.step(module, gradients, rates),
            Self::Adam(adam) => adam.step(module, gradients, rates),
            Self::MuSgd(optimizer) => optimizer.step(module, gradients, rates),
        }
    }

    /// What it keeps for each parameter, by name.
    pub fn buffers(&self) -> Vec<(&'static str, &Tensors)> {
        match self {
            Self::Sgd(sgd) => vec![("momentum.", &sgd.buffers)],
            Self::Adam(adam) => vec![("momentum.", &adam.averages), ("square.", &adam.squares)],
            Self::MuSgd(optimizer) => vec![
                ("momentum.", &optimizer.sgd.buffers),
                ("direction.", &optimizer.averages),
            ],
        }
    }

    /// Steps so far, where they matter to the next one.
    pub fn taken(&self) -> Option<u64> {
        match self {
            Self::Adam(adam) => Some(adam.taken),
            Self::Sgd(_) | Self::MuSgd(_) => None,
        }
    }

    /// Goes on after so many steps with what was kept.
    ///
    /// # Errors
    /// Those of `read`, which is given the names of [`Self::buffers`].
    pub fn restore<E>(
        &mut self,
        taken: u64,
        mut read: impl FnMut(&str) -> Result<Tensors, E>,
    ) -> Result<(), E> {
        match self {
            Self::Sgd(sgd) => sgd.buffers = read("momentum.")?,
            Self::MuSgd(optimizer) => {
                optimizer.sgd.buffers = read("momentum.")?;
                optimizer.averages = read("direction.")?;
            }
            Self::Adam(adam) => {
                adam.averages = read("momentum.")?;
                adam.squares = read("square.")?;
                adam.taken = taken;
            }
        }
        Ok(())
    }
}
