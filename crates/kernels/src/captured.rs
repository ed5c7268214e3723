//! Forward passes that are captured once and launched as one.

use burn::tensor::{Device, Tensor};

use crate::libtorch;

/// A forward pass that was captured once, as a CUDA graph, and is replayed: one launch for all of its operations.
pub struct CapturedPass(libtorch::CapturedPass);

impl CapturedPass {
    /// Why a device can't capture; None where it can.
    pub fn refused(device: &Device) -> Option<String> {
        libtorch::CapturedPass::refused(device)
    }

    /// Runs a pass a few times, then captures it. What it reads and writes stays where it is: the pass must upload nothing, and
    /// wait for nothing.
    ///
    /// # Errors
    /// A device that [can't](Self::refused), a pass that can't be captured.
    pub fn capture(
        device: &Device,
        pass: impl FnMut() -> Tensor<3> + 'static,
    ) -> Result<Self, String> {
        libtorch::CapturedPass::capture(device, pass).map(Self)
    }

    /// Launches it; the work may go on after the return. Each replay writes the same output anew.
    ///
    /// # Errors
    /// What CUDA says.
    pub fn replay(&self) -> Result<&Tensor<3>, String> {
        self.0.replay()
    }
}
