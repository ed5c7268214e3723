//! How far a sweep is, from its plan, records and leases. Nothing is written, and no lease taken: it
//! can be asked at any time, on any machine that sees the folder.

mod table;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, SystemTime},
};

use ablate_files::{Holding, Leases, Timing};
use ablate_records::{
    Cell, Outcome, Stage, Status,
    store::{Manifest, Reference, Store},
};
use anyhow::{Context, Result};
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

pub use self::table::table;
use super::checkpoint::{self, Progress};
use crate::sweep::{plan::cell_id, stages::checkpoints};

/// How far a sweep is.
#[derive(Clone, Debug, Serialize)]
pub struct SweepStatus {
    /// Its name.
    pub sweep: String,
    /// Each stage that it has, in order.
    pub stages: Vec<StageStatus>,
    /// What runs now.
    pub running: Vec<Running>,
    /// What failed.
    pub failed: Vec<Failed>,
}

/// How far a stage is, in cells: two that share a record count twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StageStatus {
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
#[derive(Clone, Debug, Serialize)]
pub struct Running {
    /// The stage.
    pub stage: Stage,
    /// The cells by their ids.
    pub cells: Vec<String>,
    /// The host's name.
    pub host: String,
    /// The process's number there.
    pub process: u32,
    /// When the first of them was taken, by the host's clock.
    pub since: Option<Timestamp>,
    /// Seconds since the last heartbeat, if that is longer than holders are waited for: the run is
    /// gone, or cut off from the folder.
    pub silent_s: Option<u64>,
    /// Epochs that are done, of the training whose checkpoint is the newest.
    pub epochs: Option<usize>,
    /// Epochs of the whole training.
    pub of_epochs: Option<usize>,
    /// Seconds until that training's end.
    pub left_s: Option<u64>,
}

/// A stage of a cell that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    /// The stage.
    pub stage: Stage,
    /// The cell by its id.
    pub cell: String,
    /// Why.
    pub error: String,
}

/// How far the sweep in a folder is.
///
/// # Errors
/// A folder without a plan, or leases that can't be read.
pub fn status(store: &Store) -> Result<SweepStatus> {
    let manifest = store.manifest().with_context(|| {
        format!(
            "{}: expected the folder of a sweep, found no plan.json that can be read",
            store.folder().display()
        )
    })?;
    let holdings = Leases::open(store.folder().join("leases")).holders();
    let holdings = holdings.context("cannot read the folder of leases")?;
    let held: HashMap<&str, &Holding> = holdings
        .iter()
        .map(|holding| (holding.name.as_str(), holding))
        .collect();
    let ends = ends(store, &manifest);
    let mut sweep = SweepStatus {
        sweep: manifest.sweep.clone(),
        stages: Vec::new(),
        running: Vec::new(),
        failed: Vec::new(),
    };
    for stage in Stage::ALL {
        let rows: Vec<_> = manifest
            .rows
            .iter()
            .filter(|row| row.stage == stage)
            .collect();
        let mut counts = StageStatus::none(stage);
        let mut running: BTreeMap<(String, u32), Vec<(&Cell, &Holding)>> = BTreeMap::new();
        for row in rows {
            let key = match &row.record {
                Reference::Skipped(_) => continue,
                Reference::Waiting => None,
                Reference::Key(key) => Some(key.as_str()),
            };
            let end = key.and_then(|key| ends.get(key));
            let holding = key.and_then(|key| held.get(key));
            counts.count(end.copied(), holding.is_some());
            match (end, holding) {
                // A run that holds what is done has yet to give it back, or competes with it.
                (Some(Status::Done), _) | (_, None) => {}
                (_, Some(holding)) => {
                    let holder = &holding.holder;
                    let run = (holder.place.to_string(), holder.process);
                    running.entry(run).or_default().push((&row.cell, holding));
                    continue;
                }
            }
            if let (Some(Status::Failed), Some(key)) = (end, key) {
                sweep.failed.push(Failed {
                    stage,
                    cell: cell_id(&row.cell),
                    error: error_of(store, key),
                });
            }
        }
        if counts.cells > 0 {
            sweep.stages.push(counts);
        }
        let runs = running.into_iter();
        sweep.running.extend(
            runs.map(|((host, process), cells)| of_run(store, stage, host, process, &cells)),
        );
    }
    Ok(sweep)
}

/// How the records of a plan ended, by their keys.
fn ends<'m>(store: &Store, manifest: &'m Manifest) -> HashMap<&'m str, Status> {
    let there = store.keys();
    let keys: HashSet<&str> = manifest
        .rows
        .iter()
        .filter_map(|row| match &row.record {
            Reference::Key(key) if there.contains(key) => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    keys.par_iter()
        .filter_map(|key| Some((*key, store.status(key)?)))
        .collect()
}

fn error_of(store: &Store, key: &str) -> String {
    match store.outcome(key) {
        Some(Outcome::Failed { error }) => error,
        // Another run has just measured it.
        _ => String::new(),
    }
}

fn of_run(
    store: &Store,
    stage: Stage,
    host: String,
    process: u32,
    cells: &[(&Cell, &Holding)],
) -> Running {
    let progress = |(cell, holding): &(&Cell, &Holding)| {
        checkpoint::progress(&checkpoints(store, &cell_id(cell), &holding.name))
    };
    let newest: Option<Progress> = match stage {
        Stage::Train => cells
            .iter()
            .filter_map(progress)
            .max_by_key(|of| of.written),
        _ => None,
    };
    let since = cells.iter().filter_map(|(_, holding)| holding.since).min();
    let beat = cells.iter().filter_map(|(_, holding)| holding.beat).max();
    Running {
        stage,
        cells: cells.iter().map(|(cell, _)| cell_id(cell)).collect(),
        host,
        process,
        since: since.and_then(|since| Timestamp::try_from(since).ok()),
        silent_s: beat.and_then(silence),
        epochs: newest.map(|progress| progress.epochs),
        of_epochs: newest.and_then(|progress| progress.of),
        left_s: newest
            .and_then(|progress| progress.left)
            .map(|left| left.as_secs()),
    }
}

fn silence(beat: SystemTime) -> Option<u64> {
    let silent: Duration = beat.elapsed().ok()?;
    (silent > Timing::default().patience).then_some(silent.as_secs())
}

impl StageStatus {
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
