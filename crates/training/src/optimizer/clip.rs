//! A bound on the gradient's norm.

use ablate_kernels::{Clip, Stepped, Steps};
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

/// The same, to float precision, for a device that [suits](Steps::suit), and without a wait for it: the norm before,
/// `[1]`, on the device; None without gradients.
pub fn clip_norm_ahead<M: Module>(
    module: &M,
    gradients: &mut Tensors,
    by: Clip,
) -> Option<Tensor<1>> {
    let mut adder = Adder {
        gradients,
        by,
        steps: Steps::default(),
    };
    module.visit(&mut adder);
    let (stepped, norm) = adder.steps.take()?;
    module.visit(&mut Taker { gradients, stepped });
    Some(norm)
}

struct Adder<'a> {
    gradients: &'a Tensors,
    by: Clip,
    steps: Steps<Clip>,
}

impl ModuleVisitor for Adder<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.steps.add(self.by, &[&gradient]);
        }
    }
}

struct Taker<'a> {
    gradients: &'a mut Tensors,
    stepped: Stepped,
}

impl ModuleVisitor for Taker<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.gradients.get::<D>(param.id).is_some() {
            let [gradient] = self.stepped.give::<D, 1>();
            self.gradients.register(param.id, gradient);
        }
    }
}
