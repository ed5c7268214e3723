//! Devices as `--device` of a sweep has them: one, or all GPUs of a kind.

use std::{fmt, str::FromStr};

use super::{Backend, DeviceError, DeviceName};

/// A device, or every NVIDIA GPU that a backend finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeviceChoice {
    /// One.
    One(DeviceName),
    /// `tch:cuda:all`, `cuda:all`: holds the first.
    All(DeviceName),
}

impl DeviceChoice {
    /// The devices that it stands for on this machine.
    ///
    /// # Errors
    /// If a device is absent, or there is none of the kind.
    pub fn devices(&self) -> Result<Vec<DeviceName>, DeviceError> {
        match self {
            Self::One(device) => device.available().map(|()| vec![*device]),
            Self::All(first) => {
                // If there is none, this says what to install.
                first.available()?;
                let found = first
                    .backend
                    .runtime
                    .as_ref()
                    .map(|runtime| (runtime.found)());
                let names = found.into_iter().flatten();
                let devices = names.filter_map(|found| found.name.parse::<DeviceName>().ok());
                Ok(devices
                    .filter(|device| device.cuda_index().is_some())
                    .collect())
            }
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let Some(kind) = name.strip_suffix(":all") else {
            return name.parse().map(Self::One);
        };
        let first = format!("{kind}:0").parse::<DeviceName>();
        match first {
            Ok(first) if first.cuda_index().is_some() => Ok(Self::All(first)),
            Ok(_) | Err(DeviceError::Address { .. }) => Err(DeviceError::Address {
                name: name.into(),
                forms: "tch:cuda:all or cuda:all; processes share NVIDIA GPUs only".into(),
            }),
            Err(DeviceError::Unknown { known, .. }) => Err(DeviceError::Unknown {
                name: name.into(),
                known,
            }),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(device) => device.fmt(f),
            Self::All(first) => {
                let Backend { name, .. } = first.backend;
                let infix = if name == &"tch" { ":cuda" } else { "" };
                write!(f, "{name}{infix}:all")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_gpus_have_a_word() {
        for name in ["tch:cuda:all", "cuda:all"] {
            let choice: DeviceChoice = name.parse().unwrap();
            assert!(matches!(choice, DeviceChoice::All(_)));
            assert_eq!(choice.to_string(), name);
        }
        let one: DeviceChoice = "flex".parse().unwrap();
        assert_eq!(one.devices().unwrap(), ["flex".parse().unwrap()]);
    }

    #[test]
    fn others_cannot_be_shared() {
        for name in ["flex:all", "tch:all", "vulkan:all"] {
            let error = name.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(error.contains("NVIDIA GPUs only"), "{error}");
        }
        let error = "npu:all".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(error.contains("unknown device 'npu:all'"), "{error}");
    }
}
