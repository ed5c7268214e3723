//! Training in mixed precision: the network runs in half precision, its weights and their steps stay in 32 bits.
//!
//! As PyTorch's `autocast` and `GradScaler` have it, with which both packages train on a GPU. Source of the scheme:
//! Micikevicius et al. 2018, "Mixed Precision Training", <https://arxiv.org/abs/1710.03740>.

use ablate_kernels::Clip;
use anyhow::Result;
use burn::Tensor;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};

use crate::loss::Outputs;
use crate::optimizer::clip_norm_ahead;
use crate::tensors::Tensors;
use crate::trainable::TrainableDetector;

/// Whether a device trains in mixed precision where a recipe wants it: NVIDIA's GPUs by LibTorch, as with PyTorch.
pub fn in_mixed_precision(device: &Device) -> bool {
    ablate_kernels::cuda_index(device).is_some()
}

/// What a network makes of images if its pass is in half precision; itself in 32 bits.
pub fn half_outputs<M: TrainableDetector>(network: &M, images: Tensor<4>) -> Outputs {
    const HALF: DType = DType::F16;
    in_half(network, HALF)
        .forward(images.cast(HALF))
        .cast(DType::F32)
}

/// A network that computes in a half-precision format: its weights are those of `network`, rounded, and their gradients
/// are found by way of the rounding. Batch normalisation keeps its 32 bits, and its running statistics are
/// those of `network`.
pub fn in_half<M: Module>(network: &M, dtype: DType) -> M {
    network.clone().map(&mut Half {
        dtype,
        containers: Vec::new(),
    })
}

struct Half {
    dtype: DType,
    /// The modules around, from the outermost on.
    containers: Vec<String>,
}

impl ModuleMapper for Half {
    fn enter_module(&mut self, _name: &str, container: &str) {
        self.containers.push(container.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.containers.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_norm = self
            .containers
            .last()
            .is_some_and(|container| container.ends_with("BatchNorm2d"));
        if is_norm || param.dtype() != DType::F32 {
            return param;
        }
        param.map(|value| value.cast(self.dtype))
    }
}

/// What the loss is multiplied by, so that small gradients are no zeros in half precision. It falls as soon as a
/// gradient overflows, and rises once none has for long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// The factor, a power of two.
    pub factor: f64,
    /// Steps since it changed last.
    pub steady: u32,
}

/// Steps without an overflow after which the factor is doubled.
const PATIENCE: u32 = 2000;

impl Default for LossScale {
    fn default() -> Self {
        Self {
            factor: 65_536.0,
            steady: 0,
        }
    }
}

impl LossScale {
    /// Where gradients overflow even so, no scale helps: they are no numbers.
    pub const LEAST: f64 = 1.0 / 16_384.0;

    /// The loss to go back from.
    pub fn scaled(&self, loss: Tensor<1>) -> Tensor<1> {
        loss.mul_scalar(self.factor)
    }

    /// Takes the scale out of gradients, and scales them down to a norm of at most `most`. Moves the scale on. False if
    /// the gradients overflowed: then they are no good for a step. It waits for the device.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// On a device other than LibTorch's.
    pub fn take_out<M: Module>(
        &mut self,
        network: &M,
        gradients: &mut Tensors,
        most: f64,
    ) -> Result<bool> {
        let by = Clip {
            most,
            scale: self.factor,
        };
        let Some(norm) = clip_norm_ahead(network, gradients, by) else {
            return Ok(true);
        };
        let finite = norm.try_into_scalar::<f32>()?.is_finite();
        *self = self.after(finite);
        Ok(finite)
    }

    /// After a step whose gradients were finite or not; with those that were not, no step is made.
    pub fn after(self, finite: bool) -> Self {
        let Self { factor, steady } = self;
        match (finite, steady + 1 == PATIENCE) {
            (false, _) => Self {
                factor: factor * 0.5,
                steady: 0,
            },
            (true, true) => Self {
                factor: factor * 2.0,
                steady: 0,
            },
            (true, false) => Self {
                factor,
                steady: steady + 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_falls_at_once_and_rises_after_two_thousand_steps() {
        let mut scale = LossScale::default().after(false);
        assert_eq!((scale.factor, scale.steady), (32_768.0, 0));
        for _ in 0..1999 {
            scale = scale.after(true);
        }
        assert_eq!((scale.factor, scale.steady), (32_768.0, 1999));
        scale = scale.after(true);
        assert_eq!((scale.factor, scale.steady), (65_536.0, 0));
    }
}
