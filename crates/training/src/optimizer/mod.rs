//! What turns gradients into steps, in PyTorch's convention and YOLOv5's three groups of
//! parameters.

pub(crate) mod adam;
mod clip;
mod musgd;
mod sgd;
mod step;

use std::collections::{HashMap, HashSet};

use burn::Tensor;
use burn::module::{Module, ModuleVisitor, Param, ParamId};

pub use clip::{clip_norm, clip_norm_ahead};
pub use musgd::MuSgd;
pub use sgd::Sgd;
pub use step::StepRule;

use crate::tensors::names;

/// Learning rates and momentum of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate of biases.
    pub bias_lr: f64,
    /// Learning rate of all other parameters.
    pub lr: f64,
    /// Momentum, or Adam's first beta.
    pub momentum: f64,
}

/// How a parameter is treated: only weights of more than one dimension decay, so those of norms
/// don't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Bias,
    Norm,
    Weight,
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

/// Parameters of the branches to classes, in the last row of a detector.
fn class_branches<M: Module>(module: &M) -> HashSet<ParamId> {
    let names = names(module);
    let row = |name: &str| -> Option<usize> {
        name.strip_prefix("model.")?.split('.').next()?.parse().ok()
    };
    let Some(last) = names.values().filter_map(|name| row(name)).max() else {
        return HashSet::new();
    };
    let branches = ["cv3", "one2one_cv3", "proto.semseg"];
    let branches = branches.map(|branch| format!("model.{last}.{branch}."));
    let own = names
        .into_iter()
        .filter(|(_, name)| branches.iter().any(|branch| name.starts_with(branch)));
    own.map(|(id, _)| id).collect()
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
