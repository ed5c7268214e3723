//! Stochastic gradient descent with Nesterov momentum, in PyTorch's convention and YOLOv5's three
//! groups.
//!
//! Burn's own `Sgd` is not used: its momentum is fixed when it is made, where a warm-up changes it
//! at every step.

use std::collections::{HashMap, HashSet};

use ablate_kernels::{Stepped, Steps};
use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};

use super::{Group, Rates, class_branches, groups};
use crate::tensors::Tensors;

/// The optimizer and its momentum buffers, one for each parameter that ever had a gradient.
pub struct Sgd {
    weight_decay: f64,
    groups: HashMap<ParamId, Group>,
    /// Parameters that learn at three times the rate.
    fast: HashSet<ParamId>,
    pub(super) buffers: Tensors,
}

impl Sgd {
    /// For the parameters of `module`; `weight_decay` is the L2 penalty's factor for weights.
    pub fn new<M: Module>(module: &M, weight_decay: f64) -> Self {
        Self {
            weight_decay,
            groups: groups(module),
            fast: HashSet::new(),
            buffers: Tensors::new(),
        }
    }

    /// The same with three times the rate for the branches to classes of the head, the last row of
    /// a detector.
    pub(super) fn with_fast_classes<M: Module>(self, module: &M) -> Self {
        Self {
            fast: class_branches(module),
            ..self
        }
    }

    /// The learning rate of a parameter. While the warm-up lasts, three times the rate is that at
    /// its end.
    pub(super) fn rate(&self, id: ParamId, Rates { bias_lr, lr, .. }: Rates) -> f64 {
        let own = match self.groups.get(&id) {
            Some(Group::Bias) => bias_lr,
            _ => lr,
        };
        match self.fast.contains(&id) {
            true => own + 2.0 * lr,
            false => own,
        }
    }

    /// The factors of a parameter's step.
    fn factors(&self, id: ParamId, rates: Rates) -> ablate_kernels::Sgd {
        ablate_kernels::Sgd {
            weight_decay: match self.groups.get(&id) {
                Some(Group::Bias | Group::Norm) => 0.0,
                Some(Group::Weight) | None => self.weight_decay,
            },
            momentum: rates.momentum,
            lr: self.rate(id, rates),
        }
    }

    /// One step down the gradients, [`ablate_kernels::sgd`]; parameters without one stay.
    pub fn step<M: Module>(&mut self, module: M, gradients: Tensors, rates: Rates) -> M {
        if module
            .devices()
            .iter()
            .all(Steps::<ablate_kernels::Sgd>::suit)
        {
            return self.step_together(module, gradients, rates);
        }
        module.map(&mut Stepper {
            sgd: self,
            gradients,
            rates,
        })
    }

    fn step_together<M: Module>(&mut self, module: M, gradients: Tensors, rates: Rates) -> M {
        let mut adder = Adder {
            sgd: self,
            gradients: &gradients,
            rates,
            steps: Steps::default(),
        };
        module.visit(&mut adder);
        let stepped = adder.steps.take();
        module.map(&mut Taker {
            sgd: self,
            gradients: &gradients,
            stepped,
        })
    }
}

/// Adds the step of each parameter that has a gradient.
struct Adder<'a> {
    sgd: &'a Sgd,
    gradients: &'a Tensors,
    rates: Rates,
    steps: Steps<ablate_kernels::Sgd>,
}

impl ModuleVisitor for Adder<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let value = param.val().inner();
        let by = self.sgd.factors(param.id, self.rates);
        match self.sgd.buffers.get::<D>(param.id) {
            Some(buffer) => self.steps.add(by, &[&value, &gradient, &buffer]),
            None => self.steps.add(by, &[&value, &gradient]),
        }
    }
}

/// Takes what their steps gave.
struct Taker<'a> {
    sgd: &'a mut Sgd,
    gradients: &'a Tensors,
    stepped: Stepped,
}

impl ModuleMapper for Taker<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.gradients.get::<D>(param.id).is_none() {
            return param;
        }
        let [value, buffer] = self.stepped.give();
        self.sgd.buffers.register(param.id, buffer);
        param.map(|_| Tensor::from_inner(value).require_grad())
    }
}

struct Stepper<'a> {
    sgd: &'a mut Sgd,
    gradients: Tensors,
    rates: Rates,
}

impl ModuleMapper for Stepper<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let (id, by) = (param.id, self.sgd.factors(param.id, self.rates));
        param.map(|value| {
            let buffer = self.sgd.buffers.remove::<D>(id);
            let [value, buffer] = ablate_kernels::sgd(value.inner(), gradient, buffer, by);
            self.sgd.buffers.register(id, buffer);
            Tensor::from_inner(value).require_grad()
        })
    }
}
