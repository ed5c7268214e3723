//! Several runs of one sweep, in one folder: each takes the cells that no other has, and waits for
//! what is left.

use std::{collections::HashMap, thread, time::Duration};

use ablate_files::{Claim, Holder, Lease, Leases, Life};
use ablate_records::{Stage, Status, store::Store};
use anyhow::{Context, Result};
use rayon::prelude::*;

use super::stages::Job;
use crate::interrupt;

/// Between two looks at work that another run holds.
const PAUSE: Duration = Duration::from_millis(500);

/// The same, at work that takes a moment.
const SHORT_PAUSE: Duration = Duration::from_millis(20);

/// What this run holds, and what it found when it began.
pub struct Claims {
    leases: Leases,
    /// By key: when the record was finished that was there before this run, and how it ended.
    before: HashMap<String, Option<(String, Status)>>,
}

/// What became of a piece of work while others had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Measured, or stopped by halving.
    Done,
    /// Recorded as failed.
    Failed,
}

impl Claims {
    /// Of a sweep's folder, in which leases have one of their own.
    pub fn open(store: &Store) -> Self {
        Self {
            leases: Leases::open(store.folder().join("leases")),
            before: HashMap::new(),
        }
    }

    /// Removes what runs left when they were killed: leases, and files that they were writing.
    pub fn clear_away(&self, store: &Store) {
        for folder in [".", "records", "plots", "leases"] {
            ablate_files::remove_unfinished(&store.folder().join(folder));
        }
        if let Err(error) = self.leases.clear_away() {
            tracing::warn!("cannot clear the folder of leases: {error}");
        }
    }

    /// Remembers what the records of these jobs are now. What is new afterwards is of another run,
    /// which has just measured it.
    pub fn remember(&mut self, store: &Store, jobs: &[Job]) {
        let keys: Vec<&String> = jobs.iter().map(|job| &job.key).collect();
        let found = keys.into_par_iter().map(|key| {
            let record = store.load(key);
            let known = record.map(|record| (record.finished, record.outcome.status()));
            (key.clone(), known)
        });
        self.before.extend(found.collect::<Vec<_>>());
    }

    /// How the job had ended when this run came to its stage; None if it had not.
    pub fn earlier(&self, job: &Job) -> Option<Status> {
        self.before
            .get(&job.key)?
            .as_ref()
            .map(|(_, status)| *status)
    }

    /// How another run has ended the job since; None if it has not.
    pub fn settled(&self, store: &Store, job: &Job) -> Option<Settled> {
        let record = store.load(&job.key)?;
        match self.before.get(&job.key) {
            Some(Some((before, _))) if *before == record.finished => None,
            _ => Some(match record.outcome.status() {
                Status::Failed => Settled::Failed,
                _ => Settled::Done,
            }),
        }
    }

    /// Does what no two runs may do at once, and what takes a moment.
    ///
    /// # Errors
    /// Those of `act`, a folder that can't be written, and a signal that ends the program.
    pub fn alone<T>(&self, name: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        loop {
            let claim = self.leases.claim(name);
            match claim.context("cannot claim work in the folder of the sweep")? {
                Claim::Ours(_lease) => return act(),
                Claim::Theirs(..) => {
                    interrupt::check()?;
                    thread::sleep(SHORT_PAUSE);
                }
            }
        }
    }

    /// The leases of all these jobs, or who holds one of them. Latencies have the machine to
    /// themselves, as far as this sweep goes.
    ///
    /// # Errors
    /// A folder that can't be written.
    pub fn claim(
        &self,
        stage: Stage,
        jobs: &[Job],
        turn: Turn,
    ) -> Result<Result<Vec<Lease>, Busy>> {
        let mut names: Vec<String> = jobs.iter().map(|job| job.key.clone()).collect();
        if matches!(stage, Stage::Latency | Stage::Detect) {
            names.push(format!("latency-on-{}", Holder::own().place).replace(['/', '\\'], "-"));
        }
        // In one order, so that no two runs hold what the other waits for.
        names.sort();
        let mut leases = Vec::with_capacity(names.len());
        for name in names {
            let claim = match turn {
                Turn::Untouched => self.leases.claim_untouched(&name),
                Turn::Any => self.leases.claim(&name),
            };
            match claim.context("cannot claim work in the folder of the sweep")? {
                Claim::Ours(lease) => leases.push(lease),
                Claim::Theirs(holder, life) => {
                    return Ok(Err(Busy {
                        holder,
                        is_sure: life == Life::Certain,
                        brings_more: false,
                    }));
                }
            }
        }
        Ok(Ok(leases))
    }
}

/// Which work a run asks for. What its holder died of may kill this run too, as a network that is
/// too large does: it comes last, so that it takes no other work with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// What nobody has begun.
    Untouched,
    /// Also what its holder left when it died.
    Any,
}

/// Work that another run holds.
pub struct Busy {
    /// Who holds it.
    pub holder: Holder,
    /// Whether the holder is known to live.
    pub is_sure: bool,
    /// Whether more work may come of it, which this run could share.
    pub brings_more: bool,
}

/// Does pieces of work in turn, those first that nobody else holds. `act` returns who holds a piece
/// that it could not have. A run that does not wait leaves those to others, once it knows that these
/// live, and unless more may come of them.
///
/// # Errors
/// Those of `act`, and a signal that ends the program.
pub fn in_turn<T>(
    stage: Stage,
    waits: bool,
    pieces: Vec<T>,
    mut act: impl FnMut(&T, Turn) -> Result<Option<Busy>>,
) -> Result<()> {
    let mut left = pieces;
    let (mut told, mut turn) = (None, Turn::Untouched);
    while !left.is_empty() {
        let (mut holder, mut leaves) = (None, !waits);
        let before = left.len();
        let mut waiting = Vec::new();
        for piece in left {
            interrupt::check()?;
            match act(&piece, turn)? {
                None => {}
                Some(busy) => {
                    holder = Some(busy.holder);
                    leaves &= busy.is_sure && !busy.brings_more;
                    waiting.push(piece);
                }
            }
        }
        left = waiting;
        let is_stuck = left.len() == before;
        let next = if is_stuck { Turn::Any } else { Turn::Untouched };
        if std::mem::replace(&mut turn, next) == Turn::Untouched {
            continue;
        }
        if let Some(holder) = holder.filter(|_| is_stuck) {
            if leaves {
                let left = left.len();
                tracing::info!("{}: {left} left to other runs, as {holder}", stage.name());
                return Ok(());
            }
            if told.as_ref() != Some(&holder) {
                tracing::info!("{}: waits for {holder}, which measures it", stage.name());
                told = Some(holder);
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}
