//! Leases: which process of several that share a folder does which work.
//!
//! A lease is a small file, `NAME.GENERATION`, that names its holder and counts its heartbeats. It
//! is made by a hard link, which fails if the name is taken on every file system that knows hard
//! links, NFS included; so one of several takers wins. A holder that is gone is replaced by the next
//! generation, which one taker wins in the same way.
//!
//! A process of the same machine is gone if the system no longer knows it: after `kill -9` nothing
//! waits. A process of another machine is gone if its count has stood still for [`Timing::patience`]
//! *of the watcher's own monotonic clock*: nobody's date matters.

use std::{
    collections::HashMap,
    fmt, fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    process::{Holder, Place, value},
    write::remove_unfinished,
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
    /// Of files that another machine holds.
    watched: Mutex<HashMap<PathBuf, Watched>>,
    /// What the folder held when it was last listed, and when that was.
    listed: Mutex<Option<(Instant, HashMap<String, u64>)>>,
    /// The thread that counts.
    heart: Mutex<Option<JoinHandle<()>>>,
    held: Arc<Held>,
}

/// A file that another machine holds.
struct Watched {
    /// What was last read in it, and when that was new.
    text: String,
    since: Instant,
    /// Whether it has changed since the first look.
    moved: bool,
}

/// What a claim comes to.
pub enum Claim {
    /// The work is ours as long as the lease lives.
    Ours(Lease),
    /// Somebody else does it, who is known to live or not known to be gone.
    Theirs(Holder, Life),
}

/// A claim as others see it.
#[derive(Clone, Debug)]
pub struct Holding {
    /// Of the work.
    pub name: String,
    /// Who does it.
    pub holder: Holder,
    /// Since when, by the holder's clock; None in files of earlier versions.
    pub since: Option<SystemTime>,
    /// The last heartbeat, by the clock of the file system.
    pub beat: Option<SystemTime>,
}

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

/// Work that this process holds; dropping it gives the work back.
pub struct Lease {
    entry: Arc<Entry>,
    held: Arc<Held>,
}

struct Entry {
    folder: PathBuf,
    name: String,
    generation: u64,
    file: PathBuf,
    /// Tells it from others of this process.
    claim: u64,
    /// Seconds after 1970.
    since: u64,
    beats: AtomicU64,
    lost: AtomicBool,
}

#[derive(Default)]
struct Held {
    entries: Mutex<Vec<Arc<Entry>>>,
    end: Mutex<bool>,
    ended: Condvar,
}

/// Everything that any lease of this process holds: a signal may end it at any moment.
static ALL: Mutex<Vec<Arc<Entry>>> = Mutex::new(Vec::new());

/// How often this process has asked for anything.
static CLAIMS: AtomicU64 = AtomicU64::new(0);

