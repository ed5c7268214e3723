//! Leases: which process of several that share a folder does which work.
//!
//! A lease is a small file, `NAME.GENERATION`, that names its holder and counts its heartbeats. It
//! is made by a hard link, which fails if the name is taken on every file system that knows hard
//! links, NFS included; so one of several takers wins. A holder that is gone is replaced by the next
//! generation, which one taker wins in the same way.
//!
//! A process of the same machine is gone if the system no longer knows it: after `kill -9` nothing
//! waits. A process of another machine is gone if its count has stood still for [`Timing::patience`]
//! *of the watcher's own monotonic clock*: nobody's date matters. A watcher that could not look for
//! long, as when the file server was away, waits half of that time more.

mod entry;
mod heart;
mod holding;
mod life;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::process::Holder;
use entry::{Entry, highest, list, path, read};
use heart::{Heart, lock};
use life::Watch;

pub use self::{
    heart::{Lease, release_all},
    holding::Holding,
    life::Life,
};

/// How often holders count, and how long others wait for it.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Time between two heartbeats.
    pub beat: Duration,
    /// Time without a heartbeat after which a holder on another machine counts as gone. NFS shows a
    /// change up to a minute late.
    pub patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(10),
            patience: Duration::from_secs(150),
        }
    }
}

/// The leases of a folder.
pub struct Leases {
    folder: PathBuf,
    timing: Timing,
    watch: Watch,
    /// What the folder held when it was last listed, and when that was.
    listed: Mutex<Option<(Instant, HashMap<String, u64>)>>,
    heart: Heart,
}

/// What a claim comes to.
pub enum Claim {
    /// The work is ours as long as the lease lives.
    Ours(Lease),
    /// Somebody else does it, who is known to live or not known to be gone.
    Theirs(Holder, Life),
}

/// How long a list of the folder says who may hold what.
const FRESH: Duration = Duration::from_secs(1);

impl Leases {
    /// The leases in a folder, which is made when the first is claimed.
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        Self::with_timing(folder, Timing::default())
    }

    /// As [`Self::open`], with other times than the usual ones. All who share the folder must agree
    /// on them.
    pub fn with_timing(folder: impl Into<PathBuf>, timing: Timing) -> Self {
        Self {
            folder: folder.into(),
            timing,
            watch: Watch::default(),
            listed: Mutex::default(),
            heart: Heart::default(),
        }
    }

    /// Asks for a piece of work by its name, which may be part of a file's name. Whoever gets it
    /// must look again whether it is still to be done: another may have finished it just now.
    ///
    /// # Errors
    /// A folder that can't be read or written.
    pub fn claim(&self, name: &str) -> io::Result<Claim> {
        self.claim_from(name, true)
    }

    /// As [`Self::claim`], but leaves work alone whose holder is gone: it may have killed it.
    ///
    /// # Errors
    /// A folder that can't be read or written.
    pub fn claim_untouched(&self, name: &str) -> io::Result<Claim> {
        self.claim_from(name, false)
    }

    fn claim_from(&self, name: &str, takes_over: bool) -> io::Result<Claim> {
        if let Some((holder, life)) = self.known_holder(name)? {
            return Ok(Claim::Theirs(holder, life));
        }
        fs::create_dir_all(&self.folder)?;
        loop {
            let listed = list(&self.folder)?;
            let generation = listed.get(name).copied();
            *lock(&self.listed) = Some((Instant::now(), listed));
            let gone = match generation {
                None => None,
                Some(generation) => {
                    let file = path(&self.folder, name, generation);
                    let Some(text) = read(&file)? else {
                        continue; // Given back just now.
                    };
                    let life = self.life(&file, &text);
                    if !takes_over || life != Life::Gone {
                        return Ok(Claim::Theirs(Holder::parse(&text), life));
                    }
                    Some((file, text))
                }
            };
            let next = generation.map_or(1, |generation| generation + 1);
            let entry = Entry::new(&self.folder, name, next);
            if !entry.create()? {
                continue; // Another was faster.
            }
            // Whoever was slow here may have judged a holder that others have replaced, and whose
            // work is done by now.
            if let Some((file, text)) = gone {
                if read(&file)?.as_ref() != Some(&text) {
                    entry.remove();
                    continue;
                }
                let _ = fs::remove_file(&file);
            }
            // Between the list and the file, another may have had it, died, and been replaced by a
            // third.
            if highest(&self.folder, name)?.is_some_and(|highest| highest > next) {
                entry.remove();
                continue;
            }
            return Ok(Claim::Ours(self.heart.hold(entry, self.timing.beat)));
        }
    }

    /// Who holds a piece of work that was held a moment ago. A run that looks for work asks for one
    /// after another; to list the folder for each would take as many looks as there are runs, squared.
    fn known_holder(&self, name: &str) -> io::Result<Option<(Holder, Life)>> {
        let generation = match &*lock(&self.listed) {
            Some((since, listed)) if since.elapsed() < FRESH => listed.get(name).copied(),
            _ => None,
        };
        let Some(file) = generation.map(|generation| path(&self.folder, name, generation)) else {
            return Ok(None);
        };
        let Some(text) = read(&file)? else {
            return Ok(None);
        };
        let life = self.life(&file, &text);
        Ok((life != Life::Gone).then(|| (Holder::parse(&text), life)))
    }

    /// Gives back work that has come to an end, by `is_over`, and that processes held which are gone:
    /// one that was killed between its work and this leaves a lease that nobody asks for any more. That
    /// of other work says how its holder ended.
    ///
    /// # Errors
    /// A folder that can't be read or written.
    pub fn clear_away(&self, is_over: impl Fn(&str) -> bool) -> io::Result<()> {
        for (name, generation) in list(&self.folder)? {
            if !is_over(&name) {
                continue;
            }
            let file = path(&self.folder, &name, generation);
            if read(&file)?.is_some_and(|text| self.is_gone(&file, &text)) {
                drop(self.claim(&name)?);
            }
        }
        Ok(())
    }

    fn life(&self, file: &Path, text: &str) -> Life {
        self.watch.life(file, text, self.timing.patience)
    }

    fn is_gone(&self, file: &Path, text: &str) -> bool {
        self.life(file, text) == Life::Gone
    }
}
