//! The order in which a reader compares models.

use std::cmp::Ordering;

use ablate_records::Cell;

use super::{BASELINE, Row};

/// `n`, `s`, `m`, `l`, `x`, then any other scale by its name.
pub fn scale_order(scale: &str) -> (usize, &str) {
    (
        ["n", "s", "m", "l", "x"]
            .iter()
            .position(|&known| known == scale)
            .unwrap_or(5),
        scale,
    )
}

/// The baseline first, then by name.
pub fn variant_order(variant: &str) -> (bool, &str) {
    (variant != BASELINE, variant)
}

pub(super) fn row_order(a: &Row, b: &Row) -> Ordering {
    let place = (a.place).cmp(&b.place);
    (a.cell.family.cmp(&b.cell.family))
        .then(place)
        .then_with(|| cell_order(a.cell, b.cell))
}

fn cell_order(a: &Cell, b: &Cell) -> Ordering {
    fn rest(cell: &Cell) -> impl Ord + '_ {
        (cell.imgsz, cell.nc, cell.timing(), cell.seed)
    }
    (a.family.cmp(&b.family))
        .then_with(|| a.device.cmp(&b.device))
        .then_with(|| scale_order(&a.scale).cmp(&scale_order(&b.scale)))
        .then_with(|| variant_order(&a.variant).cmp(&variant_order(&b.variant)))
        .then_with(|| a.dataset.cmp(&b.dataset))
        .then_with(|| rest(a).cmp(&rest(b)))
        .then_with(|| a.cmp(b))
}
