//! Forward passes that are captured once and replayed.

use burn::tensor::{Device, Tensor};

use crate::libtorch;

/// A forward pass that was captured once and is replayed. On an NVIDIA GPU it is a CUDA graph, one launch for
/// all of its operations. On LibTorch's CPU it is TorchScript, where oneDNN Graph computes neighbouring
/// operations as one.
pub struct CapturedPass(libtorch::CapturedPass);

impl CapturedPass {
    /// Why a device can't capture; None where it can.
    pub fn refused(device: &Device) -> Option<String> {
        libtorch::CapturedPass::refused(device)
    }

    /// Runs a pass of these images a few times, and captures it. What it reads and writes stays where it is:
    /// the pass must upload nothing, and wait for nothing.
    ///
    /// # Errors
    /// A device that [can't](Self::refused), a pass that can't be captured.
    pub fn capture(
        images: Tensor<4>,
        pass: impl FnMut(Tensor<4>) -> Tensor<3> + 'static,
    ) -> Result<Self, String> {
        libtorch::CapturedPass::capture(images, pass).map(Self)
    }

    /// The output. On a GPU the work may go on after the return, and the next replay writes the same output anew.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn replay(&self) -> Result<Tensor<3>, String> {
        self.0.replay()
    }
}
