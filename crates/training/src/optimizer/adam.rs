//! Adam (Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>) and AdamW (Loshchilov and Hutter
//! 2019, <https://arxiv.org/abs/1711.05101>) in PyTorch's convention and YOLOv5's three groups.

use std::collections::HashMap;

use burn::Tensor;
use burn::module::{Module, ModuleMapper, Param, ParamId};

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
        module.map(&mut Stepper {
            adam: self,
            gradients,
            rates,
        })
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
        let group = adam.groups.get(&param.id).copied().unwrap_or(Group::Weight);
        let lr = if group == Group::Bias {
            self.rates.bias_lr
        } else {
            self.rates.lr
        };
        let weight_decay = if group == Group::Weight {
            adam.weight_decay
        } else {
            0.0
        };
        let (weight_decay, shrink) = match adam.decay {
            Decay::Gradient => (weight_decay, 1.0),
            Decay::Decoupled => (0.0, 1.0 - lr * weight_decay),
        };
        let by = ablate_kernels::Adam {
            weight_decay,
            shrink,
            betas: [adam.beta1, BETA2],
            epsilon: EPSILON,
            lr,
            steps: adam.taken,
        };
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
