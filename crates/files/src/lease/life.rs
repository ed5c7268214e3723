//! Whether holders live.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use super::heart::lock;
use crate::process::Holder;

/// What is known of a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs: its process is there, or its heartbeat has moved since the first look.
    Certain,
    /// On another machine, or one that does not tell, before its heartbeat has moved.
    Unknown,
    /// It is no more.
    Gone,
}

/// A file whose holder only its heartbeat tells of.
struct Watched {
    /// What was last read in it, and when that was new.
    text: String,
    since: Instant,
    /// When it was last read.
    looked: Instant,
    /// When it was first seen to have stood still for long, if nobody had looked for long.
    doubted: Option<Instant>,
    /// Whether it has changed since the first look.
    moved: bool,
}

impl Watched {
    /// Whether it has stood still for as long as a holder may be silent. Where this process has not
    /// looked for long, the file server or this machine may have stood still, and the holder with it:
    /// it gets half of that time once more.
    fn has_stood_still(&mut self, patience: Duration) -> bool {
        let gap = self.looked.elapsed() > patience / 2;
        self.looked = Instant::now();
        if self.since.elapsed() < patience {
            return false;
        }
        if gap && self.doubted.is_none() {
            self.doubted = Some(Instant::now());
        }
        self.doubted
            .is_none_or(|since| since.elapsed() >= patience / 2)
    }
}

/// What this process has seen of the files whose holders only their heartbeats tell of.
#[derive(Default)]
pub(super) struct Watch(Mutex<HashMap<PathBuf, Watched>>);

impl Watch {
    /// Of the holder that a lease's file names, whose text is given.
    pub(super) fn life(&self, file: &Path, text: &str, patience: Duration) -> Life {
        match Holder::parse(text).is_alive() {
            Some(true) => return Life::Certain,
            Some(false) => return Life::Gone,
            None => {}
        }
        let mut watched = lock(&self.0);
        let moved = match watched.get_mut(file) {
            Some(seen) if seen.text == text => {
                if seen.has_stood_still(patience) {
                    return Life::Gone;
                }
                seen.moved
            }
            seen => {
                let (moved, now) = (seen.is_some(), Instant::now());
                let seen = Watched {
                    text: text.to_owned(),
                    since: now,
                    looked: now,
                    doubted: None,
                    moved,
                };
                watched.insert(file.to_owned(), seen);
                moved
            }
        };
        if moved { Life::Certain } else { Life::Unknown }
    }
}
