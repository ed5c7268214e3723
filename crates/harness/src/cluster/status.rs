//! How far a sweep is, from its plan, records and leases. Nothing is written, and no lease taken: it
//! can be asked at any time, on any machine that sees the folder.

mod table;

use std::time::{Duration, SystemTime};

use ablate_files::{Leases, Timing};
use ablate_records::{
    Outcome, RunningCells, Stage, StageProgress,
    store::{Reference, Store},
};
use anyhow::{Context, Result};
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

pub use self::table::table;
use super::checkpoint;
use crate::sweep::{plan::cell_id, stages::checkpoints};

/// How far a sweep is.
#[derive(Clone, Debug, Serialize)]
pub struct SweepStatus {
    /// Its name.
    pub sweep: String,
    /// Each stage that it has, in order.
    pub stages: Vec<StageProgress>,
    /// What runs now.
    pub running: Vec<Running>,
    /// What failed.
    pub failed: Vec<Failed>,
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
    let progress = store.progress(&manifest, &holdings);
    let failed = progress.failed.iter().map(|row| Failed {
        stage: row.stage,
        cell: cell_id(&row.cell),
        error: match &row.record {
            Reference::Key(key) => error_of(store, key),
            _ => String::new(),
        },
    });
    // Each reads its checkpoints' headers.
    let running = progress.running.par_iter().map(|run| of_run(store, run));
    Ok(SweepStatus {
        sweep: manifest.sweep.clone(),
        failed: failed.collect(),
        running: running.collect(),
        stages: progress.stages,
    })
}

fn error_of(store: &Store, key: &str) -> String {
    match store.outcome(key) {
        Some(Outcome::Failed { error }) => error,
        // Another run has just measured it.
        _ => String::new(),
    }
}

fn of_run(store: &Store, run: &RunningCells) -> Running {
    let RunningCells { stage, cells } = run;
    let of_cell = cells.iter().map(|(cell, holding)| {
        checkpoint::progress(&checkpoints(store, &cell_id(cell), &holding.name))
    });
    let newest = match stage {
        Stage::Train => of_cell.flatten().max_by_key(|of| of.written),
        _ => None,
    };
    let holder = &cells[0].1.holder;
    let since = cells.iter().filter_map(|(_, holding)| holding.since).min();
    let beat = cells.iter().filter_map(|(_, holding)| holding.beat).max();
    Running {
        stage: *stage,
        cells: cells.iter().map(|(cell, _)| cell_id(cell)).collect(),
        host: holder.place.to_string(),
        process: holder.process,
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
