//! A bound on the gradient's norm.

use burn::Tensor;
use burn::module::{Module, ModuleVisitor, Param};

use crate::tensors::Tensors;

/// Scales gradients down to a norm of at most `most` over all of them together; returns the norm
/// before.
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
