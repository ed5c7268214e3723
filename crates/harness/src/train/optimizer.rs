//! Stochastic gradient descent with Nesterov momentum, in PyTorch's convention and YOLOv5's three groups.
//!
//! Burn's own `Sgd` is not used: its momentum is fixed when it is made, where a warm-up changes it at every step.

use std::collections::HashMap;

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};

use super::tensors::{Tensors, names};

/// Learning rates and momentum of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate of biases.
    pub bias_lr: f64,
    /// Learning rate of all other parameters.
    pub lr: f64,
    pub momentum: f64,
}

/// How a parameter is treated: only weights of more than one dimension decay, so those of norms don't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Bias,
    Norm,
    Weight,
}

/// The optimizer and its momentum buffers, one for each parameter that ever had a gradient.
pub struct Sgd {
    weight_decay: f64,
    groups: HashMap<ParamId, Group>,
    pub(super) buffers: Tensors,
}

impl Sgd {
    /// For the parameters of `module`; `weight_decay` is the L2 penalty's factor for weights.
    pub fn new<M: Module>(module: &M, weight_decay: f64) -> Self {
        Self {
            weight_decay,
            groups: groups(module),
            buffers: Tensors::new(),
        }
    }

    /// One step down the gradients; parameters without one stay.
    ///
    /// With g = gradient + decay · p and b = momentum · b + g, p loses lr · (g + momentum · b), as in PyTorch's `SGD` with `nesterov`; a
    /// buffer starts as the first gradient.
    pub fn step<M: Module>(&mut self, module: M, gradients: Tensors, rates: Rates) -> M {
        module.map(&mut Stepper {
            sgd: self,
            gradients,
            rates,
        })
    }
}

/// How each parameter of a module is treated.
pub(super) fn groups<M: Module>(module: &M) -> HashMap<ParamId, Group> {
    let mut sorter = Sorter {
        names: names(module),
        groups: HashMap::new(),
    };
    module.visit(&mut sorter);
    sorter.groups
}

/// Scales gradients down to a norm of at most `most` over all of them together; returns the norm before.
///
/// As PyTorch's `clip_grad_norm_`. It waits for the device.
pub fn clip_norm<M: Module>(module: &M, gradients: &mut Tensors, most: f64) -> f64 {
    let mut norms = Norms {
        gradients,
        squares: Vec::new(),
    };
    module.visit(&mut norms);
    if norms.squares.is_empty() {
        return 0.0;
    }
    let norm = f64::from(Tensor::cat(norms.squares, 0).sum().into_scalar::<f32>()).sqrt();
    let factor = most / (norm + 1e-6);
    if factor < 1.0 {
        module.visit(&mut Scaler { gradients, factor });
    }
    norm
}

struct Sorter {
    names: HashMap<ParamId, String>,
    groups: HashMap<ParamId, Group>,
}

impl ModuleVisitor for Sorter {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let group = match self.names[&param.id].rsplit('.').next() {
            Some("bias" | "beta") => Group::Bias,
            _ if D == 1 => Group::Norm,
            _ => Group::Weight,
        };
        self.groups.insert(param.id, group);
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
        let Rates {
            bias_lr,
            lr,
            momentum,
        } = self.rates;
        let group = self
            .sgd
            .groups
            .get(&param.id)
            .copied()
            .unwrap_or(Group::Weight);
        let lr = if group == Group::Bias { bias_lr } else { lr };
        let id = param.id;
        param.map(|value| {
            let value = value.inner();
            let gradient = match group {
                Group::Weight => value.clone().mul_scalar(self.sgd.weight_decay) + gradient,
                Group::Bias | Group::Norm => gradient,
            };
            let buffer = match self.sgd.buffers.remove::<D>(id) {
                Some(buffer) => buffer.mul_scalar(momentum) + gradient.clone(),
                None => gradient.clone(),
            };
            let step = (buffer.clone().mul_scalar(momentum) + gradient).mul_scalar(lr);
            self.sgd.buffers.register(id, buffer);
            Tensor::from_inner(value - step).require_grad()
        })
    }
}

struct Norms<'a> {
    gradients: &'a Tensors,
    squares: Vec<Tensor<1>>,
}

impl ModuleVisitor for Norms<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.squares.push(gradient.square().sum());
        }
    }
}

struct Scaler<'a> {
    gradients: &'a mut Tensors,
    factor: f64,
}

impl ModuleVisitor for Scaler<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients
                .register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}
