//! Which records have come since a run began, while several runs write them: none is opened for it.

use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;

use crate::{Status, Store, parallel};

/// What a run found when it began, so that it can tell what others have ended since.
#[derive(Debug, Default)]
pub struct Endings {
    /// Records that were there.
    before: HashMap<String, (Stamp, Status)>,
    seen: Mutex<Seen>,
}

/// Tells a record's file from one that has replaced it. Inodes are left out: not every network file
/// system keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// Records that are there for sure.
#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<String>,
    /// When the folder may be listed again.
    next: Option<Instant>,
}

/// Listing the folder takes no more than this share of the time.
const SHARE: u32 = 20;

/// The shortest time between two lists.
const REST: Duration = Duration::from_secs(2);

impl Endings {
    /// Remembers what the records with these keys are now. They are read whole: one that is damaged
    /// is moved aside, and is none.
    ///
    /// # Errors
    /// The path of one that the system does not give.
    pub fn remember(&mut self, store: &Store, keys: &[&str]) -> Result<()> {
        // What was known of them may be of an earlier stage.
        self.seen = Mutex::default();
        for key in keys {
            self.before.remove(*key);
        }
        let there = store.keys();
        let keys: Vec<&str> = keys
            .iter()
            .copied()
            .filter(|key| there.contains(*key))
            .collect();
        let found: Vec<Result<_>> = parallel::map(&keys, |key| {
            // The older stamp, if another run replaces it in between: that one is news.
            let stamp = stamp(store, key);
            let record = store.try_load(key)?;
            Ok(stamp.zip(record.map(|record| record.outcome.status())))
        });
        for (key, found) in keys.into_iter().zip(found) {
            if let Some(found) = found? {
                self.before.insert(key.to_owned(), found);
            }
        }
        Ok(())
    }

    /// How a record had ended when it was remembered; None if there was none.
    pub fn before(&self, key: &str) -> Option<Status> {
        self.before.get(key).map(|(_, status)| *status)
    }

    /// Whether another run has written a record since. Of ten thousand, most are known from a list
    /// of the folder; what is not on it is looked for by its name.
    pub fn since(&self, store: &Store, key: &str) -> bool {
        if let Some((before, _)) = self.before.get(key) {
            return stamp(store, key).is_some_and(|stamp| stamp != *before);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.keys.contains(key) {
            return true;
        }
        let is_there = stamp(store, key).is_some();
        let now = Instant::now();
        // Where one has come, others have.
        if is_there && seen.next.is_none_or(|next| now >= next) {
            seen.keys = store.keys();
            seen.next = Some(Instant::now() + (now.elapsed() * SHARE).max(REST));
        }
        is_there
    }
}

impl Store {
    /// How the records with these keys ended; None for one that is not there, or is damaged, and
    /// moved aside.
    pub fn statuses(&self, keys: &[String]) -> Vec<Option<Status>> {
        parallel::map(keys, |key| {
            self.status(key)
                .or_else(|| Some(self.load(key)?.outcome.status()))
        })
    }
}

fn stamp(store: &Store, key: &str) -> Option<Stamp> {
    let file = fs::metadata(store.record_path(key)).ok()?;
    Some(Stamp {
        modified: file.modified().ok(),
        length: file.len(),
    })
}
