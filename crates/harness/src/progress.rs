//! What the user sees while the program runs: bars with the time left on a terminal, one line per
//! step elsewhere.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        LazyLock,
        atomic::{AtomicI8, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::{
    EnvFilter, Layer, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use ablate_records::EpochLog;
use ablate_training::{self, StepReport};

static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

static VERBOSITY: AtomicI8 = AtomicI8::new(0);

/// The crates whose log is ours; what libraries log is shown from `-v` on, errors aside.
const OWN: [&str; 8] = [
    "ablate",
    "ablate_detection",
    "ablate_files",
    "ablate_kernels",
    "ablate_model",
    "ablate_records",
    "ablate_report",
    "ablate_training",
];

/// Filter of the log at a verbosity: see [`init`].
fn filter(verbosity: i8) -> String {
    let (libraries, own) = match verbosity {
        ..=-1 => ("error", "warn"),
        0 => ("error", "info"),
        1 => ("warn", "debug"),
        _ => ("trace", "trace"),
    };
    let own = OWN.map(|name| format!("{name}={own}"));
    format!("{libraries},{}", own.join(","))
}

/// Sets up the log on standard error: warnings at -1 (`-q`), steps at 0, more at 1 and 2 (`-v`,
/// `-vv`). `RUST_LOG` overrides it.
pub fn init(verbosity: i8) {
    VERBOSITY.store(verbosity, Ordering::Relaxed);
    if verbosity < 0 {
        BARS.set_draw_target(ProgressDrawTarget::hidden());
    }
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter(verbosity)));
    let log = tracing_subscriber::fmt::layer()
        .with_writer(Above)
        .with_ansi(io::stderr().is_terminal())
        .with_target(verbosity > 0)
        // To tell of a log that can't be written would panic.
        .log_internal_errors(false)
        .without_time()
        .with_filter(filter);
    let log = tracing_subscriber::registry().with(log);
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    let log = log.with(crate::device::tuning::told());
    // A second call, as from two tests of one process, finds the log set up.
    let _ = log.try_init();
}

/// Prints on standard output without tearing the bars.
pub fn print(text: &str) {
    BARS.suspend(|| {
        let mut out = io::stdout().lock();
        // A closed pipe (`ablate show … | head`) ends the output, not the program.
        let _ = out
            .write_all(text.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
    });
}

/// The options of a command line that log as much as this process.
pub fn flags() -> Vec<&'static str> {
    match VERBOSITY.load(Ordering::Relaxed) {
        ..=-1 => vec!["-q"],
        verbosity => vec!["-v"; verbosity as usize],
    }
}

/// Logs a line as another process has written it.
pub fn log(line: &str) {
    let _ = Above.write_all(format!("{line}\n").as_bytes());
}

/// Writes log lines above the bars.
#[derive(Clone, Copy)]
struct Above;

impl Write for Above {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Above {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// A number of steps of one kind, such as the cells of a stage.
pub struct Steps {
    name: String,
    total: usize,
    done: usize,
    start: Instant,
    /// Whether the time of the steps so far predicts that of the others.
    alike: bool,
    bar: ProgressBar,
}

impl Steps {
    /// A bar with a name, of `total` steps.
    pub fn new(name: impl Into<String>, total: usize) -> Self {
        let bar = BARS.add(ProgressBar::new(total as u64));
        bar.set_style(style(
            "{prefix:8} {bar:28} {pos}/{len} {msg} ({elapsed}, {eta} left)",
        ));
        let name = name.into();
        bar.set_prefix(name.clone());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            name,
            total,
            done: 0,
            start: Instant::now(),
            alike: true,
            bar,
        }
    }

    /// Hides the time that is left: the steps are too unlike to predict it.
    pub fn unlike(mut self) -> Self {
        self.bar
            .set_style(style("{prefix:8} {bar:28} {pos}/{len} {msg} ({elapsed})"));
        self.alike = false;
        self
    }

