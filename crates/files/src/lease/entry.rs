//! The file of a lease: made once by one, counted in place, removed by whom it names.

use std::{
    collections::HashMap,
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, UNIX_EPOCH},
};

use super::heart::lock;
use crate::process::{Holder, value};

/// Who asks after each batch whether a lease is lost is told of a look so long ago.
const SEEN: Duration = Duration::from_secs(1);

/// How often this process has asked for anything.
static CLAIMS: AtomicU64 = AtomicU64::new(0);

/// Linux says so where a file system has no hard links.
const EPERM: i32 = 1;

/// A lease of this process.
pub(super) struct Entry {
    folder: PathBuf,
    name: String,
    generation: u64,
    pub(super) file: PathBuf,
    /// Tells it from others of this process.
    claim: u64,
    /// Seconds after 1970.
    since: u64,
    beats: AtomicU64,
    lost: AtomicBool,
    /// Whether the file was given back. Held while it is written: its name may be another's then.
    given_back: Mutex<bool>,
    /// When the folder was last looked at.
    looked: Mutex<Instant>,
}

impl Entry {
    /// The next generation of a piece of work; nothing is written yet.
    pub(super) fn new(folder: &Path, name: &str, generation: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            generation,
            file: path(folder, name, generation),
            claim: CLAIMS.fetch_add(1, Ordering::Relaxed),
            since: UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs()),
            beats: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            given_back: Mutex::new(false),
            looked: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the file whole under its name; false if the name is taken.
    pub(super) fn create(&self) -> io::Result<bool> {
        let (prefix, mut builder) = (Holder::own().prefix(), tempfile::Builder::new());
        // For others than its owner to see who holds what, as with all files of a shared folder.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut new = builder.prefix(&prefix).tempfile_in(&self.folder)?;
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
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
        let given_back = lock(&self.given_back);
        if !*given_back && !self.is_lost() {
            // In place: the text keeps its length, and other machines see a new content sooner than
            // a new file. A heartbeat that can't be written may be written the next time.
            let file = fs::OpenOptions::new().write(true).open(&self.file);
            let _ = file.and_then(|mut file| file.write_all(self.text().as_bytes()));
        }
    }

    /// Looks at the folder; one that can't be read says nothing.
    pub(super) fn is_lost(&self) -> bool {
        let is_ours = || -> io::Result<bool> {
            let is_highest = highest(&self.folder, &self.name)? == Some(self.generation);
            Ok(is_highest && self.is_own()?)
        };
        if matches!(is_ours(), Ok(false)) {
            self.lost.store(true, Ordering::Relaxed);
        }
        *lock(&self.looked) = Instant::now();
        self.lost.load(Ordering::Relaxed)
    }

    /// As [`Self::is_lost`], but with a look that may be a second old.
    pub(super) fn seems_lost(&self) -> bool {
        let looked = *lock(&self.looked);
        match looked.elapsed() < SEEN {
            true => self.lost.load(Ordering::Relaxed),
            false => self.is_lost(),
        }
    }

    /// Whether the file is this claim's: once it was given back, the next holder's has the same name.
    fn is_own(&self) -> io::Result<bool> {
        let Some(text) = read(&self.file)? else {
            return Ok(false);
        };
        let is_same = value(&text, "claim: ") == self.claim.to_string();
        Ok(is_same && Holder::parse(&text) == *Holder::own())
    }

    /// How many holders in a row have ended in the middle of the work, this one's predecessor the last
    /// of them, and none of them has brought it beyond `progress`; 0 if the work was given back since.
    pub(super) fn deaths(&self, progress: &str) -> io::Result<u32> {
        if self.generation == 1 {
            // Those before it were not the last in a row.
            self.forget_deaths();
            return Ok(0);
        }
        let file = self.deaths_file();
        let text = read(&file)?.unwrap_or_default();
        let known = match text.split_once('\n') {
            Some((count, at)) if at == progress => count.parse().unwrap_or(0),
            _ => 0,
        };
        fs::write(&file, format!("{}\n{progress}", known + 1))?;
        Ok(known + 1)
    }

    pub(super) fn forget_deaths(&self) {
        let _ = fs::remove_file(self.deaths_file());
    }

    fn deaths_file(&self) -> PathBuf {
        self.folder.join(format!("{}.deaths", self.name))
    }

    pub(super) fn remove(&self) {
        let mut given_back = lock(&self.given_back);
        *given_back = true;
        if matches!(self.is_own(), Ok(true)) {
            let _ = fs::remove_file(&self.file);
        }
    }
}

pub(super) fn path(folder: &Path, name: &str, generation: u64) -> PathBuf {
    folder.join(format!("{name}.{generation}"))
}

/// The text of a file; None if it is gone.
pub(super) fn read(file: &Path) -> io::Result<Option<String>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::StaleNetworkFileHandle => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names and generations of a folder, of each name the highest.
pub(super) fn list(folder: &Path) -> io::Result<HashMap<String, u64>> {
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

pub(super) fn highest(folder: &Path, name: &str) -> io::Result<Option<u64>> {
    Ok(list(folder)?.get(name).copied())
}
