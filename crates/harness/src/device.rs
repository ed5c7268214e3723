//! Devices by the name that the user writes: `flex`, `tch:cuda:0`, `vulkan:1`.

mod backends;
mod choice;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "wgpu")]
mod graphics;
#[cfg(feature = "tch")]
mod libtorch;
pub mod nvidia;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub mod tuning;

use std::{fmt, str::FromStr, sync::Mutex};

use burn::tensor::Device;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

pub use self::{
    backends::{BACKENDS, Backend, Found, Place},
    choice::DeviceChoice,
};
use crate::{
    checked,
    guard::{guarded, one_line},
};

/// The name of a device; parsing checks the name, not whether the device is there.
#[derive(Clone, Copy, Debug)]
pub struct DeviceName {
    backend: &'static Backend,
    place: Place,
}

/// Why a device can't be used.
#[derive(Clone, Debug, Error, PartialEq)]
#[expect(missing_docs, reason = "the messages describe variants and fields")]
pub enum DeviceError {
    #[error("unknown device '{name}'{}; known: {known}", meant(name))]
    Unknown { name: String, known: String },
    #[error("device '{name}': expected {forms}")]
    Address { name: String, forms: String },
    #[error(
        "device '{name}': this build lacks the feature `{feature}`; run the command by `just`, or rebuild with `--features {feature}`{}",
        if *feature == "cuda" { "; PyTorch's `cuda` is `tch:cuda` here" } else { "" }
    )]
    NotCompiled { name: String, feature: &'static str },
    #[error("device '{name}': {reason}")]
    Absent { name: String, reason: String },
}

/// What other tools' names of devices are here.
fn meant(name: &str) -> String {
    let lower = name.to_lowercase();
    let here = match lower.as_str() {
        "cpu" => "`flex`, or LibTorch's `tch`",
        "mps" => "`metal`",
        "gpu" => "`tch:cuda` or `wgpu`",
        index if !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) => {
            return format!("; PyTorch's GPU {index} is `tch:cuda:{index}` here");
        }
        other if other != name && other.parse::<DeviceName>().is_ok() => {
            return format!("; did you mean `{other}`?");
        }
        _ => return String::new(),
    };
    format!("; that is {here} here")
}

/// What opening gave, by name: a device is opened once, and one that is absent is not looked for
/// again.
static OPENED: Mutex<Vec<(DeviceName, Result<Device, DeviceError>)>> = Mutex::new(Vec::new());

impl DeviceName {
    /// Opens the device, without autodiff.
    ///
    /// # Errors
    /// If this build lacks the backend or the machine lacks the device; the error says what to
    /// install.
    pub fn open(&self) -> Result<Device, DeviceError> {
        let mut opened = OPENED
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, earlier)) = opened.iter().find(|(name, _)| name == self) {
            return earlier.clone();
        }
        let result = self.open_anew();
        opened.push((*self, result.clone()));
        result
    }

    fn open_anew(&self) -> Result<Device, DeviceError> {
        let name = self.to_string();
        let Some(runtime) = &self.backend.runtime else {
            return Err(DeviceError::NotCompiled {
                name,
                feature: self.backend.name,
            });
        };
        guarded(|| (runtime.open)(self.place)).map_err(|error| DeviceError::Absent {
            name,
            reason: one_line(&error),
        })
    }

    /// Name, driver and memory of the device; None for the machine's CPU.
    pub fn adapter(&self) -> Option<String> {
        let runtime = self.backend.runtime.as_ref()?;
        guarded(|| Ok((runtime.adapter)(self.place))).ok()?
    }

    /// CUDA's index of the device; None if it is not an NVIDIA GPU.
    pub fn cuda_index(&self) -> Option<usize> {
        match (self.backend.name, self.place) {
            (_, Place::Cuda(index)) => Some(index),
            ("cuda", Place::Index(index)) => Some(index),
            ("cuda", Place::Default) => Some(0),
            _ => None,
        }
    }

    /// Whether it is the CPU or an NVIDIA GPU by LibTorch.
    pub fn is_libtorch(&self) -> bool {
        self.backend.name == "tch"
    }

    /// Whether both are GPUs of one backend.
    pub fn is_kind_of(&self, other: &Self) -> bool {
        self.backend.name == other.backend.name
            && std::mem::discriminant(&self.first_of_kind().place)
                == std::mem::discriminant(&other.first_of_kind().place)
    }

    /// The GPU of its kind that a process calls the first.
    pub fn first_of_kind(&self) -> Self {
        let place = match self.place {
            Place::Cuda(_) => Place::Cuda(0),
            Place::Default | Place::Index(_) => Place::Index(0),
        };
        Self { place, ..*self }
    }

    /// Whether the device can be had.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn available(&self) -> Result<(), DeviceError> {
        self.open().map(|_| ())
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let (head, rest) = match name.split_once(':') {
            Some((head, rest)) => (head, Some(rest)),
            None => (name, None),
        };
        let backend = BACKENDS
            .iter()
            .find(|backend| backend.name == head)
            .ok_or_else(|| {
                let known: Vec<_> = BACKENDS.iter().map(Backend::forms).collect();
                DeviceError::Unknown {
                    name: name.into(),
                    known: known.join(", "),
                }
            })?;
        let place = rest.map_or(Some(Place::Default), |rest| backend.place(rest));
        place
            .map(|place| Self { backend, place })
            .ok_or_else(|| DeviceError::Address {
                name: name.into(),
                forms: backend.forms(),
            })
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
        checked::parsed(deserializer)
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
    fn nvidias_gpus_have_an_index() {
        let index = |name: &str| name.parse::<DeviceName>().expect(name).cuda_index();
        assert_eq!(
            ["tch:cuda:1", "cuda:2", "cuda", "tch", "wgpu:1", "flex"].map(index),
            [Some(1), Some(2), Some(0), None, None, None]
        );
    }

    #[test]
    fn an_error_in_a_name_lists_the_known_forms() {
        let unknown = "npu".parse::<DeviceName>().unwrap_err().to_string();
        assert!(
            unknown.contains("unknown device 'npu'") && unknown.contains("tch:cuda:0"),
            "{unknown}"
        );
        for name in ["flex:0", "cuda:", "wgpu:-1", "tch:0", "tch:cuda:x"] {
            let error = name.parse::<DeviceName>().unwrap_err();
            assert!(
                matches!(error, DeviceError::Address { .. }),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        for backend in BACKENDS.iter().filter(|backend| backend.runtime.is_none()) {
            let error = backend
                .name
                .parse::<DeviceName>()
                .expect(backend.name)
                .open()
                .unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains(&format!("feature `{}`", backend.name)),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_listed_can_be_opened_and_what_is_not_says_why() {
        for backend in BACKENDS {
            let Some(runtime) = &backend.runtime else {
                continue;
            };
            for found in (runtime.found)() {
                found
                    .name
                    .parse::<DeviceName>()
                    .expect(&found.name)
                    .open()
                    .expect(&found.name);
            }
            let beyond = match backend.name {
                "flex" => continue,
                "tch" => "tch:cuda:99".into(),
                name => format!("{name}:99"),
            };
            let error = beyond
                .parse::<DeviceName>()
                .expect(&beyond)
                .open()
                .unwrap_err();
            assert!(matches!(error, DeviceError::Absent { .. }), "{error}");
        }
    }
}