/// Gives back what this process holds, as it is about to end.
pub fn release_all() {
    for entry in lock(&ALL).drain(..) {
        entry.remove();
    }
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
            watched: Mutex::default(),
            listed: Mutex::default(),
            heart: Mutex::default(),
            held: Arc::default(),
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
            let entry = Entry {
                folder: self.folder.clone(),
                name: name.to_owned(),
                generation: next,
                file: path(&self.folder, name, next),
                claim: CLAIMS.fetch_add(1, Ordering::Relaxed),
                since: UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs()),
                beats: AtomicU64::new(0),
                lost: AtomicBool::new(false),
            };
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
            return Ok(Claim::Ours(self.hold(entry)));
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

    /// Gives back what processes held that are gone: one that was killed between its work and this
    /// leaves a lease that nobody asks for any more.
    ///
    /// # Errors
    /// A folder that can't be read or written.
    pub fn clear_away(&self) -> io::Result<()> {
        for (name, generation) in list(&self.folder)? {
            let file = path(&self.folder, &name, generation);
            if read(&file)?.is_some_and(|text| self.is_gone(&file, &text)) {
                drop(self.claim(&name)?);
            }
        }
        Ok(())
    }

    /// The claims that live now, by name. One of another machine lives for all that a single look
    /// can tell: its last heartbeat says more.
    ///
    /// # Errors
    /// A folder that can't be read.
    pub fn holders(&self) -> io::Result<Vec<Holding>> {
        let mut holders = Vec::new();
        for (name, generation) in list(&self.folder)? {
            let file = path(&self.folder, &name, generation);
            if let Some(text) = read(&file)?
                && !self.is_gone(&file, &text)
            {
                let seconds: Option<u64> = value(&text, "since: ").parse().ok();
                holders.push(Holding {
                    name,
                    holder: Holder::parse(&text),
                    since: seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
                    beat: fs::metadata(&file).and_then(|file| file.modified()).ok(),
                });
            }
        }
        holders.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(holders)
    }

    fn is_gone(&self, file: &Path, text: &str) -> bool {
        self.life(file, text) == Life::Gone
    }

    fn life(&self, file: &Path, text: &str) -> Life {
        let here = Place::here();
        let holder = Holder::parse(text);
        if holder.place == *here {
            return match holder.is_alive_here() {
                true => Life::Certain,
                false => Life::Gone,
            };
        }
        let mut watched = lock(&self.watched);
        let seen = watched.get(file);
        match seen {
            Some(seen) if seen.text == text => match seen.moved {
                _ if seen.since.elapsed() >= self.timing.patience => Life::Gone,
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

    fn hold(&self, entry: Entry) -> Lease {
        let entry = Arc::new(entry);
        lock(&ALL).push(Arc::clone(&entry));
        lock(&self.held.entries).push(Arc::clone(&entry));
        let mut heart = lock(&self.heart);
        if heart.is_none() {
            remove_unfinished(&self.folder);
            let (held, beat) = (Arc::clone(&self.held), self.timing.beat);
            *heart = Some(std::thread::spawn(move || held.beat(beat)));
        }
        Lease {
            entry,
            held: Arc::clone(&self.held),
        }
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        if let Some(heart) = lock(&self.heart).take() {
            *lock(&self.held.end) = true;
            self.held.ended.notify_all();
            let _ = heart.join();
        }
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
    /// Whether another process has taken the work over, since it saw no heartbeat for long: ours
    /// was stopped, or cut off from the folder. What was made of the work must not be kept. Looks at
    /// the folder.
    pub fn is_lost(&self) -> bool {
        self.entry.is_lost()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        for entries in [&self.held.entries, &ALL] {
            lock(entries).retain(|entry| !Arc::ptr_eq(entry, &self.entry));
        }
        if !self.is_lost() {
            self.entry.remove();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.entry.file.display())
    }
}

impl Entry {
    /// Makes the file whole under its name; false if the name is taken.
    fn create(&self) -> io::Result<bool> {
        let mut new = tempfile::Builder::new()
            .prefix(&Holder::own().prefix())
            .tempfile_in(&self.folder)?;
        new.write_all(self.text().as_bytes())?;
        new.as_file().sync_all()?;
        match fs::hard_link(new.path(), &self.file) {
            Ok(()) => Ok(true),
            // NFS may repeat a request that was done, and call its own file another's.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Ok(read(&self.file)?.is_some_and(|text| text == self.text()))
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => self.create_without_link(),
            Err(error) if error.raw_os_error() == Some(EPERM) => self.create_without_link(),
            Err(error) => Err(error),
        }
    }

    /// On file systems without hard links.
    fn create_without_link(&self) -> io::Result<bool> {
        match fs::File::create_new(&self.file) {
            Ok(mut file) => file.write_all(self.text().as_bytes()).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn text(&self) -> String {
        Holder::own().text(self.claim, self.since, self.beats.load(Ordering::Relaxed))
    }

    /// Counts, unless another generation has come.
    fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
        if !self.is_lost() {
            // In place: the text keeps its length, and other machines see a new content sooner than
            // a new file. A heartbeat that can't be written may be written the next time.
            let file = fs::OpenOptions::new().write(true).open(&self.file);
            let _ = file.and_then(|mut file| file.write_all(self.text().as_bytes()));
        }
    }

    /// A folder that can't be read says nothing.
    fn is_lost(&self) -> bool {
        if let Ok(generation) = highest(&self.folder, &self.name)
            && generation != Some(self.generation)
        {
            self.lost.store(true, Ordering::Relaxed);
        }
        self.lost.load(Ordering::Relaxed)
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// Linux says so where a file system has no hard links.
const EPERM: i32 = 1;

fn path(folder: &Path, name: &str, generation: u64) -> PathBuf {
    folder.join(format!("{name}.{generation}"))
}

/// The text of a file; None if it is gone.
fn read(file: &Path) -> io::Result<Option<String>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::StaleNetworkFileHandle => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names and generations of a folder, of each name the highest.
fn list(folder: &Path) -> io::Result<HashMap<String, u64>> {
    let mut highest: HashMap<String, u64> = HashMap::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(highest),
        entries => entries?,
    };
    for entry in entries {
        let file = entry?.file_name();
        let Some((name, generation)) = file.to_str().and_then(|file| file.rsplit_once('.')) else {
            continue;
        };
        if let (false, Ok(generation)) = (name.is_empty(), generation.parse()) {
            let known = highest.entry(name.to_owned()).or_insert(generation);
            *known = generation.max(*known);
        }
    }
    Ok(highest)
}

fn highest(folder: &Path, name: &str) -> io::Result<Option<u64>> {
    Ok(list(folder)?.get(name).copied())
}

/// What a panicking thread has left is whole: no lock is held while anything can fail half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Timing = Timing {
        beat: Duration::from_millis(20),
        patience: Duration::from_millis(1500),
    };

    fn ours(claim: Claim) -> Lease {
        match claim {
            Claim::Ours(lease) => lease,
            Claim::Theirs(holder, _) => panic!("held by {holder}"),
        }
    }

    fn is_ours(leases: &Leases) -> bool {
        matches!(leases.claim("a").unwrap(), Claim::Ours(_))
    }

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn one_of_two_gets_it_and_the_other_when_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [0, 1].map(|_| Leases::open(folder.path()));
        let lease = ours(first.claim("a").unwrap());
        assert!(!is_ours(&second));
        ours(second.claim("b").unwrap());
        drop(lease);
        assert!(is_ours(&second));
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn of_many_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..20 {
            let claims: Vec<Claim> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| Leases::open(folder.path()).claim("a").unwrap()))
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            let won = claims.iter().filter(|c| matches!(c, Claim::Ours(_)));
            assert_eq!(won.count(), 1);
        }
    }

    /// A file as a process leaves it that is no more.
    fn leave(folder: &Path, holder: &Holder) {
        fs::write(folder.join("a.3"), holder.text(5, 6, 7)).unwrap();
    }

    #[test]
    fn who_was_killed_here_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Holder::gone();
        leave(folder.path(), &gone);
        fs::write(folder.path().join(gone.prefix() + "abc"), "").unwrap();
        let leases = Leases::open(folder.path());
        let lease = ours(leases.claim("a").unwrap());
        assert_eq!(files(folder.path()), ["a.4"]);
        leases.clear_away().unwrap();
        assert_eq!(files(folder.path()), ["a.4"]);
        drop(lease);

        leave(folder.path(), &gone);
        let claim = leases.claim_untouched("a").unwrap();
        assert!(matches!(claim, Claim::Theirs(holder, Life::Gone) if holder == gone));
        leases.clear_away().unwrap();
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn another_machine_s_is_taken_over_once_its_count_stands_still() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = Holder {
            place: Place::parse("node7 1 2"),
            ..Holder::own().clone()
        };
        leave(folder.path(), &elsewhere);
        let leases = Leases::with_timing(folder.path(), QUICK);
        let life = || match leases.claim("a").unwrap() {
            Claim::Theirs(_, life) => life,
            Claim::Ours(_) => panic!("it is held"),
        };
        assert_eq!(life(), Life::Unknown);
        std::thread::sleep(QUICK.patience / 2);
        assert_eq!(life(), Life::Unknown);
        fs::write(folder.path().join("a.3"), elsewhere.text(5, 6, 8)).unwrap();
        assert_eq!(life(), Life::Certain);
        std::thread::sleep(QUICK.patience / 2);
        assert!(!is_ours(&leases), "it counted since");
        std::thread::sleep(QUICK.patience);
        assert!(is_ours(&leases));
    }

    #[test]
    fn a_holder_counts_and_knows_when_it_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let leases = Leases::with_timing(folder.path(), QUICK);
        let lease = ours(leases.claim("a").unwrap());
        let text = || fs::read_to_string(folder.path().join("a.1")).unwrap();
        let first = text();
        let until = Instant::now() + Duration::from_secs(20);
        while text() == first {
            assert!(Instant::now() < until, "no heartbeat");
            std::thread::sleep(QUICK.beat);
        }
        assert!(!lease.is_lost());
        fs::write(folder.path().join("a.2"), text()).unwrap();
        while !lease.is_lost() {
            assert!(Instant::now() < until, "not noticed");
            std::thread::sleep(QUICK.beat);
        }
        drop(lease);
        assert!(files(folder.path()).contains(&"a.2".into()));
    }

    #[test]
    fn a_file_that_says_nothing_is_waited_for_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.1"), [0xFF, 0]).unwrap();
        let leases = Leases::with_timing(folder.path(), QUICK);
        assert!(!is_ours(&leases));
        std::thread::sleep(QUICK.patience);
        assert!(is_ours(&leases));
    }

    #[test]
    fn holders_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let leases = Leases::open(folder.path().join("leases"));
        assert!(leases.holders().unwrap().is_empty());
        let _lease = ours(leases.claim("a.b").unwrap());
        let holders = leases.holders().unwrap();
        assert_eq!(holders.len(), 1);
        assert_eq!(holders[0].name, "a.b");
        assert_eq!(holders[0].holder.process, std::process::id());
        let ago = |time: Option<SystemTime>| time.unwrap().elapsed().unwrap_or_default();
        assert!(ago(holders[0].since) < Duration::from_secs(60));
        assert!(ago(holders[0].beat) < Duration::from_secs(60));
    }
}
