//! How the networks ran that were timed: by compiled plans, or operation by operation. Times of
//! both ways are not to be compared unsaid.

use std::collections::{BTreeMap, BTreeSet};

use crate::rows::Rows;
use ablate_records::{By, Stage};

/// In words: what had no plan, and which models of a device, a number format and a mode ran in
/// different ways.
pub fn cautions(rows: &Rows) -> Vec<String> {
    let mut said = Vec::new();
    for (stage, what) in [(Stage::Latency, "Latency"), (Stage::Detect, "Detection")] {
        let mut without: BTreeSet<&str> = BTreeSet::new();
        let mut settings: BTreeMap<[&str; 3], BTreeMap<Option<By>, Models>> = BTreeMap::new();
        for row in &rows.rows {
            let Some(timed) = row.timed(stage) else {
                continue;
            };
            without.extend(timed.no_plan.as_deref());
            let cell = row.cell;
            let ways = settings.entry([&cell.device, &cell.dtype, &cell.mode]);
            let models = ways.or_default().entry(timed.by).or_default();
            models.add(&row.cell.model);
        }
        said.extend(without.iter().map(|why| {
            format!("{what}: no plan for {why}, so all that was timed together ran operation by operation.")
        }));
        for ([device, ..], ways) in settings {
            if ways.len() > 1 {
                let ways = ways.iter();
                let ways: Vec<String> = ways
                    .map(|(by, models)| format!("{} {}", models.named(), way(*by)))
                    .collect();
                said.push(format!(
                    "{what} on {device}: the models did not all run in one way, so their times are not to be compared: {}.",
                    ways.join(", ")
                ));
            }
        }
    }
    said
}

/// How networks ran, of a latency's record.
pub fn way(by: Option<By>) -> &'static str {
    match by {
        Some(By::Plan) => "by compiled plan",
        Some(By::Operations) => "operation by operation",
        None => "in a way that the records do not name",
    }
}

/// Names of models, each once, in the order of the rows.
#[derive(Default)]
struct Models<'a>(Vec<&'a str>);

impl<'a> Models<'a> {
    fn add(&mut self, model: &'a str) {
        if !self.0.contains(&model) {
            self.0.push(model);
        }
    }

    /// The first, and how many more.
    fn named(&self) -> String {
        match self.0.len() {
            1 => self.0[0].into(),
            n => format!("{} and {} more", self.0[0], n - 1),
        }
    }
}
