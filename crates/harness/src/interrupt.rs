//! Signals that ask the program to end: SIGTERM, as schedulers send it, Ctrl-C and a closed
//! terminal.
//!
//! What is measured is kept record by record, so there is nothing to save, but for a training: it
//! ends after the batch at hand, of an evaluation within it too, with a checkpoint, and the next run
//! goes on from there. A second signal ends the program at once. The exit code is the shell's: 128
//! and the signal's number, 143 for SIGTERM.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// That the program was asked to end, and did so in order.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}: ended with a checkpoint, from which the next run goes on")]
pub struct Interrupted(Signal);

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(i32);

/// The state that the thread of the signals and the trainings share.
static STATE: Mutex<State> = Mutex::new(State {
    asked: None,
    trainings: 0,
});

struct State {
    asked: Option<Signal>,
    /// How many of them will end with a checkpoint, or with their last batch.
    trainings: usize,
}

impl State {
    fn check(&self) -> Result<(), Interrupted> {
        self.asked.map_or(Ok(()), |signal| Err(Interrupted(signal)))
    }
}

impl Interrupted {
    /// What the program exits with.
    pub fn exit_code(self) -> u8 {
        self.0.exit_code()
    }
}

impl Signal {
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
    let Ok(mut signals) = Signals::new([SIGTERM, SIGINT, SIGHUP]) else {
        return;
    };
    std::thread::spawn(move || {
        for number in signals.forever() {
            let signal = Signal(number);
            let mut state = state();
            if state.trainings == 0 || state.asked.is_some() {
                ablate_files::release_all();
                signal_hook::low_level::exit(i32::from(signal.exit_code()));
            }
            state.asked = Some(signal);
            tracing::warn!(
                "{signal}: ending after this batch with a checkpoint; a second signal ends at once"
            );
        }
    });
}

/// Other systems end the program as they do it: records are whole anyway.
#[cfg(not(unix))]
pub fn watch() {}
