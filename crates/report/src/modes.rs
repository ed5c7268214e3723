//! How a latency's forward pass runs, in words. Times of two modes are not compared: each has
//! tables of its own.

use std::collections::BTreeSet;

use crate::rows::Rows;

/// What the times of a mode are of; None if nothing is to be said of it.
pub fn meaning(mode: Option<&str>) -> Option<&'static str> {
    match mode? {
        "eager" => Some(
            "Eager: operation by operation, as PyTorch does. On a GPU the time may be that of the CPU's launches.",
        ),
        "graph" => Some(
            "Graph: the pass is captured once and replayed. On a GPU it is a CUDA graph: the GPU's own work, without launch overhead. \
             On a CPU it is TorchScript, in which oneDNN runs neighbouring operations as one.",
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
