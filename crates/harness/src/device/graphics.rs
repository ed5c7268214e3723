//! GPUs by way of wgpu: on whichever graphics interface there is, or on one by name.

use std::sync::Mutex;

use anyhow::Result;
use burn::backend::{
    WgpuBackend, WgpuDevice, WgpuDeviceKind, try_read_sync,
    wgpu::{
        RuntimeOptions, WgpuInitError,
        graphics::AutoGraphicsApi,
        try_init_setup,
        wgpu::{self, AdapterInfo, Backends, DeviceType},
    },
};
use burn::tensor::Device;

use super::{
    backends::{Found, Place, Runtime, check_index},
    nvidia, tuning,
};

macro_rules! runtime {
    ($backend:literal, $api:expr) => {
        Runtime {
            found: || found($backend, $api),
            open: |place| open($api, place),
            adapter: |place| adapter($api, place),
        }
    };
}

pub const ANY: Runtime = runtime!("wgpu", WgpuBackend::Auto);
#[cfg(feature = "vulkan")]
pub const VULKAN: Runtime = runtime!("vulkan", WgpuBackend::Vulkan);
#[cfg(feature = "metal")]
pub const METAL: Runtime = runtime!("metal", WgpuBackend::Metal);

const NEEDS: &str = "a driver: the GPU maker's, or on Debian and Ubuntu apt install mesa-vulkan-drivers, which has one in software too";

fn found(backend: &str, api: WgpuBackend) -> Vec<Found> {
    let adapters = adapters(api);
    adapters
        .iter()
        .enumerate()
        .map(|(index, adapter)| Found {
            name: format!("{backend}:{index}"),
            what: describe(adapter),
        })
        .collect()
}

fn open(api: WgpuBackend, place: Place) -> Result<Device> {
    let adapters = adapters(api);
    let index = index(&adapters, place);
    check_index(
        index,
        adapters.len(),
        "wgpu sees",
        "graphics adapter",
        NEEDS,
    )?;
    tuning::keep();
    let device = WgpuDevice::new(kind(&adapters, index)).on(api);
    // Set up here, so that what is wrong with it is said now. The default and an index can mean the
    // same adapter: then it is set up already.
    match try_init_setup::<AutoGraphicsApi>(&device, RuntimeOptions::try_default()?) {
        Err(error) if !is_set_up(&error) => Err(error)?,
        _ => Ok(Device::new(device)),
    }
}

fn is_set_up(error: &WgpuInitError) -> bool {
    matches!(error, WgpuInitError::Registration { .. })
}

/// What was found on an interface: adapters neither come nor go while a program runs.
static ADAPTERS: Mutex<Vec<(WgpuBackend, Vec<AdapterInfo>)>> = Mutex::new(Vec::new());

fn adapters(api: WgpuBackend) -> Vec<AdapterInfo> {
    let mut known = ADAPTERS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some((_, adapters)) = known.iter().find(|(of, _)| *of == api) {
        return adapters.clone();
    }
    let adapters = choice(api);
    known.push((api, adapters.clone()));
    adapters
}

/// The adapters that Burn chooses from: those of the first interface that has a GPU or, where none
/// has, of the first that has anything.
fn choice(api: WgpuBackend) -> Vec<AdapterInfo> {
    let interfaces = match api {
        WgpuBackend::Vulkan => vec![wgpu::Backend::Vulkan],
        WgpuBackend::Metal => vec![wgpu::Backend::Metal],
        _ => AutoGraphicsApi::chain(),
    };
    let mut first = Vec::new();
    for interface in interfaces {
        let adapters = on(interface.into());
        if adapters
            .iter()
            .any(|adapter| adapter.device_type != DeviceType::Cpu)
        {
            return adapters;
        }
        if first.is_empty() {
            first = adapters;
        }
    }
    first
}

fn on(interface: Backends) -> Vec<AdapterInfo> {
    let descriptor = wgpu::InstanceDescriptor {
        backends: interface,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let instance = wgpu::Instance::new(descriptor);
    let adapters = try_read_sync(instance.enumerate_adapters(interface)).unwrap_or_default();
    adapters.iter().map(wgpu::Adapter::get_info).collect()
}

fn adapter(api: WgpuBackend, place: Place) -> Option<String> {
    let adapters = adapters(api);
    adapters.get(index(&adapters, place)).map(describe)
}

/// Where no index is given, the strongest.
fn index(adapters: &[AdapterInfo], place: Place) -> usize {
    if let Place::Index(index) = place {
        return index;
    }
    let rank = |adapter: &AdapterInfo| match adapter.device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    };
    (0..adapters.len())
        .min_by_key(|index| rank(&adapters[*index]))
        .unwrap_or(0)
}

/// The adapter as Burn names it, which counts each kind on its own.
fn kind(adapters: &[AdapterInfo], index: usize) -> WgpuDeviceKind {
    let own = adapters[index].device_type;
    let before = adapters[..index]
        .iter()
        .filter(|adapter| adapter.device_type == own)
        .count();
    match own {
        DeviceType::DiscreteGpu => WgpuDeviceKind::DiscreteGpu(before),
        DeviceType::IntegratedGpu => WgpuDeviceKind::IntegratedGpu(before),
        DeviceType::VirtualGpu => WgpuDeviceKind::VirtualGpu(before),
        DeviceType::Other => WgpuDeviceKind::Other(before),
        DeviceType::Cpu => WgpuDeviceKind::Cpu,
    }
}

fn describe(adapter: &AdapterInfo) -> String {
    let mut what = format!("{}, {}", adapter.name, adapter.backend);
    match nvidia::at(&adapter.device_pci_bus_id) {
        Some(card) => what += &format!(" ({card})"),
        None => {
            what += &format!(", driver {} {}", adapter.driver, adapter.driver_info);
            what += &memory(&adapter.device_pci_bus_id)
                .map_or_else(String::new, |gib| format!(", {gib:.1} GiB"));
        }
    }
    if adapter.device_type == DeviceType::Cpu {
        what += ", software rasterizer: right figures, but no timings worth comparing";
    }
    what
}

/// A GPU's own memory in GiB where the kernel tells it, as it does of AMD's.
fn memory(bus: &str) -> Option<f64> {
    let bytes =
        std::fs::read_to_string(format!("/sys/bus/pci/devices/{bus}/mem_info_vram_total")).ok()?;
    Some(bytes.trim().parse::<f64>().ok()? / (1u64 << 30) as f64)
}
