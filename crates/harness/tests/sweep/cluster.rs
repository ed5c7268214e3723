//! Sweeps past one process: workers of one machine, and jobs for a scheduler.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    time::{Duration, Instant},
};

use ablate_records::{Outcome, Stage};

use crate::{
    common::{Run, ablate},
    shared::{Running, checkpoint, is_empty, sweep, weights},
    support::Sweep,
};

fn trainings(sweep: &Sweep) -> usize {
    let records = sweep.records().into_iter();
    records
        .filter(|record| record.stage == Stage::Train)
        .count()
}

#[test]
fn workers_share_the_cells_and_give_the_same_bytes() {
    let (whole, shared) = (sweep(), sweep());
    whole.run(&["--stages", "train,eval"]).ok();
    let run = shared.run(&["--jobs", "2"]);
    let log = run.stderr();
    for worker in ["[1] ", "[2] "] {
        assert!(log.lines().any(|line| line.starts_with(worker)), "{log}");
    }
    assert!(
        run.ok().contains("wide"),
        "the last process prints the table"
    );
    assert!(weights(&whole) == weights(&shared));
    let keys = |sweep: &Sweep, stage| -> Vec<String> {
        let records = sweep
            .records()
            .into_iter()
            .filter(|record| record.stage == stage);
        records.map(|record| record.key).collect()
    };
    for stage in [Stage::Train, Stage::Eval] {
        assert_eq!(keys(&whole, stage), keys(&shared, stage));
    }
    assert_eq!(keys(&shared, Stage::Latency).len(), 2);
    // Times are measured when the trainings are over.
    let finished = |stage| {
        let records = shared
            .records()
            .into_iter()
            .filter(move |record| record.stage == stage);
        records.map(|record| record.finished)
    };
    assert!(finished(Stage::Train).max() <= finished(Stage::Latency).min());
    assert!(is_empty(&shared.out().join("leases")));
}

/// The processes that a process has started.
fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task");
    let tasks = fs::read_dir(path).unwrap().map(|task| task.unwrap().path());
    let lists = tasks.filter_map(|task| fs::read_to_string(task.join("children")).ok());
    lists
        .flat_map(|list| {
            let numbers = list.split_whitespace().map(|word| word.parse().unwrap());
            numbers.collect::<Vec<u32>>()
        })
        .collect()
}

