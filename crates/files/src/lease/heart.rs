//! What this process holds, and the thread that counts its heartbeats.

use std::{
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use super::entry::Entry;
use crate::write::remove_unfinished;

/// Counts for all leases of a folder that this process holds; ends with its drop.
#[derive(Default)]
pub(super) struct Heart {
    thread: Mutex<Option<JoinHandle<()>>>,
    held: Arc<Held>,
}

impl Heart {
    /// A lease whose file is made, counted from here on.
    pub(super) fn hold(&self, entry: Entry, beat: Duration) -> Lease {
        let entry = Arc::new(entry);
        lock(&ALL).push(Arc::clone(&entry));
        lock(&self.held.entries).push(Arc::clone(&entry));
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            if let Some(folder) = entry.file.parent() {
                remove_unfinished(folder);
            }
            let held = Arc::clone(&self.held);
            *thread = Some(std::thread::spawn(move || held.beat(beat)));
        }
        Lease {
            entry,
            held: Arc::clone(&self.held),
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        if let Some(thread) = lock(&self.thread).take() {
            *lock(&self.held.end) = true;
            self.held.ended.notify_all();
            let _ = thread.join();
        }
    }
}

/// Work that this process holds; dropping it gives the work back.
pub struct Lease {
    entry: Arc<Entry>,
    held: Arc<Held>,
}

#[derive(Default)]
struct Held {
    entries: Mutex<Vec<Arc<Entry>>>,
    end: Mutex<bool>,
    ended: Condvar,
}

/// Everything that any lease of this process holds: a signal may end it at any moment.
static ALL: Mutex<Vec<Arc<Entry>>> = Mutex::new(Vec::new());

/// Gives back what this process holds, as it is about to end.
pub fn release_all() {
    for entry in lock(&ALL).drain(..) {
        entry.remove();
    }
}

impl Held {
    fn beat(&self, every: Duration) {
        let mut end = lock(&self.end);
        while !*end {
            (end, _) = self
                .ended
                .wait_timeout(end, every)
                .unwrap_or_else(PoisonError::into_inner);
            let entries = lock(&self.entries).clone();
            entries.iter().for_each(|entry| entry.beat());
        }
    }
}

impl Lease {
    /// What it is of.
    pub fn name(&self) -> &str {
        self.entry.name()
    }

    /// Whether another process has taken the work over, since it saw no heartbeat for long: ours
    /// was stopped, or cut off from the folder. What was made of the work must not be kept. Looks at
    /// the folder.
    pub fn is_lost(&self) -> bool {
        self.entry.is_lost()
    }

    /// Asked once, as the work begins: how many holders in a row have ended in the middle of it, the last
    /// before this one included, and none of them has brought it beyond `progress`. They may have been
    /// killed by it: see [`Self::forget_deaths`].
    ///
    /// # Errors
    /// A folder that can't be read or written.
    pub fn deaths(&self, progress: &str) -> io::Result<u32> {
        self.entry.deaths(progress)
    }

    /// The work has come to an end, whichever: the next who begins it does so afresh.
    pub fn forget_deaths(&self) {
        self.entry.forget_deaths();
    }

    /// As [`Self::is_lost`], for who asks often: a look at the folder may be a second old.
    pub fn seems_lost(&self) -> bool {
        self.entry.seems_lost()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        for entries in [&self.held.entries, &ALL] {
            lock(entries).retain(|entry| !Arc::ptr_eq(entry, &self.entry));
        }
        self.entry.remove();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.entry.file.display())
    }
}

/// What a panicking thread has left is whole: no lock is held while anything can fail half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
