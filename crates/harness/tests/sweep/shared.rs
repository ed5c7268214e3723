//! Several runs of one sweep, and runs that end before their time.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use ablate_files::Leases;
use ablate_records::Stage;

use crate::support::{Sweep, done, find};

pub fn sweep() -> Sweep {
    let sweep = Sweep::new(
        "
name: shared
tables: [small.yaml, wide.yaml]
models: [small, wide]
seeds: [0, 1]
latency: {imgsz: 64, budget_s: 0.05, warmup: 1, min_iterations: 3}
train:
  data: drawn.yaml
  imgsz: 64
  epochs: 12
  batch: 4
  overrides: {nbs: 8, mosaic: 0.0}
eval: {split: test}
",
    );
    for (name, channels) in [("small.yaml", 16), ("wide.yaml", 24)] {
        let conv = |channels| format!("  - [-1, 1, Conv, [{channels}, 3, 2]]\n");
        let backbone = conv(8) + &conv(channels).repeat(3);
        let head = "head:\n  - [[2, 3], 1, Detect, [nc]]\n";
        sweep.write(name, &format!("backbone:\n{backbone}{head}"));
    }
    sweep.write(
        "drawn.yaml",
        "format: shapes\nimgsz: 64\nimages: {train: 32, val: 4, test: 4}\n",
    );
    sweep
}

/// A run that goes on beside the test.
pub struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    log: String,
}

impl Running {
    pub fn start(sweep: &Sweep, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ablate"))
            .arg("run")
            .arg(sweep.folder.path().join("sweep.yaml"))
            .arg("--out")
            .arg(sweep.out())
            .args(more)
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ablate starts");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = String::new();
        Self { child, stderr, log }
    }

    /// Waits until it logs a text, or ends.
    fn logs(&mut self, text: &str) {
        while !self.log.contains(text) && self.stderr.read_line(&mut self.log).unwrap() > 0 {}
    }

    /// The exit code, none after a signal, and what it logged.
    pub fn end(mut self) -> (Option<i32>, String) {
        self.stderr.read_to_string(&mut self.log).unwrap();
        (self.child.wait().unwrap().code(), self.log)
    }

    #[cfg(target_os = "linux")]
    pub fn number(&self) -> u32 {
        self.child.id()
    }

    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let number = self.child.id().to_string();
        let status = Command::new("kill").args([name, &number]).status();
        assert!(status.unwrap().success());
    }
}

