//! Devices by the name that the reader writes: `flex`, `tch:cuda:0`, `vulkan:1`.

use std::{fmt, str::FromStr};

use burn::tensor::Device;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::checked;

/// A backend that a device name can start with. All that is known of a backend is its row in [`BACKENDS`].
#[derive(Debug)]
pub struct Backend {
    /// What a device name starts with.
    pub name: &'static str,
    pub about: &'static str,
    /// What may follow the name.
    address: Address,
    /// Opens the device at an index; none where this build lacks the backend.
    open: Option<fn(Place) -> Device>,
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
    Default,
    Index(usize),
    Cuda(usize),
}

/// Every backend that a name can mean, whether this build has it or not. The name is the cargo feature too.
pub const BACKENDS: &[Backend] = &[
    Backend { name: "flex", about: "CPU, pure Rust", address: Address::None, open: Some(|_| Device::flex()) },
    Backend { name: "tch", about: "LibTorch on the CPU (tch) or an NVIDIA GPU (tch:cuda:0)", address: Address::CpuOrCuda, open: None },
    Backend { name: "wgpu", about: "GPU by Vulkan, Metal or DirectX, shaders in WGSL", address: Address::Index, open: None },
    Backend { name: "vulkan", about: "GPU by Vulkan, shaders in SPIR-V", address: Address::Index, open: None },
    Backend { name: "cuda", about: "NVIDIA GPU by CUDA", address: Address::Index, open: None },
];

impl Backend {
    pub fn is_compiled(&self) -> bool {
        self.open.is_some()
    }

    /// The names that a device of this backend can have, as help prints them.
    pub fn forms(&self) -> String {
        match self.address {
            Address::None => self.name.into(),
            Address::Index => format!("{0}, {0}:0", self.name),
            Address::CpuOrCuda => format!("{0}, {0}:cuda:0", self.name),
        }
    }
}

/// The name of a device; parsing checks the name, not whether the device is there.
#[derive(Clone, Copy, Debug)]
pub struct DeviceName {
    backend: &'static Backend,
    place: Place,
}

#[derive(Clone, Debug, Error, PartialEq)]
pub enum DeviceError {
    #[error("unknown device `{name}`; known are {known}")]
    Unknown { name: String, known: String },
    #[error("device `{name}`: write {forms}")]
    Address { name: String, forms: String },
    #[error("device `{name}` needs the feature `{feature}`, which this build of ablate is without")]
    NotCompiled { name: String, feature: &'static str },
}

impl DeviceName {
    /// Opens the device, without autodiff.
    ///
    /// # Errors
    /// Where this build lacks the backend; the error names the cargo feature.
    pub fn open(&self) -> Result<Device, DeviceError> {
        self.opener().map(|open| open(self.place))
    }

    /// Whether this build has the device's backend.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn available(&self) -> Result<(), DeviceError> {
        self.opener().map(|_| ())
    }

    fn opener(&self) -> Result<fn(Place) -> Device, DeviceError> {
        self.backend.open.ok_or_else(|| DeviceError::NotCompiled { name: self.to_string(), feature: self.backend.name })
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let (head, rest) = match name.split_once(':') {
            Some((head, rest)) => (head, Some(rest)),
            None => (name, None),
        };
        let backend = BACKENDS.iter().find(|backend| backend.name == head).ok_or_else(|| {
            let known: Vec<_> = BACKENDS.iter().map(Backend::forms).collect();
            DeviceError::Unknown { name: name.into(), known: known.join(", ") }
        })?;
        let place = match (backend.address, rest) {
            (_, None) => Some(Place::Default),
            (Address::None, Some(_)) => None,
            (Address::Index, Some(index)) => index.parse().ok().map(Place::Index),
            (Address::CpuOrCuda, Some("cpu")) => Some(Place::Default),
            (Address::CpuOrCuda, Some("cuda")) => Some(Place::Cuda(0)),
            (Address::CpuOrCuda, Some(rest)) => rest.strip_prefix("cuda:").and_then(|index| index.parse().ok()).map(Place::Cuda),
        };
        place.map(|place| Self { backend, place }).ok_or_else(|| DeviceError::Address { name: name.into(), forms: backend.forms() })
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.backend.name;
        match self.place {
            Place::Default => write!(f, "{name}"),
            Place::Index(index) => write!(f, "{name}:{index}"),
            Place::Cuda(index) => write!(f, "{name}:cuda:{index}"),
        }
    }
}

impl PartialEq for DeviceName {
    fn eq(&self, other: &Self) -> bool {
        self.backend.name == other.backend.name && self.place == other.place
    }
}

impl Serialize for DeviceName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked::word(deserializer, |name| name.parse().map_err(|error: DeviceError| error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_in_one_form() {
        for (written, printed) in [
            ("flex", "flex"),
            ("tch", "tch"),
            ("tch:cpu", "tch"),
            ("tch:cuda", "tch:cuda:0"),
            ("tch:cuda:1", "tch:cuda:1"),
            ("wgpu", "wgpu"),
            ("vulkan:2", "vulkan:2"),
            ("cuda:0", "cuda:0"),
        ] {
            let name: DeviceName = written.parse().expect(written);
            assert_eq!(name.to_string(), printed);
            assert_eq!(printed.parse::<DeviceName>().expect(printed), name);
        }
    }

    #[test]
    fn a_wrong_name_says_what_would_be_right() {
        let unknown = "npu".parse::<DeviceName>().unwrap_err().to_string();
        assert!(unknown.contains("`npu`") && unknown.contains("tch:cuda:0"), "{unknown}");
        for name in ["flex:0", "cuda:", "wgpu:-1", "tch:0", "tch:cuda:x"] {
            let error = name.parse::<DeviceName>().unwrap_err();
            assert!(matches!(error, DeviceError::Address { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        for backend in BACKENDS {
            let opened = backend.name.parse::<DeviceName>().expect(backend.name).open();
            match opened {
                Ok(_) => assert!(backend.is_compiled()),
                Err(error) => {
                    assert!(!backend.is_compiled());
                    assert!(error.to_string().contains(&format!("feature `{}`", backend.name)));
                }
            }
        }
    }
}
