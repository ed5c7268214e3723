//! Signals that ask the program to end: SIGTERM, as schedulers send it, Ctrl-C and a closed
//! terminal.
//!
//! What is measured is kept record by record, so there is nothing to save, but for a training: it
//! ends after the batch at hand, of an evaluation within it too, with a checkpoint, and the next run
//! goes on from there. A second signal, two seconds later or more, ends the program at once. The exit
//! code is the shell's: 128 and the signal's number, 143 for SIGTERM.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// That the program was asked to end, and did so in order.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}: ended with a checkpoint, from which the next run goes on")]
pub struct Interrupted(Signal);

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(i32);

/// Signals so close to each other are one: a scheduler signals a job's script and all that the script
/// has started, and the script passes it on.
#[cfg(unix)]
const ONCE: Duration = Duration::from_secs(2);

/// The state that the thread of the signals and the trainings share.
static STATE: Mutex<State> = Mutex::new(State {
    asked: None,
    trainings: 0,
    children: Vec::new(),
});

struct State {
    /// The first signal, and when it came.
    asked: Option<(Signal, Instant)>,
    /// How many of them will end with a checkpoint, or with their last batch.
    trainings: usize,
    /// Processes that get the signal too, and that the program waits for.
    children: Vec<u32>,
}

impl State {
    fn check(&self) -> Result<(), Interrupted> {
        self.asked
            .map_or(Ok(()), |(signal, _)| Err(Interrupted(signal)))
    }
}

impl Interrupted {
    /// What the program exits with.
    pub fn exit_code(self) -> u8 {
        self.0.exit_code()
    }
}

impl Signal {
    /// As a scheduler sends it.
    #[cfg(unix)]
    const TERM: Self = Self(signal_hook::consts::SIGTERM);

    fn exit_code(self) -> u8 {
        (128 + self.0).clamp(1, 255) as u8
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            1 => f.write_str("SIGHUP"),
            2 => f.write_str("SIGINT"),
            15 => f.write_str("SIGTERM"),
            other => write!(f, "signal {other}"),
        }
    }
}

/// A training that ends with a checkpoint when a signal comes; without one, a signal ends the
/// program at once.
pub struct Training(());

impl Training {
    /// # Errors
    /// A signal that has come already.
    pub fn begin() -> Result<Self, Interrupted> {
        let mut state = state();
        state.check()?;
        state.trainings += 1;
        Ok(Self(()))
    }

    /// Whether a signal asks it to end.
    pub fn interrupted(&self) -> bool {
        check().is_err()
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        state().trainings -= 1;
    }
}

/// A process that this one has started: signals are passed on to it, and end this process with it.
#[derive(Debug)]
pub struct Child(u32);

impl Child {
    /// The process of this number.
    pub fn new(process: u32) -> Self {
        let mut state = state();
        state.children.push(process);
        // It may have come between the look before the start and this.
        #[cfg(unix)]
        if let Some((signal, _)) = state.asked {
            signal.pass_on(&[process]);
        }
        Self(process)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        state().children.retain(|process| *process != self.0);
    }
}

/// Fails once a signal has come.
///
/// # Errors
/// The signal.
pub fn check() -> Result<(), Interrupted> {
    state().check()
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for signals from here on, in a thread of its own.
#[cfg(unix)]
pub fn watch() {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
    };
    // Without the thread, signals end the program as the system does it: records are whole anyway.
    let watched = [SIGTERM, SIGINT, SIGHUP];
    let watched = watched.into_iter().filter(|signal| !is_ignored(*signal));
    let Ok(mut signals) = Signals::new(watched) else {
        return;
    };
    std::thread::spawn(move || {
        for number in signals.forever() {
            Signal(number).came();
        }
    });
}

/// Whether whoever started this process had it ignore a signal, as `nohup` does with that of a closed
/// terminal. Where the system does not tell, it had not.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// Ends as by SIGTERM once the standard input ends: whoever started this process is gone.
#[cfg(unix)]
pub fn end_with_input() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        if check().is_ok() {
            Signal::TERM.came();
        }
    });
}

#[cfg(unix)]
impl Signal {
    fn came(self) {
        let mut state = state();
        if !state.children.is_empty() {
            state.asked.get_or_insert((self, Instant::now()));
            tracing::warn!("{self}: passed on to the workers; waiting for them");
            return self.pass_on(&state.children);
        }
        match state.asked {
            Some((_, first)) if state.trainings > 0 && first.elapsed() < ONCE => return,
            None if state.trainings > 0 => state.asked = Some((self, Instant::now())),
            _ => {
                ablate_files::release_all();
                signal_hook::low_level::exit(i32::from(self.exit_code()));
            }
        }
        tracing::warn!(
            "{self}: ending after this batch with a checkpoint; a second signal ends at once"
        );
    }

    fn pass_on(self, processes: &[u32]) {
        let numbers = processes.iter().map(u32::to_string);
        let mut shell = std::process::Command::new("sh");
        let script = "signal=$1; shift; kill -s \"$signal\" \"$@\"";
        shell
            .args(["-c", script, "sh", &self.0.to_string()])
            .args(numbers);
        shell.stderr(std::process::Stdio::null());
        if let Err(error) = shell.status() {
            tracing::warn!("cannot pass {self} on: {error}");
        }
    }
}

/// Other systems tell it by no signal.
#[cfg(not(unix))]
pub fn end_with_input() {}

/// Other systems end the program as they do it: records are whole anyway.
#[cfg(not(unix))]
pub fn watch() {}
