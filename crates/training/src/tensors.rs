//! The float tensors of a module by parameter: their names, their values, and the way back.

use std::collections::HashMap;

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;

/// Tensors by parameter: values, gradients, momentum. Burn's map of gradients is one, under a
/// narrower name.
pub type Tensors = GradientsParams;

/// Names of all float parameters and running statistics, as a PyTorch state dict spells them:
/// `model.0.conv.weight`.
pub fn names<M: Module>(module: &M) -> HashMap<ParamId, String> {
    let mut namer = Namer::default();
    module.visit(&mut namer);
    namer.names
}

/// The values of a module. Running statistics are up to date only after [`Module::valid`].
pub fn values<M: Module>(module: &M) -> Tensors {
    let mut values = Values(Tensors::new());
    module.visit(&mut values);
    values.0
}

/// The module with the values that `tensors` has for it; its parameters stay trainable where they
/// were.
pub fn replace<M: Module>(module: M, tensors: Tensors) -> M {
    module.map(&mut Replace(tensors))
}

/// The sums of tensors, parameter by parameter; each in the order of memory that `first` has it in, which LibTorch's sums
/// over it follow. A parameter that one of them lacks has the other's.
pub fn summed<M: Module>(module: &M, first: Tensors, second: Tensors) -> Tensors {
    let mut adder = Adder { first, second };
    module.visit(&mut adder);
    adder.first
}

struct Adder {
    first: Tensors,
    second: Tensors,
}

impl ModuleVisitor for Adder {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(second) = self.second.remove::<D>(param.id) else {
            return;
        };
        let sum = match self.first.remove::<D>(param.id) {
            Some(first) => first + second,
            None => second,
        };
        self.first.register(param.id, sum);
    }
}

#[derive(Default)]
struct Namer {
    path: Vec<String>,
    names: HashMap<ParamId, String>,
}

impl ModuleVisitor for Namer {
    fn enter_module(&mut self, name: &str, container: &str) {
        // The variants of an enum are no part of a name.
        if !container.starts_with("Enum:") {
            self.path.push(name.into());
        }
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.names.insert(param.id, self.path.join("."));
    }
}

struct Values(Tensors);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val());
    }
}

struct Replace(Tensors);

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(tensor) = self.0.remove::<D>(param.id) else {
            return param;
        };
        param.map(|old| match (old.is_autodiff(), old.is_require_grad()) {
            (false, _) => tensor,
            (true, trainable) => Tensor::from_inner(tensor).set_require_grad(trainable),
        })
    }
}
