//! How records end while several runs write them, without reading one that has not changed.

use std::{collections::HashMap, fs, time::SystemTime};

use crate::{Status, Store, parallel};

/// What a run found when it began, so that it can tell what others have ended since.
#[derive(Debug, Default)]
pub struct Endings {
    before: HashMap<String, Option<(Stamp, Status)>>,
}

/// Tells a record's file from one that has replaced it. Inodes are left out: not every network file
/// system keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Endings {
    /// Remembers what the records with these keys are now. They are read whole: one that is damaged
    /// is moved aside, and is none.
    pub fn remember(&mut self, store: &Store, keys: &[&str]) {
        let found = parallel::map(keys, |key| {
            // The older stamp, if another run replaces it in between: what is new is read again.
            let stamp = stamp(store, key)?;
            Some((stamp, store.load(key)?.outcome.status()))
        });
        let keys = keys.iter().map(|key| (*key).to_owned());
        self.before.extend(keys.zip(found));
    }

    /// How a record had ended when it was remembered; None if there was none.
    pub fn before(&self, key: &str) -> Option<Status> {
        self.before.get(key)?.map(|(_, status)| status)
    }

    /// How another run has ended a record since; None if it has not. A look at the file's date is
    /// enough for what is still to be done, so ten thousand cells can be looked at in turn.
    pub fn since(&self, store: &Store, key: &str) -> Option<Status> {
        let stamp = stamp(store, key)?;
        match self.before.get(key) {
            Some(Some((before, _))) if *before == stamp => None,
            // Moved aside if it cannot be read.
            _ => store
                .status(key)
                .or_else(|| Some(store.load(key)?.outcome.status())),
        }
    }
}

fn stamp(store: &Store, key: &str) -> Option<Stamp> {
    let file = fs::metadata(store.record_path(key)).ok()?;
    Some(Stamp {
        modified: file.modified().ok(),
        length: file.len(),
    })
}
