//! What a run says of the records that it found.

use std::collections::BTreeSet;

use super::{data::tell_account, plan::Selection, run::Run, stages::Job};
use crate::code;
use ablate_records::{Cell, DataAccount, Measurement, Outcome, Stage, Status};
use anyhow::Result;

impl Run<'_> {
    /// Says how many records of these cells are of another build: they stay, and the cells are
    /// measured again.
    pub(super) fn tell_other_builds(&self, stage: Stage, jobs: &[Job]) -> Result<()> {
        let cells: BTreeSet<&Cell> = jobs
            .iter()
            .filter(|job| self.is_selected(job) && self.claims.earlier(job) != Some(Status::Done))
            .map(|job| &job.cell.cell)
            .collect();
        if cells.is_empty() {
            return Ok(());
        }
        let records = self.store.all()?;
        let of_cells = records.iter().filter(|record| {
            record.stage == stage
                && matches!(record.outcome, Outcome::Done { .. })
                && cells.contains(&record.cell)
        });
        let differences: Vec<Vec<&str>> = of_cells
            .map(|record| code::differences(stage, &record.inputs))
            .filter(|differences| !differences.is_empty())
            .collect();
        if !differences.is_empty() {
            let parts: BTreeSet<&str> = differences.iter().flatten().copied().collect();
            tracing::info!(
                "{}: {} earlier records are of another build (different: {}); measuring again",
                stage.name(),
                differences.len(),
                parts.into_iter().collect::<Vec<_>>().join(", "),
            );
        }
        Ok(())
    }

    /// Tells the account of the data whose figures are all from earlier records.
    pub(super) fn tell_recorded_data(&self, selection: &Selection) {
        let Ok(data) = self.bench.data() else { return };
        let mut accounts: Vec<DataAccount> = Vec::new();
        for stage in [Stage::Train, Stage::Eval] {
            let cells = self.selected.iter().filter(|_| selection.wants(stage));
            let keys = cells.filter_map(|cell| self.manifest.key(&cell.cell, stage));
            for record in keys.filter_map(|key| self.store.load(key)) {
                let of_record = match record.outcome {
                    Outcome::Done {
                        measurement: Measurement::Train(trained),
                    } => trained.data,
                    Outcome::Done {
                        measurement: Measurement::Eval(evaluated),
                    } => evaluated.data.into_iter().collect(),
                    _ => Vec::new(),
                };
                for account in of_record {
                    if !data.has_told(&account.split) && !accounts.contains(&account) {
                        accounts.push(account);
                    }
                }
            }
        }
        accounts.iter().for_each(tell_account);
    }
}
