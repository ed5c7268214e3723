//! A sweep that stands beside others in one report.

use std::collections::BTreeMap;

use ablate_records::{Cell, Judging, Record, VariantNote};

/// A sweep that is compared with others: what was measured, where and for what.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// Names it in tables, plots and CSV: its folder.
    pub name: &'a str,
    /// What its variants are.
    pub variants: &'a [VariantNote],
    /// How it judges changes.
    pub judging: Judging,
    /// What was measured, in any order.
    pub records: &'a [Record],
    /// Its devices, and what they are called beside those of others.
    labels: BTreeMap<&'a str, String>,
}

impl<'a> Source<'a> {
    /// A sweep by its name, which no other of the report has.
    pub fn new(
        name: &'a str,
        variants: &'a [VariantNote],
        judging: Judging,
        records: &'a [Record],
    ) -> Self {
        let devices = records.iter().map(|record| record.cell.device.as_str());
        Self {
            name,
            variants,
            judging,
            records,
            labels: devices
                .map(|device| (device, format!("{device} ({name})")))
                .collect(),
        }
    }

    /// `flex (mine)`: the device of a cell.
    pub(crate) fn label(&self, cell: &Cell) -> &str {
        self.labels
            .get(cell.device.as_str())
            .map_or(self.name, String::as_str)
    }
}
