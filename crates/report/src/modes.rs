//! How a latency's forward pass is launched, in words. Times of two modes are not compared: each has
//! tables of its own.

use std::collections::BTreeSet;

use crate::rows::Rows;

/// What the times of a mode are of; None if nothing is to be said of it.
pub fn meaning(mode: Option<&str>) -> Option<&'static str> {
    match mode? {
        "eager" => Some(
            "Eager: the CPU launches each operation, as PyTorch does, so the time may be that of the launches.",
        ),
        "graph" => Some(
            "CUDA graph: the pass is launched once and replayed, so the time is the GPU's own work, without launch overhead.",
        ),
        _ => None,
    }
}

/// What the modes mean that latencies were measured in, and where they are both, that they are not
/// to be compared.
pub fn meanings(rows: &Rows) -> Vec<&'static str> {
    let timed = rows.rows.iter().filter(|row| row.latency().is_some());
    let modes: BTreeSet<&str> = timed.filter_map(|row| row.cell.timing().mode).collect();
    let both = (modes.len() > 1).then_some(
        "Times of the two modes are not compared with each other: each has tables of its own.",
    );
    modes
        .into_iter()
        .filter_map(|mode| meaning(Some(mode)))
        .chain(both)
        .collect()
}
