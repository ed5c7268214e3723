//! Several runs of one sweep, in one folder: each takes the cells that no other has, and waits for
//! what is left.

use std::{thread, time::Duration};

use ablate_files::{Claim, Holder, Lease, Leases};
use ablate_records::{
    Stage, Status,
    sharing::{Busy, Endings, Turn},
    store::{Store, is_key},
};
use anyhow::{Context, Result};

use super::stages::Job;
use crate::interrupt;

/// Between two looks at work that takes a moment.
const SHORT_PAUSE: Duration = Duration::from_millis(20);

/// What this run holds, and what it found when it began.
pub struct Claims {
    store: Store,
    leases: Leases,
    endings: Endings,
}

impl Claims {
    /// Of a sweep's folder, in which leases have one of their own.
    pub fn open(store: &Store) -> Self {
        Self {
            store: store.clone(),
            leases: Leases::open(store.folder().join("leases")),
            endings: Endings::default(),
        }
    }

    /// Removes what runs left when they were killed: leases, and files that they were writing. The
    /// lease of a cell without a record stays: it counts who has ended in the middle of it.
    pub fn clear_away(&self) {
        for folder in [".", "records", "plots", "leases"] {
            ablate_files::remove_unfinished(&self.store.folder().join(folder));
        }
        let is_over = |name: &str| !is_key(name) || self.store.status(name).is_some();
        if let Err(error) = self.leases.clear_away(is_over) {
            tracing::warn!("cannot clear the folder of leases: {error}");
        }
    }

    /// Remembers what the records of these jobs are now. What is new afterwards is of another run,
    /// which has just measured it.
    ///
    /// # Errors
    /// A record that is there but can't be read.
    pub fn remember(&mut self, jobs: &[Job]) -> Result<()> {
        let keys: Vec<&str> = jobs.iter().map(|job| job.key.as_str()).collect();
        self.endings.remember(&self.store, &keys)
    }

    /// How the job had ended when this run came to its stage; None if it had not.
    pub fn earlier(&self, job: &Job) -> Option<Status> {
        self.endings.before(&job.key)
    }

    /// Whether another run has ended the job since.
    pub fn is_settled(&self, job: &Job) -> bool {
        self.endings.since(&self.store, &job.key)
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
    /// themselves, as far as this sweep goes. Another run may have ended the jobs just now.
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
        // In one order, so that no two runs hold what the other waits for.
        names.sort();
        let machine = matches!(stage, Stage::Latency | Stage::Detect).then(|| {
            let name = format!("latency-on-{}", Holder::own().place);
            name.replace(['/', '\\'], "-")
        });
        // The machine first: work whose holder has died is not taken over only to be given back. It is not
        // what the holder died of.
        let machine = machine.into_iter().map(|name| (name, Turn::Any));
        let mut leases = Vec::with_capacity(names.len() + 1);
        for (name, turn) in machine.chain(names.into_iter().map(|name| (name, turn))) {
            let claim = match turn {
                Turn::Untouched => self.leases.claim_untouched(&name),
                Turn::Any => self.leases.claim(&name),
            };
            match claim.context("cannot claim work in the folder of the sweep")? {
                Claim::Ours(lease) => leases.push(lease),
                Claim::Theirs(holder, life) => {
                    return Ok(Err(Busy {
                        holder,
                        life,
                        brings_more: false,
                    }));
                }
            }
        }
        self.store.look_anew();
        Ok(Ok(leases))
    }
}
