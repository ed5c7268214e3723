//! Adam (Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>) and AdamW (Loshchilov and Hutter
//! 2019, <https://arxiv.org/abs/1711.05101>) in PyTorch's convention and YOLOv5's three groups.

use std::collections::HashMap;

use ablate_kernels::{Stepped, Steps};
use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};

use super::{Group, Rates, groups};
use crate::tensors::Tensors;

/// Decay of the squares' average.
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// How the decay of weights acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// As part of the gradient: Adam.
    Gradient,
    /// On its own, by the learning rate: AdamW.
    Decoupled,
}

/// The optimizer and its averages of gradients and of their squares.
pub struct Adam {
    beta1: f64,
    decay: Decay,
    weight_decay: f64,
    groups: HashMap<ParamId, Group>,
    pub(super) averages: Tensors,
    pub(super) squares: Tensors,
    /// Steps so far.
    pub(super) taken: u64,
}

impl Adam {
    /// For the parameters of `module`; `beta1` is the decay of the gradients' average,
    /// `weight_decay` acts on weights only.
    pub fn new<M: Module>(module: &M, beta1: f64, decay: Decay, weight_decay: f64) -> Self {
        let (averages, squares) = (Tensors::new(), Tensors::new());
        Self {
            beta1,
            decay,
            weight_decay,
            groups: groups(module),
            averages,
            squares,
            taken: 0,
        }
    }

    /// One step down the gradients; parameters without one stay. The rates' momentum plays no part.
    pub fn step<M: Module>(&mut self, module: M, gradients: Tensors, rates: Rates) -> M {
        self.taken += 1;
        if module
            .devices()
            .iter()
            .all(Steps::<ablate_kernels::Adam>::suit)
        {
            return self.step_together(module, gradients, rates);
        }
        module.map(&mut Stepper {
            adam: self,
            gradients,
            rates,
        })
    }

    fn step_together<M: Module>(&mut self, module: M, gradients: Tensors, rates: Rates) -> M {
        let mut adder = Adder {
            adam: self,
            gradients: &gradients,
            rates,
            steps: Steps::default(),
        };
        module.visit(&mut adder);
        let stepped = adder.steps.take();
        module.map(&mut Taker {
            adam: self,
            gradients: &gradients,
            stepped,
        })
    }

    /// The factors of a parameter's step.
    fn factors(&self, id: ParamId, rates: Rates) -> ablate_kernels::Adam {
        let group = self.groups.get(&id).copied().unwrap_or(Group::Weight);
        let lr = if group == Group::Bias {
            rates.bias_lr
        } else {
            rates.lr
        };
        let weight_decay = if group == Group::Weight {
            self.weight_decay
        } else {
            0.0
        };
        let (weight_decay, shrink) = match self.decay {
            Decay::Gradient => (weight_decay, 1.0),
            Decay::Decoupled => (0.0, 1.0 - lr * weight_decay),
        };
        ablate_kernels::Adam {
            weight_decay,
            shrink,
            betas: [self.beta1, BETA2],
            epsilon: EPSILON,
            lr,
            steps: self.taken,
        }
    }
}

/// Adds the step of each parameter that has a gradient.
struct Adder<'a> {
    adam: &'a Adam,
    gradients: &'a Tensors,
    rates: Rates,
    steps: Steps<ablate_kernels::Adam>,
}

impl ModuleVisitor for Adder<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let value = param.val().inner();
        let by = self.adam.factors(param.id, self.rates);
        let average = self.adam.averages.get::<D>(param.id);
        match average.zip(self.adam.squares.get::<D>(param.id)) {
            Some((average, square)) => {
                self.steps.add(by, &[&value, &gradient, &average, &square]);
            }
            None => self.steps.add(by, &[&value, &gradient]),
        }
    }
}

/// Takes what their steps gave.
struct Taker<'a> {
    adam: &'a mut Adam,
    gradients: &'a Tensors,
    stepped: Stepped,
}

impl ModuleMapper for Taker<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.gradients.get::<D>(param.id).is_none() {
            return param;
        }
        let [value, average, square] = self.stepped.give();
        self.adam.averages.register(param.id, average);
        self.adam.squares.register(param.id, square);
        param.map(|_| Tensor::from_inner(value).require_grad())
    }
}

struct Stepper<'a> {
    adam: &'a mut Adam,
    gradients: Tensors,
    rates: Rates,
}

impl ModuleMapper for Stepper<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let adam = &mut *self.adam;
        let by = adam.factors(param.id, self.rates);
        let id = param.id;
        param.map(|value| {
            let average = adam.averages.remove::<D>(id);
            let averages = average.zip(adam.squares.remove::<D>(id)).map(Into::into);
            let [value, average, square] =
                ablate_kernels::adam(value.inner(), gradient, averages, by);
            adam.averages.register(id, average);
            adam.squares.register(id, square);
            Tensor::from_inner(value).require_grad()
        })
    }
}
