//! Whether holders live.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use super::heart::lock;
use crate::process::{Holder, Place};

/// What is known of a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs: its process is there, or its heartbeat has moved since the first look.
    Certain,
    /// On another machine, before its heartbeat has moved.
    Unknown,
    /// It is no more.
    Gone,
}

/// A file that another machine holds.
struct Watched {
    /// What was last read in it, and when that was new.
    text: String,
    since: Instant,
    /// Whether it has changed since the first look.
    moved: bool,
}

/// What this process has seen of the files that other machines hold.
#[derive(Default)]
pub(super) struct Watch(Mutex<HashMap<PathBuf, Watched>>);

impl Watch {
    /// Of the holder that a lease's file names, whose text is given.
    pub(super) fn life(&self, file: &Path, text: &str, patience: Duration) -> Life {
        let here = Place::here();
        let holder = Holder::parse(text);
        if holder.place == *here {
            return match holder.is_alive_here() {
                true => Life::Certain,
                false => Life::Gone,
            };
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
