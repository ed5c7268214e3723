//! LibTorch: the CPU, and NVIDIA's GPUs where it was made for CUDA.

// burn-tch is deprecated in favour of Burn's own runtimes; it is kept here because what they are
// measured against is LibTorch.
#![allow(deprecated)]

use anyhow::{Result, bail};
use burn::tensor::{Device, DeviceType};

use super::{
    backends::{Found, Place, Runtime, check_index},
    nvidia,
};
use crate::libraries::TF32;

pub const RUNTIME: Runtime = Runtime {
    found,
    open,
    adapter,
};

fn found() -> Vec<Found> {
    let cpu = Found {
        name: "tch".into(),
        what: "CPU".into(),
    };
    let gpus = (0..gpus()).map(|index| Found {
        name: format!("tch:cuda:{index}"),
        what: nvidia::describe(index),
    });
    std::iter::once(cpu).chain(gpus).collect()
}

fn open(place: Place) -> Result<Device> {
    let Place::Cuda(index) = place else {
        return Ok(Device::libtorch());
    };
    check_index(
        index,
        gpus(),
        "LibTorch sees",
        "GPU",
        "NVIDIA's driver and a LibTorch made for CUDA: just setup-torch cuda",
    )?;
    if let Some(value) = std::env::var_os(TF32).filter(|value| value != "0") {
        bail!(
            "{TF32} is {}: expected 0, or not set, so that f32 means 32 bits; `dtype: tf32` times TF32",
            value.display()
        );
    }
    ablate_kernels::allow_tf32(false);
    Ok(Device::libtorch_cuda(index))
}

fn adapter(place: Place) -> Option<String> {
    if let Place::Cuda(index) = place {
        Some(nvidia::describe(index))
    } else {
        None
    }
}

fn gpus() -> usize {
    Device::enumerate(DeviceType::LibTorch).len()
}
