//! Processes as leases name them: on which machine, and which of its processes.

use std::{
    fmt, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    sync::LazyLock,
};

/// Where a process runs: its host, the host's boot and the processes' namespace, so that two
/// containers of one name are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(String);

/// Who holds a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Where it runs.
    pub place: Place,
    /// Its number there.
    pub process: u32,
    /// When it started, in the system's ticks: numbers are used again.
    pub(crate) started: String,
}

static HERE: LazyLock<Place> = LazyLock::new(|| {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let host = read("/proc/sys/kernel/hostname");
    let host = match host.trim() {
        "" => std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")),
        host => Ok(host.to_owned()),
    };
    let boot = read("/proc/sys/kernel/random/boot_id");
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    Place(format!(
        "{} {} {}",
        host.unwrap_or_else(|_| "unknown".into()),
        boot.trim(),
        namespace.display()
    ))
});

static OWN: LazyLock<Holder> = LazyLock::new(|| {
    let process = std::process::id();
    Holder {
        place: HERE.clone(),
        process,
        started: stat(process)
            .ok()
            .and_then(|stat| started(&stat).map(str::to_owned))
            .unwrap_or_default(),
    }
});

impl Place {
    /// That of this process.
    pub fn here() -> &'static Self {
        &HERE
    }

    pub(crate) fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Display for Place {
    /// The host's name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split(' ').next() {
            None | Some("") => f.write_str("unknown host"),
            Some(host) => f.write_str(host),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process, self.place)
    }
}

impl Holder {
    /// This process.
    pub fn own() -> &'static Self {
        &OWN
    }

    /// What the file of its claim of a number says, made so many seconds after 1970; its length does
    /// not change with the count.
    pub(crate) fn text(&self, claim: u64, since: u64, beats: u64) -> String {
        format!(
            "place: {}\nprocess: {}\nstarted: {}\nsince: {since}\nclaim: {claim}\nbeats: {beats:020}\n",
            self.place.0, self.process, self.started
        )
    }

    /// From a lease's file; what can't be read is empty.
    pub(crate) fn parse(text: &str) -> Self {
        Self {
            place: Place::parse(value(text, "place: ")),
            process: value(text, "process: ").parse().unwrap_or_default(),
            started: value(text, "started: ").to_owned(),
        }
    }

    /// The start of the names of its files that are not under their own name yet: `.PLACE.PROCESS.`
    /// and when it started.
    pub(crate) fn prefix(&self) -> String {
        let place = self.place.number();
        format!(".{place:x}.{}.{}.", self.process, self.started)
    }

    /// The process in a name that begins with [`Self::prefix`]; its place is this one, or unknown.
    pub(crate) fn of_prefix(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix('.')?.split('.');
        let place = u64::from_str_radix(parts.next()?, 16).ok()?;
        let process = parts.next()?.parse().ok()?;
        let started = parts.next()?.to_owned();
        let place = match place == Place::here().number() {
            true => Place::here().clone(),
            false => Place::default(),
        };
        Some(Self {
            place,
            process,
            started,
        })
    }

    /// Whether the process of this machine still runs; None where the system does not tell, and for
    /// one of another machine.
    pub(crate) fn is_alive(&self) -> Option<bool> {
        if self.place != *Place::here() || !fs::exists("/proc/self/stat").ok()? {
            return None;
        }
        match stat(self.process) {
            Ok(stat) => Some(started(&stat) == Some(&self.started)),
            Err(_) => is_free(self.process).then_some(false),
        }
    }
}

/// Behind a key in a lease's file; empty if it is not there.
pub(crate) fn value<'t>(text: &'t str, key: &str) -> &'t str {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(key)).unwrap_or("")
}

/// Linux's list of a process's figures.
fn stat(process: u32) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{process}/stat"))
}

/// The start of a process, in its figures after its name, which may hold anything.
/// A process that is dead and only waits to be asked for its end counts as gone.
fn started(stat: &str) -> Option<&str> {
    const STATE: usize = 0;
    const START: usize = 19;
    let words: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    match words.get(STATE)? {
        &"Z" | &"X" => None,
        _ => words.get(START).copied(),
    }
}

/// Whether no process has this number, also none of another user, whose figures a system may hide.
#[cfg(unix)]
fn is_free(process: u32) -> bool {
    use rustix::{io::Errno, process};
    let number = i32::try_from(process).ok().and_then(process::Pid::from_raw);
    number.is_none_or(|number| process::test_kill_process(number) == Err(Errno::SRCH))
}

/// No other system has figures of a process.
#[cfg(not(unix))]
fn is_free(_: u32) -> bool {
    false
}

#[cfg(test)]
impl Holder {
    /// A process of this machine that is no more.
    pub(crate) fn gone() -> Self {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        child.wait().unwrap();
        Self {
            process,
            ..Self::own().clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_s_text_is_read_back_and_keeps_its_length() {
        let own = Holder::own();
        assert_eq!(Holder::parse(&own.text(1, 2, 5)), *own);
        assert_eq!(Holder::of_prefix(&(own.prefix() + "x")).as_ref(), Some(own));
        let elsewhere = Holder::of_prefix(".0.1.2.x").unwrap();
        assert_eq!((elsewhere.process, elsewhere.is_alive()), (1, None));
        assert_eq!(Holder::of_prefix("name.1"), None);
        assert_eq!(own.text(1, 2, 0).len(), own.text(1, 2, u64::MAX).len());
        assert_eq!(Holder::parse("nothing"), Holder::default());
        assert_eq!(Holder::default().to_string(), "process 0 on unknown host");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_number_is_free_once_its_process_is_gone() {
        assert!(!is_free(std::process::id()) && is_free(0));
        assert!(is_free(Holder::gone().process));
        assert_eq!(Holder::gone().is_alive(), Some(false));
    }

    #[test]
    fn this_process_is_alive_and_one_of_another_start_is_not() {
        let tells = cfg!(target_os = "linux");
        assert_eq!(Holder::own().is_alive(), tells.then_some(true));
        let other = Holder {
            started: "1".into(),
            ..Holder::own().clone()
        };
        assert_eq!(other.is_alive(), tells.then_some(false));
    }
}
