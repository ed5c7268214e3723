//! NVIDIA's GPUs by Burn's own CUDA runtime.

use anyhow::Result;
use burn::tensor::{Device, DeviceType};

use super::{
    backends::{Found, Place, Runtime, check_index},
    nvidia, tuning,
};

pub const RUNTIME: Runtime = Runtime {
    found,
    open,
    adapter: |place| Some(nvidia::describe(index(place))),
};

fn found() -> Vec<Found> {
    (0..count())
        .map(|index| Found {
            name: format!("cuda:{index}"),
            what: nvidia::describe(index),
        })
        .collect()
}

fn open(place: Place) -> Result<Device> {
    let index = index(place);
    check_index(
        index,
        count(),
        "CUDA sees",
        "GPU",
        "NVIDIA's driver, and its CUDA toolkit 12 or newer",
    )?;
    tuning::keep();
    let device = Device::cuda(index);
    // Opened here, so that what is wrong with it is said now.
    device.sync()?;
    Ok(device)
}

fn index(place: Place) -> usize {
    if let Place::Index(index) = place {
        index
    } else {
        0
    }
}

/// None without NVIDIA's driver.
fn count() -> usize {
    Device::enumerate(DeviceType::Cuda).len()
}
