//! Prints the backends that a command of `ablate` needs beside `flex`: those of its `--device`
//! arguments, and of the `devices` of the sweep files that it names. The recipes of the justfile
//! build `ablate` with them; this builds without Burn.
//!
//! `cargo run --example backends -- run configs/sweeps/smoke.yaml --device tch,wgpu` prints `tch
//! wgpu`.

use std::{collections::BTreeSet, env, fs};

use serde::Deserialize;

/// The one key of a sweep's file that matters here.
#[derive(Deserialize)]
struct Sweep {
    #[serde(default)]
    devices: Devices,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Devices {
    One(String),
    Many(Vec<String>),
}

impl Default for Devices {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut devices = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (
                argument.as_str(),
                arguments.get(index + 1).map(String::as_str),
            ),
        };
        if let ("--device" | "--devices", Some(value)) = (flag, value) {
            devices.extend(value.split(',').map(str::to_owned));
        }
        // A file that is no sweep is the command's business: it says what is wrong with it.
        let sweep = (argument.ends_with(".yaml") || argument.ends_with(".yml"))
            .then(|| serde_yaml::from_str(&fs::read_to_string(argument).ok()?).ok())
            .flatten();
        match sweep.map(|sweep: Sweep| sweep.devices) {
            Some(Devices::One(device)) => devices.push(device),
            Some(Devices::Many(more)) => devices.extend(more),
            None => {}
        }
    }
    // A device's name begins with its backend's.
    let backends: BTreeSet<&str> = devices
        .iter()
        .filter_map(|device| device.trim().split(':').next())
        .filter(|backend| ["tch", "wgpu", "vulkan", "metal", "cuda"].contains(backend))
        .collect();
    println!("{}", backends.into_iter().collect::<Vec<_>>().join(" "));
}
