//! MuSGD, with which Ultralytics trains YOLO26 and whatever its `auto` finds long enough: SGD, and
//! for kernels and matrices a step along the orthogonalised gradient beside it. Source of that
//! step: Jordan et al., Muon, <https://kellerjordan.github.io/posts/muon>.

use burn::Tensor;
use burn::module::{Module, ModuleMapper, Param};

use super::{Rates, Sgd};
use crate::tensors::Tensors;

/// What the orthogonalised step counts; that of SGD counts whole.
const SHARE: f64 = 0.2;

/// Steps of Newton's and Schulz's iteration, its coefficients, and what keeps a gradient of zero
/// finite.
const ITERATIONS: usize = 5;
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];
const EPSILON: f64 = 1e-7;

/// The optimizer: SGD's buffers, and the averages of the gradients of kernels and matrices.
pub struct MuSgd {
    pub(super) sgd: Sgd,
    pub(super) averages: Tensors,
}

impl MuSgd {
    /// For the parameters of `module`; `weight_decay` is the L2 penalty's factor for weights. The
    /// branches to the classes of a detection head learn at three times the rate.
    pub fn new<M: Module>(module: &M, weight_decay: f64) -> Self {
        Self {
            sgd: Sgd::new(module, weight_decay).with_fast_classes(module),
            averages: Tensors::new(),
        }
    }

    /// One step down the gradients; parameters without one stay.
    pub fn step<M: Module>(&mut self, module: M, gradients: Tensors, rates: Rates) -> M {
        let module = module.map(&mut Stepper {
            optimizer: self,
            gradients: &gradients,
            rates,
        });
        self.sgd.step(module, gradients, rates)
    }
}

struct Stepper<'a> {
    optimizer: &'a mut MuSgd,
    gradients: &'a Tensors,
    rates: Rates,
}

impl ModuleMapper for Stepper<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = match D {
            2 | 4 => self.gradients.get::<D>(param.id),
            _ => None,
        };
        let Some(gradient) = gradient else {
            return param;
        };
        let (id, momentum) = (param.id, self.rates.momentum);
        let lr = self.optimizer.sgd.rate(id, self.rates);
        let new = gradient.mul_scalar(1.0 - momentum);
        let average = match self.optimizer.averages.remove::<D>(id) {
            Some(before) => before.mul_scalar(momentum) + new.clone(),
            None => new.clone(),
        };
        let ahead = average.clone().mul_scalar(momentum) + new;
        self.optimizer.averages.register(id, average);
        param.map(|value| {
            let step = orthogonal(ahead).mul_scalar(lr * SHARE);
            Tensor::from_inner(value.inner() - step).require_grad()
        })
    }
}

/// About the nearest matrix whose singular values are all 1, by Newton's and Schulz's iteration in
/// 32 bits; a kernel is a matrix of a row for each output channel. A matrix of more rows than
/// columns is scaled up by the root of their ratio, as its own kind.
fn orthogonal<const D: usize>(gradient: Tensor<D>) -> Tensor<D> {
    let shape = gradient.dims();
    let rows = shape[0];
    let columns = gradient.shape().num_elements() / rows;
    let scale = (shape[D - 2] as f64 / shape[D - 1] as f64).max(1.0).sqrt();
    let x = gradient.reshape([rows, columns]);
    let norm = x.clone().square().sum().sqrt().add_scalar(EPSILON);
    let mut x = x / norm.reshape([1, 1]);
    let tall = rows > columns;
    if tall {
        x = x.transpose();
    }
    let [a, b, c] = COEFFICIENTS;
    for _ in 0..ITERATIONS {
        let product = x.clone().matmul(x.clone().transpose());
        let square = product.clone().matmul(product.clone());
        let mixed = product.mul_scalar(b) + square.mul_scalar(c);
        x = x.clone().mul_scalar(a) + mixed.matmul(x);
    }
    if tall {
        x = x.transpose();
    }
    x.mul_scalar(scale).reshape(shape)
}
