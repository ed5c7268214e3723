//! The most memory that was held while something was measured, and what is kept of it.

use std::fs;

use ablate_kernels::release_freed_memory;
use burn::tensor::Device;

use ablate_records::PeakMemory;

/// Bytes in a MiB.
pub const MIB: f64 = (1 << 20) as f64;

/// Forgets earlier peaks, so that the next [`peak`] is of what comes now. No freed memory is kept
/// any more.
pub fn begin(device: &Device) {
    // Frees what the device keeps for reuse; where it keeps nothing, this does nothing.
    device.memory_cleanup();
    ablate_kernels::forget_peak_memory(device);
    release_freed_memory();
    // Linux's way to set the process's peak back to what it holds; where it is refused, the peak is
    // that of the whole run.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Peaks since [`begin`], in MiB: of the host, the resident memory of this process; of the device,
/// what its allocator has reserved.
///
/// The host's is None except on Linux; the device's is None if it is a CPU.
pub fn peak(device: &Device) -> PeakMemory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    PeakMemory {
        host_mib: resident_peak(&status).map(|kib| rounded(kib / 1024.0)),
        device_mib: ablate_kernels::peak_memory(device)
            .map(|bytes| bytes as f64)
            .or_else(|| Some(device.memory_pool_usage()?.bytes_reserved as f64))
            .map(|bytes| rounded(bytes / MIB)),
    }
}

/// In KiB.
fn resident_peak(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn rounded(mib: f64) -> f64 {
    (mib * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_process_status() {
        assert_eq!(
            resident_peak("VmPeak:\t  200 kB\nVmHWM:\t    5120 kB\nVmRSS:\t 100 kB\n"),
            Some(5120.0)
        );
        assert_eq!(resident_peak("VmRSS:\t 100 kB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_held_for_a_moment_counts() {
        let device = Device::flex();
        begin(&device);
        let before = peak(&device).host_mib.unwrap();
        let held = vec![1u8; 256 << 20];
        assert_eq!(
            held.iter()
                .step_by(4096)
                .map(|byte| u64::from(*byte))
                .sum::<u64>(),
            256 << 8
        );
        drop(held);
        let after = peak(&device).host_mib.unwrap();
        assert!(after > before + 200.0, "{before} MiB, then {after} MiB");
        assert_eq!(peak(&device).device_mib, None);
    }
}
