//! What this module is in a build without LibTorch: it covers nothing.

use std::marker::PhantomData;

use burn::tensor::{Device, Int, Tensor};

use crate::{Activation, Adam, Average, Clip, RunningStatistics, Sgd};

pub fn conv2d_act(
    _: &Tensor<4>,
    _: &Tensor<4>,
    _: Option<&Tensor<1>>,
    _: [usize; 3],
    _: Activation,
) -> Option<Tensor<4>> {
    None
}

pub fn conv2d_each(_: &Tensor<4>, _: &Tensor<4>, _: [usize; 3]) -> Option<Tensor<4>> {
    None
}

/// The weights as they are: only LibTorch prefers an order.
pub fn arranged<const D: usize>(weight: Tensor<D>) -> Tensor<D> {
    weight
}

pub fn affine_act(_: &Tensor<4>, _: &Tensor<1>, _: &Tensor<1>, _: Activation) -> Option<Tensor<4>> {
    None
}

pub fn norm_act(
    _: &Tensor<4>,
    _: &Tensor<1>,
    _: &Tensor<1>,
    _: &RunningStatistics,
    _: [f64; 2],
    _: Activation,
) -> Option<(Tensor<4>, RunningStatistics)> {
    None
}

pub fn allow_tf32(_: bool) {}

pub fn is_libtorch(_: &Device) -> bool {
    false
}

pub fn cuda_index(_: &Device) -> Option<usize> {
    None
}

pub fn forget_peak_memory(_: &Device) {}

pub fn peak_memory(_: &Device) -> Option<usize> {
    None
}

pub fn upload<const D: usize>(_: &[f32], _: [usize; D], _: &Device) -> Option<Tensor<D>> {
    None
}

pub fn upload_integers<const D: usize>(
    _: &[i32],
    _: [usize; D],
    _: &Device,
) -> Option<Tensor<D, Int>> {
    None
}

pub fn libtorch_version() -> Option<String> {
    None
}

pub struct CapturedPass(Tensor<3>);

impl CapturedPass {
    pub fn refused(_: &Device) -> Option<String> {
        Some("expected LibTorch's CPU, or an NVIDIA GPU by it (tch, tch:cuda:0)".into())
    }

    pub fn capture(
        images: Tensor<4>,
        _: impl FnMut(Tensor<4>) -> Tensor<3> + 'static,
    ) -> Result<Self, String> {
        Err(Self::refused(&images.device()).unwrap_or_default())
    }

    pub fn replay(&self) -> Result<Tensor<3>, String> {
        Ok(self.0.clone())
    }
}

pub struct Steps<By>(PhantomData<By>);

pub struct Stepped;

impl<By> Default for Steps<By> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<By> Steps<By> {
    pub fn suit(_: &Device) -> bool {
        false
    }

    pub fn add<const D: usize>(&mut self, _: By, _: &[&Tensor<D>]) {}
}

impl Steps<Sgd> {
    pub fn take(self) -> Stepped {
        Stepped
    }
}

impl Steps<Adam> {
    pub fn take(self) -> Stepped {
        Stepped
    }
}

impl Steps<Average> {
    pub fn take(self) -> Stepped {
        Stepped
    }
}

impl Steps<Clip> {
    pub fn take(self) -> Option<(Stepped, Tensor<1>)> {
        None
    }
}

impl Stepped {
    pub fn give<const D: usize, const N: usize>(&mut self) -> [Tensor<D>; N] {
        unreachable!("it suits no device")
    }
}
