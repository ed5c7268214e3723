//! The order of weights in memory.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::Tensor,
};

/// The same network with its kernels in the order that its device's convolutions are fastest with.
/// Any order gives the same outputs; this one need not be made anew at each forward pass.
pub(crate) fn arranged<M: Module>(module: M) -> M {
    module.map(&mut Arrange)
}

struct Arrange;

impl ModuleMapper for Arrange {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(ablate_kernels::arranged)
    }
}
