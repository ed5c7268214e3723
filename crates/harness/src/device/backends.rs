//! The backends: what each may be called, and how its devices are found and opened.

use anyhow::Result;
use burn::tensor::Device;

#[cfg(feature = "cuda")]
use super::cuda;
#[cfg(feature = "wgpu")]
use super::graphics;
#[cfg(feature = "tch")]
use super::libtorch;

/// A backend that a device name can start with. All that is known of a backend is its row in
/// [`BACKENDS`].
#[derive(Debug)]
pub struct Backend {
    /// What a device name starts with; the cargo feature has the same name.
    pub name: &'static str,
    /// What it is, for `ablate devices`.
    pub about: &'static str,
    /// What a machine needs beside the feature.
    pub needs: &'static str,
    /// None if this build lacks the backend.
    pub runtime: Option<Runtime>,
    address: Address,
}

/// What a build with the backend can do.
#[derive(Debug)]
pub struct Runtime {
    /// The devices of this machine.
    pub found: fn() -> Vec<Found>,
    /// Opens the device at a place, without autodiff.
    pub open: fn(Place) -> Result<Device>,
    /// What the device is, as [`Found::what`]; None for the machine's CPU.
    pub adapter: fn(Place) -> Option<String>,
}

/// A device that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// As the user writes it: `vulkan:0`.
    pub name: String,
    /// What it is: the adapter, its driver, its memory.
    pub what: String,
}

/// What may follow a backend's name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Address {
    /// Nothing: there is one device.
    None,
    /// `:0`, the index of a device.
    Index,
    /// Nothing for the CPU, `:cuda:0` for a GPU.
    CpuOrCuda,
}

/// Where on its backend a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The backend's default device: for LibTorch, the CPU.
    Default,
    /// By index.
    Index(usize),
    /// LibTorch's GPU by index.
    Cuda(usize),
}

/// A runtime where the build has the feature.
macro_rules! compiled {
    ($feature:literal, $runtime:expr) => {{
        #[cfg(feature = $feature)]
        {
            Some($runtime)
        }
        #[cfg(not(feature = $feature))]
        {
            None
        }
    }};
}

/// Every backend that a name can mean, whether this build has it or not.
pub const BACKENDS: &[Backend] = &[
    Backend {
        name: "flex",
        about: "CPU, pure Rust",
        needs: "nothing",
        runtime: Some(FLEX),
        address: Address::None,
    },
    Backend {
        name: "tch",
        about: "LibTorch on the CPU (tch) or an NVIDIA GPU (tch:cuda:0)",
        needs: "LibTorch 2.9 to 2.11: just setup-torch",
        runtime: compiled!("tch", libtorch::RUNTIME),
        address: Address::CpuOrCuda,
    },
    Backend {
        name: "wgpu",
        about: "GPU by Vulkan, Metal, DirectX or OpenGL, shaders in WGSL",
        needs: "a driver for one of them: on Debian and Ubuntu apt install mesa-vulkan-drivers, which has one in software too",
        runtime: compiled!("wgpu", graphics::ANY),
        address: Address::Index,
    },
    Backend {
        name: "vulkan",
        about: "GPU by Vulkan, shaders in SPIR-V",
        needs: "a Vulkan driver: the GPU maker's, or on Debian and Ubuntu apt install mesa-vulkan-drivers",
        runtime: compiled!("vulkan", graphics::VULKAN),
        address: Address::Index,
    },
    Backend {
        name: "metal",
        about: "Apple GPU by Metal",
        needs: "a Mac",
        runtime: compiled!("metal", graphics::METAL),
        address: Address::Index,
    },
    Backend {
        name: "cuda",
        about: "NVIDIA GPU by CUDA",
        needs: "NVIDIA's driver, and its CUDA toolkit 12 or newer",
        runtime: compiled!("cuda", cuda::RUNTIME),
        address: Address::Index,
    },
];

const FLEX: Runtime = Runtime {
    found: || {
        vec![Found {
            name: "flex".into(),
            what: "CPU".into(),
        }]
    },
    open: |_| Ok(Device::flex()),
    adapter: |_| None,
};

impl Backend {
    /// The names that a device of this backend can have, as help prints them.
    pub fn forms(&self) -> String {
        match self.address {
            Address::None => self.name.into(),
            Address::Index => format!("{0}, {0}:0", self.name),
            Address::CpuOrCuda => format!("{0}, {0}:cuda:0", self.name),
        }
    }

    /// What the part of a name after the backend's means.
    pub(super) fn place(&self, address: &str) -> Option<Place> {
        match (self.address, address) {
            (Address::None, _) => None,
            (Address::Index, index) => index.parse().ok().map(Place::Index),
            (Address::CpuOrCuda, "cpu") => Some(Place::Default),
            (Address::CpuOrCuda, "cuda") => Some(Place::Cuda(0)),
            (Address::CpuOrCuda, rest) => rest
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Place::Cuda),
        }
    }
}

/// Rejects an index beyond the devices of this machine: `sees` as in `CUDA sees`, `thing` as in
/// `GPU`.
#[cfg(any(feature = "tch", feature = "wgpu", feature = "cuda"))]
pub(super) fn check_index(
    index: usize,
    count: usize,
    sees: &str,
    thing: &str,
    needs: &str,
) -> Result<()> {
    match count {
        0 => anyhow::bail!("{sees} no {thing}; requires {needs}"),
        _ if index < count => Ok(()),
        1 => anyhow::bail!("{sees} one {thing}, with index 0"),
        _ => anyhow::bail!("{sees} {count} {thing}s, with indices 0 to {}", count - 1),
    }
}
