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
    /// Whether it has changed since the first look.
    moved: bool,
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
        let seen = watched.get(file);
        match seen {
            Some(seen) if seen.text == text => match seen.moved {
                _ if seen.since.elapsed() >= patience => Life::Gone,
                true => Life::Certain,
                false => Life::Unknown,
            },
            _ => {
                let moved = seen.is_some();
                let (text, since) = (text.to_owned(), Instant::now());
                watched.insert(file.to_owned(), Watched { text, since, moved });
                if moved { Life::Certain } else { Life::Unknown }
            }
        }
    }
}
