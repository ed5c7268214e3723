//! When there are too many variants to look at one by one, and which come first then.

use std::collections::BTreeSet;

use crate::pareto::{Cost, Front, accuracy};
use crate::rows::BASELINE;
use crate::summary::{Line, Table};

/// More variants than a dozen are not told apart by colours, nor read line by line.
pub const DOZEN: usize = 12;

/// Whether the table has too many variants to look at one by one. Those of two families differ.
pub fn is_many(table: &Table) -> bool {
    let variants = table.lines.iter().map(|line| {
        let cell = line.cell();
        (&cell.family, &cell.variant)
    });
    variants.collect::<BTreeSet<_>>().len() > DOZEN
}

/// The indices of a table's models: baselines, the Pareto front, then by mAP; without mAP the
/// fastest first, and without latency the smallest.
pub fn best_first(table: &Table) -> Vec<usize> {
    let front = Front::of(table);
    let rank = |&index: &usize| {
        let line = &table.lines[index];
        let on_front = front.as_ref().is_some_and(|front| front.has(index));
        let known = |figure: Option<f64>| figure.unwrap_or(f64::INFINITY);
        [
            if is_baseline(line) { 0.0 } else { 1.0 },
            if on_front { 0.0 } else { 1.0 },
            known(accuracy(line).map(|map| -map)),
            known(Cost::Latency.of(line)),
            known(Cost::Gflops.of(line)),
        ]
    };
    let mut order: Vec<usize> = (0..table.lines.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        let differ = a.iter().zip(&b).map(|(a, b)| a.total_cmp(b));
        differ.fold(std::cmp::Ordering::Equal, |so_far, next| so_far.then(next))
    });
    order
}

/// `1 model`, `548 models`.
pub fn models(count: usize) -> String {
    format!("{count} model{}", if count == 1 { "" } else { "s" })
}

/// Whether the line is of a baseline.
pub fn is_baseline(line: &Line) -> bool {
    line.cell().variant == BASELINE
}