fn kill(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_worker_that_is_killed_is_survived() {
    let (whole, shared) = (sweep(), sweep());
    whole.run(&["--stages", "train"]).ok();
    let run = Running::start(&shared, &["--jobs", "2", "--stages", "train"]);
    checkpoint(&shared);
    kill("-KILL", children(run.number())[0]);
    let (code, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("starting it again"), "{log}");
    assert!(weights(&whole) == weights(&shared));
    assert!(is_empty(&shared.out().join("leases")));
}

#[test]
fn a_signal_is_passed_on_to_workers() {
    let shared = sweep();
    let run = Running::start(&shared, &["--jobs", "2", "--stages", "train"]);
    checkpoint(&shared);
    let workers = children(run.number());
    assert_eq!(workers.len(), 2);
    run.signal("-TERM");
    let (code, log) = run.end();
    assert_eq!(code, Some(143), "{log}");
    // The other may have been between two trainings.
    let told = |worker| log.contains(&format!("[{worker}] SIGTERM: ended with a checkpoint"));
    assert!(told(1) || told(2), "{log}");
    assert!(is_empty(&shared.out().join("leases")));
    assert!(trainings(&shared) < 4);
}

#[test]
fn workers_end_with_who_started_them() {
    let shared = sweep();
    let run = Running::start(&shared, &["--jobs", "2", "--stages", "train"]);
    checkpoint(&shared);
    let workers = children(run.number());
    run.signal("-KILL");
    assert_eq!(run.end().0, None);
    let start = Instant::now();
    let lives = |worker: &u32| {
        let stat = fs::read_to_string(format!("/proc/{worker}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while workers.iter().any(lives) {
        assert!(start.elapsed() < Duration::from_secs(60), "workers go on");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(trainings(&shared) < 4);
}

#[test]
fn what_failed_is_kept_or_tried_again() {
    let sweep = sweep();
    sweep.run(&["--stages", "cost"]).ok();
    let cost = sweep.record("wide", Stage::Cost);
    let path = sweep.out().join(format!("records/{}.json", cost.key));
    let mut failed = cost.clone();
    failed.outcome = Outcome::Failed {
        error: "no luck".into(),
    };
    let text = serde_json::to_string_pretty(&failed).unwrap();
    fs::write(&path, &text).unwrap();

    let kept = sweep.run(&["--stages", "cost", "--keep-failed"]);
    assert_eq!(kept.code(), 1, "{}", kept.stderr());
    assert!(
        kept.stderr()
            .contains("0 measured, 1 found in earlier records, 1 failed")
    );
    assert_eq!(sweep.record("wide", Stage::Cost), failed);
    let again = sweep.run(&["--stages", "cost", "--jobs", "2"]);
    assert_eq!(again.code(), 0, "{}", again.stderr());
    assert_eq!(sweep.record("wide", Stage::Cost).outcome, cost.outcome);
}

#[test]
fn a_run_that_does_not_wait_leaves_what_others_hold() {
    let sweep = sweep();
    sweep.run(&["--stages", "cost"]).ok();
    let small = sweep.record("small", Stage::Cost);
    fs::remove_file(sweep.out().join(format!("records/{}.json", small.key))).unwrap();
    let leases = ablate_files::Leases::open(sweep.out().join("leases"));
    let _claim = leases.claim(&small.key).unwrap();
    let run = sweep.run(&["--stages", "cost", "--no-wait", "--no-report"]);
    assert!(
        run.stderr()
            .contains("cost: 1 left to other runs, as process"),
        "{}",
        run.stderr()
    );
    assert_eq!(run.ok(), "", "no table");
}

#[test]
fn a_job_of_kubernetes_is_written_and_has_what_failed_tried_again() {
    let sweep = sweep();
    sweep.run(&["--stages", "cost"]).ok();
    let mut failed = sweep.record("wide", Stage::Cost);
    let path = sweep.out().join(format!("records/{}.json", failed.key));
    failed.outcome = Outcome::Failed {
        error: "no luck".into(),
    };
    let text = serde_json::to_string_pretty(&failed).unwrap();
    fs::write(&path, &text).unwrap();
    let mount = sweep.folder.path().to_str().unwrap();
    let options = [
        "--kubernetes",
        "--image",
        "ablate:1",
        "--claim",
        "shared",
        "--mount",
        mount,
    ];
    let with = |more: &[&str]| submit(&sweep, None, &[&options, more].concat()).ok();

    assert!(with(&["--dry-run"]).contains("kind: Job"));
    with(&["--keep-failed"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "it is kept");
    let printed = with(&[]);
    let job = sweep.out().join("kubernetes/job.yaml");
    assert!(printed.contains(&format!("kubectl apply -f '{}'", job.display())));
    assert!(job.is_file() && !path.exists(), "it is tried again");
    let out = sweep.out();
    let status = ablate(&["status", out.to_str().unwrap()]).ok();
    assert!(status.contains("train"), "{status}");
}

fn submit(sweep: &Sweep, path: Option<&str>, more: &[&str]) -> Run {
    let (file, out) = (sweep.folder.path().join("sweep.yaml"), sweep.out());
    let mut arguments = vec![
        "submit",
        file.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    arguments.extend(more);
    match path {
        Some(path) => Run::of(
            Command::new(env!("CARGO_BIN_EXE_ablate"))
                .args(arguments)
                .env("PATH", path),
        ),
        None => ablate(&arguments),
    }
}

#[test]
fn a_dry_run_prints_the_jobs_and_writes_nothing() {
    let sweep = sweep();
    sweep.write("sweep.sbatch", "#SBATCH --account=mine\nmodule load cuda\n");
    let printed = submit(&sweep, None, &["--slurm", "--dry-run", "--time", "4:00:00"]).ok();
    for words in [
        "#SBATCH --account=mine",
        "\nmodule load cuda\n",
        "#SBATCH --time=4:00:00",
        "#SBATCH --array=0-3",
        "# sbatch --parsable --dependency=afterok:$setup ",
    ] {
        assert!(printed.contains(words), "{words}\n{printed}");
    }
    assert!(!sweep.out().exists());
}

#[test]
fn scripts_are_written_and_submitted_in_order() {
    let sweep = sweep();
    let bin = sweep.folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let program = |name: &str, text: &str| {
        let path = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let calls = bin.join("calls");
    let calls = calls.to_str().unwrap();
    // A number for each call, as sbatch of a federation prints it.
    program(
        "sbatch",
        &format!("echo \"$@\" >> {calls}; echo \"10$(wc -l < {calls});here\""),
    );
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let printed = submit(&sweep, Some(&path), &["--slurm", "--array-limit", "2"]).ok();
    let numbers: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(numbers[0], ["setup", "101"]);
    assert_eq!(numbers[1], ["train", "102"]);
    let called = fs::read_to_string(calls).unwrap();
    assert!(called.contains("--dependency=afterok:101 "), "{called}");
    assert!(
        called.contains("--dependency=afterany:101,afterany:102,"),
        "{called}"
    );
    let script = fs::read_to_string(sweep.out().join("slurm/train.sbatch")).unwrap();
    assert!(script.contains("#SBATCH --array=0-1"), "{script}");
    let out = sweep.out();
    let status = ablate(&["status", out.to_str().unwrap()]).ok();
    assert!(status.contains("train"), "{status}");

    program(
        "sbatch",
        "echo 'Batch job submission failed: Invalid account' >&2; exit 1",
    );
    let error = submit(&sweep, Some(&path), &["--slurm"]).refused();
    assert!(
        error
            .contains("sbatch refuses the job setup: Batch job submission failed: Invalid account"),
        "{error}"
    );
}

#[test]
fn what_can_not_be_submitted_is_refused() {
    let sweep = sweep();
    let refused = |more: &[&str]| submit(&sweep, None, more).stderr();
    assert!(refused(&[]).contains("--slurm"));
    assert!(
        refused(&["--slurm", "--time", "4h"]).contains("expected minutes, H:MM:SS or D-H:MM:SS")
    );
    assert!(refused(&["--slurm", "--mem", "32GB"]).contains("expected a number with K, M, G or T"));
    assert!(refused(&["--slurm", "--sbatch", "x"]).contains("expected an option of sbatch"));
    assert!(refused(&["--slurm", "--kubernetes"]).contains("cannot be used with"));
    assert!(refused(&["--kubernetes", "--dry-run"]).contains("requires --image"));
    let error = submit(&sweep, Some("/nowhere"), &["--slurm"]).refused();
    assert!(error.contains("sbatch: not found on PATH"), "{error}");
}
