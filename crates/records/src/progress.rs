//! How far a sweep is, from its plan, its records and its leases: ten thousand cells in well under a
//! second, since of a record only the first bytes are read.

use std::collections::{BTreeMap, HashMap, HashSet};

use ablate_files::Holding;
use serde::Serialize;

use crate::{Cell, Manifest, ManifestEntry, Reference, Stage, Status, Store, parallel};

/// How far a sweep is.
#[derive(Debug)]
pub struct Progress<'m> {
    /// Each stage that it has, in order.
    pub stages: Vec<StageProgress>,
    /// What runs hold now, by stage, host and process.
    pub running: Vec<RunningCells<'m>>,
    /// What failed, and is not tried again now.
    pub failed: Vec<&'m ManifestEntry>,
}

/// How far a stage is, in cells: two that share a record count twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StageProgress {
    /// The stage.
    pub stage: Stage,
    /// All cells that are measured in it.
    pub cells: usize,
    /// Measured.
    pub done: usize,
    /// Stopped by halving.
    pub stopped: usize,
    /// Not to be run, since an earlier stage failed or was stopped.
    pub skipped: usize,
    /// Failed.
    pub failed: usize,
    /// Held by a run.
    pub running: usize,
    /// None of these.
    pub waiting: usize,
}

/// Cells that one run holds, at one stage.
#[derive(Debug)]
pub struct RunningCells<'m> {
    /// The stage.
    pub stage: Stage,
    /// The cells, each with its lease; at least one.
    pub cells: Vec<(&'m Cell, &'m Holding)>,
}

impl Store {
    /// How far the sweep with this plan is, whose leases are these. Nothing is written.
    pub fn progress<'m>(&self, manifest: &'m Manifest, held: &'m [Holding]) -> Progress<'m> {
        let held: HashMap<&str, &Holding> = held
            .iter()
            .map(|holding| (holding.name.as_str(), holding))
            .collect();
        let ends = self.ends(manifest);
        let mut progress = Progress {
            stages: Vec::new(),
            running: Vec::new(),
            failed: Vec::new(),
        };
        for stage in Stage::ALL {
            let mut counts = StageProgress::none(stage);
            let mut running: BTreeMap<(String, u32), Vec<_>> = BTreeMap::new();
            for row in manifest.rows.iter().filter(|row| row.stage == stage) {
                let key = match &row.record {
                    Reference::Skipped(_) => continue,
                    Reference::Waiting => None,
                    Reference::Key(key) => Some(key.as_str()),
                };
                let end = key.and_then(|key| ends.get(key)).copied();
                let holding = key.and_then(|key| held.get(key)).copied();
                counts.count(end, holding.is_some());
                match (end, holding) {
                    // A run that holds what is done has yet to give it back, or competes with it.
                    (Some(Status::Done), _) => {}
                    (_, Some(holding)) => {
                        let holder = &holding.holder;
                        let run = (holder.place.to_string(), holder.process);
                        running.entry(run).or_default().push((&row.cell, holding));
                    }
                    (Some(Status::Failed), None) => progress.failed.push(row),
                    (_, None) => {}
                }
            }
            if counts.cells > 0 {
                progress.stages.push(counts);
            }
            let running = running.into_values();
            progress
                .running
                .extend(running.map(|cells| RunningCells { stage, cells }));
        }
        progress
    }

    /// How the records of a plan ended, by their keys.
    fn ends<'m>(&self, manifest: &'m Manifest) -> HashMap<&'m str, Status> {
        let there = self.keys();
        let keys: HashSet<&str> = manifest
            .rows
            .iter()
            .filter_map(|row| match &row.record {
                Reference::Key(key) if there.contains(key) => Some(key.as_str()),
                _ => None,
            })
            .collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let ends = parallel::map(&keys, |key| self.status(key));
        let ends = keys.into_iter().zip(ends);
        ends.filter_map(|(key, end)| Some((key, end?))).collect()
    }
}

impl StageProgress {
    fn none(stage: Stage) -> Self {
        Self {
            stage,
            cells: 0,
            done: 0,
            stopped: 0,
            skipped: 0,
            failed: 0,
            running: 0,
            waiting: 0,
        }
    }

    fn count(&mut self, end: Option<Status>, held: bool) {
        self.cells += 1;
        let place = match (end, held) {
            (Some(Status::Done), _) => &mut self.done,
            (_, true) => &mut self.running,
            (Some(Status::Stopped), _) => &mut self.stopped,
            (Some(Status::Skipped), _) => &mut self.skipped,
            (Some(Status::Failed), _) => &mut self.failed,
            (None, false) => &mut self.waiting,
        };
        *place += 1;
    }
}