    /// Names what runs now.
    pub fn begin(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Ends a step; `outcome` is a few words, such as the figure that came out.
    pub fn end(&mut self, what: &str, outcome: &str) {
        self.done += 1;
        self.bar.inc(1);
        let (name, done, total) = (&self.name, self.done, self.total);
        let left = self
            .start
            .elapsed()
            .mul_f64((total.saturating_sub(done)) as f64 / done as f64);
        let left = if self.alike && left.as_secs() > 0 {
            format!(" ({} left)", clock(left))
        } else {
            String::new()
        };
        note(&format!("{name} {done}/{total} {what}: {outcome}{left}"));
    }

    /// A bar below, for the parts of one step, `total` in number.
    pub fn parts(&self, total: u64) -> ProgressBar {
        let bar = BARS.insert_after(&self.bar, ProgressBar::new(total));
        bar.set_style(style("         {bar:28} {percent}% {msg} ({eta} left)"));
        bar
    }
}

/// A training's epochs and batches on a bar, and a line per epoch in the log.
pub struct Epochs<'a> {
    name: String,
    bar: ProgressBar,
    epochs: usize,
    interrupted: Box<dyn Fn() -> bool + 'a>,
    lost: Box<dyn Fn() -> bool + 'a>,
}

impl<'a> Epochs<'a> {
    /// `name` says what is trained; `interrupted`, whether it shall end after the batch at hand; `lost`,
    /// whether another process trains it by now.
    pub fn new(
        name: impl Into<String>,
        steps: &Steps,
        interrupted: impl Fn() -> bool + 'a,
        lost: impl Fn() -> bool + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            bar: steps.parts(0),
            epochs: 0,
            interrupted: Box::new(interrupted),
            lost: Box::new(lost),
        }
    }
}

impl ablate_training::Progress for Epochs<'_> {
    fn start(&mut self, first_epoch: usize, epochs: usize, steps: usize) {
        self.epochs = epochs;
        self.bar.set_length((epochs * steps) as u64);
        self.bar.set_position((first_epoch * steps) as u64);
        // What an earlier run did says nothing about the time that is left.
        self.bar.reset_eta();
        if first_epoch > 0 {
            tracing::info!(
                "{}: continues after epoch {first_epoch} of {epochs}",
                self.name
            );
        }
    }

    fn step(&mut self, report: &StepReport) {
        let losses: String = report
            .losses
            .iter()
            .map(|(name, loss)| format!(" {name} {loss:.4}"))
            .collect();
        self.bar.set_message(format!(
            "epoch {}/{}{losses}",
            report.epoch + 1,
            self.epochs
        ));
        self.bar.inc(1);
    }

    fn interrupted(&self) -> bool {
        (self.interrupted)()
    }

    fn lost(&self) -> bool {
        (self.lost)()
    }

    fn epoch(&mut self, log: &EpochLog, epochs: usize) {
        let losses: Vec<String> = log
            .losses
            .iter()
            .map(|(name, loss)| format!("{name} {loss:.4}"))
            .collect();
        let map50 = log
            .map50
            .map_or(String::new(), |map50| format!(", mAP50 {map50:.3}"));
        let map50 = map50
            + &log
                .mask_map50
                .map_or(String::new(), |map50| format!(" (masks {map50:.3})"));
        note(&format!(
            "{} epoch {}/{epochs}: {}{map50}, {:.1} s",
            self.name,
            log.epoch + 1,
            losses.join(" "),
            log.seconds
        ));
    }
}

impl Drop for Epochs<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Logs what the bars show; at a lower level if they are drawn.
fn note(text: &str) {
    match BARS.is_hidden() {
        true => tracing::info!("{text}"),
        false => tracing::debug!("{text}"),
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constant")
        .progress_chars("━╸─")
}

/// `45 s`, `3 min 20 s`, `2 h 05 min`.
pub fn clock(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}