/// Waits until a training has a checkpoint.
pub fn checkpoint(sweep: &Sweep) {
    let start = Instant::now();
    while find(&sweep.out(), "resume.safetensors").is_none() {
        assert!(start.elapsed() < Duration::from_secs(300), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `N measured` of the last line.
pub fn measured(log: &str) -> usize {
    let words: Vec<&str> = log.split_whitespace().collect();
    let place = words.iter().rposition(|word| *word == "measured,");
    words[place.unwrap_or_else(|| panic!("{log}")) - 1]
        .parse()
        .unwrap()
}

/// Names and bytes of the weights.
pub fn weights(sweep: &Sweep) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for record in sweep.records() {
        if record.stage == Stage::Train {
            let ablate_records::Measurement::Train(trained) = done(&record) else {
                panic!("{record:?}")
            };
            for file in [&trained.best_weights, &trained.last_weights] {
                files.push((file.clone(), fs::read(sweep.out().join(file)).unwrap()));
            }
        }
    }
    files.sort();
    files
}

pub fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn two_runs_in_one_folder_share_its_cells() {
    let sweep = sweep();
    let runs = [0, 1].map(|_| Running::start(&sweep, &[]));
    let ends = runs.map(Running::end);
    for (code, log) in &ends {
        assert_eq!(*code, Some(0), "{log}");
    }
    // Costs are of a model, all else of a model and a seed or a model.
    let records = sweep.records();
    assert_eq!(
        ends.iter().map(|(_, log)| measured(log)).sum::<usize>(),
        records.len(),
        "each is measured once: {ends:?}"
    );
    let trained = records.iter().filter(|record| record.stage == Stage::Train);
    assert_eq!(trained.count(), 4);
    assert!(is_empty(&sweep.out().join("leases")));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_training_with_a_checkpoint() {
    let (whole, cut) = (sweep(), sweep());
    whole.run(&["--stages", "train"]).ok();

    let run = Running::start(&cut, &["--stages", "train"]);
    checkpoint(&cut);
    run.signal("-TERM");
    let (code, log) = run.end();
    assert_eq!(code, Some(143), "{log}");
    assert!(
        log.ends_with("SIGTERM: ended with a checkpoint, from which the next run goes on\n"),
        "{log}"
    );
    assert!(is_empty(&cut.out().join("leases")));
    assert!(cut.records().len() < 4);

    let log = cut.run(&["--stages", "train"]).stderr();
    assert!(log.contains(": continues after epoch "), "{log}");
    assert!(weights(&whole) == weights(&cut));
}

#[cfg(unix)]
#[test]
fn a_run_that_was_killed_blocks_no_other() {
    let (whole, cut) = (sweep(), sweep());
    whole.run(&["--stages", "train"]).ok();

    let run = Running::start(&cut, &["--stages", "train"]);
    checkpoint(&cut);
    run.signal("-KILL");
    assert_eq!(run.end().0, None);
    assert!(!is_empty(&cut.out().join("leases")));

    let log = cut.run(&["--stages", "train"]).stderr();
    assert!(!log.contains("waits for"), "{log}");
    assert!(is_empty(&cut.out().join("leases")));
    assert!(weights(&whole) == weights(&cut));
}

#[test]
fn a_run_waits_for_what_another_holds() {
    let sweep = sweep();
    sweep.run(&["--stages", "cost"]).ok();
    let cell = sweep.record("small", Stage::Cost);
    fs::remove_file(sweep.out().join(format!("records/{}.json", cell.key))).unwrap();
    let leases = Leases::open(sweep.out().join("leases"));
    let claim = leases.claim(&cell.key).unwrap();
    let mut run = Running::start(&sweep, &["--stages", "cost"]);
    let own = format!("cost: waits for process {} on ", std::process::id());
    run.logs(&own);
    drop(claim);
    let (code, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&own), "{log}");
    assert_eq!(measured(&log), 1, "{log}");
}

/// A cell that takes its process with it, as one that is too large for the memory does, is a failure after
/// five times; what comes after it is done.
#[cfg(target_os = "linux")]
#[test]
fn what_ends_its_process_again_and_again_becomes_a_failure() {
    let sweep = Sweep::new(
        "
name: deadly
tables: [small.yaml]
models: [small]
train: {data: drawn.yaml, imgsz: 64, epochs: 100, batch: 4}
eval: {split: test}
",
    );
    sweep.write(
        "small.yaml",
        "backbone:\n  - [-1, 1, Conv, [8, 3, 2]]\n  - [-1, 1, Conv, [8, 3, 2]]\nhead:\n  - [[0, 1], 1, Detect, [nc]]\n",
    );
    sweep.write(
        "drawn.yaml",
        "format: shapes\nimgsz: 64\nimages: {train: 2000, val: 4, test: 4}\n",
    );
    sweep.run(&["--stages", "cost"]).ok();
    let leases = sweep.out().join("leases");
    // The training: as a run begins it holds the plan for a moment.
    let is_held_by = |process: u32| {
        let held = Leases::open(&leases).holders().unwrap_or_default();
        held.iter()
            .any(|held| held.holder.process == process && held.name != "plan")
    };
    // How many were counted before it.
    let counted = || {
        let files = fs::read_dir(&leases).unwrap();
        let mut files = files.filter_map(|file| Some(file.ok()?.path()));
        let deaths = files.find(|file| file.extension().is_some_and(|end| end == "deaths"));
        let text = deaths.map_or(String::new(), |file| fs::read_to_string(file).unwrap());
        text.lines()
            .next()
            .map_or(0, |count| count.parse().unwrap())
    };
    for before in 0..5 {
        let run = Running::start(&sweep, &["--stages", "train"]);
        let start = Instant::now();
        // An epoch takes far longer.
        while !is_held_by(run.number()) || counted() != before {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is held");
            std::thread::sleep(Duration::from_millis(2));
        }
        run.signal("-KILL");
        run.end();
    }
    let run = sweep.run(&[]);
    let log = run.stderr();
    assert!(
        log.contains("5 in a row") && log.contains("1 failed"),
        "{log}"
    );
    let trained = sweep.record("small", Stage::Train);
    let ablate_records::Outcome::Failed { error, .. } = &trained.outcome else {
        panic!("{trained:?}")
    };
    assert!(error.contains("5 processes in a row ended"), "{error}");
    assert!(is_empty(&leases));
}
