//! NVIDIA's GPUs, as `nvidia-smi` of their driver reports them.

use std::{process::Command, sync::LazyLock};

/// Name, memory and driver of each, in the order of their bus addresses.
static CARDS: LazyLock<Vec<Card>> = LazyLock::new(|| read().unwrap_or_default());

struct Card {
    /// `00000000:01:00.0`
    bus: String,
    what: String,
}

/// What the GPU at an index is. CUDA counts as the driver does where
/// `CUDA_DEVICE_ORDER=PCI_BUS_ID`, which matters with GPUs of several kinds.
#[cfg_attr(not(any(feature = "tch", feature = "cuda")), allow(dead_code))]
pub fn describe(index: usize) -> String {
    CARDS
        .get(shown(index))
        .map_or_else(|| "NVIDIA GPU".into(), |card| card.what.clone())
}

/// Memory and driver of the GPU at a bus address such as `0000:01:00.0`; None if it is not
/// NVIDIA's.
#[cfg_attr(not(feature = "wgpu"), allow(dead_code))]
pub fn at(bus: &str) -> Option<&'static str> {
    let card = CARDS
        .iter()
        .find(|card| !bus.is_empty() && card.bus.to_lowercase().ends_with(&bus.to_lowercase()))?;
    Some(&card.what)
}

/// A GPU's memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// By all programs, what their allocators keep for reuse included.
    pub used_mib: f64,
    /// All of it.
    pub total_mib: f64,
}

/// The memory of the GPU at an index now; None if there is no such GPU.
pub fn memory(index: usize) -> Option<Memory> {
    query("memory.used,memory.total")?
        .lines()
        .nth(shown(index))
        .and_then(usage)
}

/// The driver's number of the GPU that CUDA calls so.
fn shown(index: usize) -> usize {
    driver_number(index, std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref())
}

/// CUDA counts the GPUs that a list shows to it. One that names them otherwise than by numbers comes
/// from a container or a scheduler, which mostly hides the others from the driver's tools too.
fn driver_number(index: usize, visible: Option<&str>) -> usize {
    let number = visible.and_then(|list| list.split(',').nth(index));
    number
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(index)
}

fn read() -> Option<Vec<Card>> {
    Some(
        query("pci.bus_id,name,memory.total,driver_version")?
            .lines()
            .filter_map(card)
            .collect(),
    )
}

fn query(fields: &str) -> Option<String> {
    let query = [&format!("--query-gpu={fields}"), "--format=csv,noheader"];
    let output = Command::new("nvidia-smi")
        .args(query)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn usage(line: &str) -> Option<Memory> {
    let (used, total) = line.split_once(", ")?;
    let mib = |figure: &str| figure.trim().strip_suffix("MiB")?.trim().parse().ok();
    Some(Memory {
        used_mib: mib(used)?,
        total_mib: mib(total)?,
    })
}

fn card(line: &str) -> Option<Card> {
    let [bus, name, memory, driver] = line.split(", ").collect::<Vec<_>>().try_into().ok()?;
    Some(Card {
        bus: bus.trim().into(),
        what: format!("{name}, {memory}, driver {driver}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_counts_what_it_is_shown() {
        assert_eq!(driver_number(1, None), 1);
        assert_eq!(driver_number(0, Some("3")), 3);
        assert_eq!(driver_number(1, Some("2, 5")), 5);
        assert_eq!(driver_number(1, Some("GPU-a,GPU-b")), 1);
        assert_eq!(driver_number(4, Some("0,1")), 4);
    }

    #[test]
    fn a_line_of_nvidia_smi_is_a_card() {
        let card = card("00000000:01:00.0, NVIDIA H100 80GB HBM3, 81559 MiB, 550.54.15").unwrap();
        assert_eq!(card.bus, "00000000:01:00.0");
        assert_eq!(
            card.what,
            "NVIDIA H100 80GB HBM3, 81559 MiB, driver 550.54.15"
        );
        assert!(super::card("No devices were found").is_none());
        assert_eq!(
            usage("1024 MiB, 81559 MiB"),
            Some(Memory {
                used_mib: 1024.0,
                total_mib: 81559.0
            })
        );
        assert_eq!(usage("[N/A], [N/A]"), None);
    }
}
