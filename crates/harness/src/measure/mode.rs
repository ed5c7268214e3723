//! How a timed forward pass runs.

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::device::DeviceName;

/// Operation by operation, or captured once and replayed: on an NVIDIA GPU as a CUDA graph, so that the
/// time is the GPU's own work; on a CPU as TorchScript, so that neighbouring operations run as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "clap would print them beside each value, which lengthens the help"
)]
pub enum Mode {
    #[default]
    Eager,
    Graph,
}

impl Mode {
    /// As the user writes it: `eager`, `graph`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Graph => "graph",
        }
    }

    /// # Errors
    /// If the device, present or not, can't run a pass so.
    pub fn check(self, device: &DeviceName) -> Result<()> {
        ensure!(
            self == Self::Eager || device.is_libtorch(),
            "mode {}: expected a device of LibTorch (tch, tch:cuda:0), found {device}",
            self.name()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libtorchs_devices_replay() {
        let check = |mode: Mode, device: &str| {
            let checked = mode.check(&device.parse().expect(device));
            checked.map_err(|error| error.to_string())
        };
        for device in ["tch", "tch:cuda:1"] {
            assert_eq!(check(Mode::Graph, device), Ok(()));
        }
        for device in ["flex", "cuda:0", "vulkan:0"] {
            assert_eq!(check(Mode::Eager, device), Ok(()));
            assert_eq!(
                check(Mode::Graph, device),
                Err(format!(
                    "mode graph: expected a device of LibTorch (tch, tch:cuda:0), found {device}"
                ))
            );
        }
    }
}
