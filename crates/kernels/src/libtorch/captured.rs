//! Forward passes that are captured once: on an NVIDIA GPU as a CUDA graph, on a CPU as TorchScript.

use burn::tensor::{Device, Tensor};

use super::{
    cuda_graph,
    gpu::{cuda_index, is_libtorch},
    script,
};

/// See [`crate::CapturedPass`].
pub enum CapturedPass {
    Cuda(Box<cuda_graph::Captured>),
    Cpu(script::Captured),
}

impl CapturedPass {
    pub fn refused(device: &Device) -> Option<String> {
        if cuda_index(device).is_some() {
            cuda_graph::refused()
        } else if is_libtorch(device) {
            script::refused()
        } else {
            Some("expected LibTorch's CPU, or an NVIDIA GPU by it (tch, tch:cuda:0)".into())
        }
    }

    pub fn capture(
        images: Tensor<4>,
        mut pass: impl FnMut(Tensor<4>) -> Tensor<3> + 'static,
    ) -> Result<Self, String> {
        let device = images.device();
        if let Some(refusal) = Self::refused(&device) {
            return Err(refusal);
        }
        match cuda_index(&device) {
            Some(index) => {
                let captured = cuda_graph::Captured::new(index, move || pass(images.clone()))?;
                Ok(Self::Cuda(Box::new(captured)))
            }
            None => script::Captured::new(&images, pass).map(Self::Cpu),
        }
    }

    pub fn replay(&self) -> Result<Tensor<3>, String> {
        match self {
            Self::Cuda(captured) => captured.replay(),
            Self::Cpu(captured) => captured.replay(),
        }
    }
}
