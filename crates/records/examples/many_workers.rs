//! Claims at scale: workers, each a process, share cells as runs of a sweep do, while some of them
//! are killed. Prints how long a worker takes from one cell to the next, and checks that no cell is
//! lost or done twice.
//!
//! ```text
//! cargo run --release -p ablate-records --example many_workers -- CELLS WORKERS KILLED
//! ```

use std::{
    collections::HashMap,
    env, fs,
    io::Write,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use ablate_files::{Claim, Leases};
use ablate_records::{
    Cell, CostMeasurement, Environment, Measurement, Outcome, Record, Stage, Store, key,
};
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// What a cell takes, in the mean.
const WORK: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("worker") => worker(Path::new(&words[1]), words[2].parse()?),
        _ => {
            let number =
                |place: usize, usual| words.get(place).map_or(Ok(usual), |word| word.parse());
            simulate(number(0, 10_000)?, number(1, 200)?, number(2, 20)?)
        }
    }
}

fn record(cell: usize) -> Record {
    let inputs = json!({ "cell": cell });
    Record {
        key: key(Stage::Cost, &inputs),
        stage: Stage::Cost,
        cell: Cell {
            model: format!("model{cell}"),
            family: "model".into(),
            variant: "baseline".into(),
            scale: "n".into(),
            nc: 80,
            imgsz: 640.into(),
            dataset: None,
            seed: None,
            device: "flex".into(),
            batch: 1,
            dtype: "f32".into(),
        },
        outcome: Outcome::Done {
            measurement: Measurement::Cost(CostMeasurement {
                params: 1,
                gflops: 1.0,
                gflops_exact: 1.0,
                layers: 1,
            }),
        },
        inputs,
        environment: Environment::default(),
        finished: "2026-01-01T00:00:00Z".into(),
    }
}

/// Takes the cells that no other has, and waits for the others as a run does.
fn worker(folder: &Path, cells: usize) -> Result<()> {
    let store = Store::create(folder)?;
    let leases = Leases::open(folder.join("leases"));
    let path = folder.join(format!("log-{}", std::process::id()));
    let mut log = fs::File::create(path)?;
    let mut left: Vec<Record> = (0..cells).map(record).collect();
    let mut since = Instant::now();
    while !left.is_empty() {
        let mut waiting = Vec::new();
        for record in left {
            if store.load(&record.key).is_some() {
                continue;
            }
            let Claim::Ours(lease) = leases.claim(&record.key)? else {
                waiting.push(record);
                continue;
            };
            if store.load(&record.key).is_some() {
                continue;
            }
            writeln!(log, "{} {}", record.key, since.elapsed().as_micros())?;
            // Between a half and one and a half of it, by the key.
            let share = u8::from_str_radix(&record.key[..2], 16)?;
            thread::sleep(WORK.mul_f64(0.5 + f64::from(share) / 255.0));
            store.save(&record)?;
            drop(lease);
            since = Instant::now();
        }
        left = waiting;
        if !left.is_empty() {
            // Nothing was free: that is no time of a claim.
            thread::sleep(Duration::from_millis(500));
            since = Instant::now();
        }
    }
    Ok(())
}

fn simulate(cells: usize, workers: usize, killed: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = env::current_exe()?;
    let start = Instant::now();
    let mut children: Vec<Child> = Vec::new();
    for _ in 0..workers {
        let mut command = Command::new(&program);
        command
            .arg("worker")
            .arg(folder.path())
            .arg(cells.to_string());
        children.push(command.spawn().context("cannot start a worker")?);
    }
    let store = Store::create(folder.path())?;
    // Spread over the run.
    let mut victims = Vec::new();
    for turn in 1..=killed {
        while store.keys().len() < cells * turn / (killed + 1) {
            thread::sleep(Duration::from_millis(50));
        }
        let child = &mut children[turn * workers / (killed + 1)];
        child.kill()?;
        victims.push(child.id());
    }
    for child in &mut children {
        let status = child.wait()?;
        ensure!(
            status.success() || victims.contains(&child.id()),
            "a worker ended with {status}"
        );
    }
    let whole = start.elapsed();

    let mut times = Vec::new();
    let mut begun: HashMap<String, Vec<u32>> = HashMap::new();
    for child in &children {
        let text = fs::read_to_string(folder.path().join(format!("log-{}", child.id())))?;
        for (place, line) in text.lines().enumerate() {
            let (key, micros) = line.split_once(' ').context("a line of a log")?;
            begun.entry(key.into()).or_default().push(child.id());
            // The first is the start of the process.
            if place > 0 {
                times.push(micros.parse::<u64>()?);
            }
        }
    }
    let twice = begun.values().filter(|workers| {
        let whole = workers.iter().filter(|worker| !victims.contains(worker));
        whole.count() > 1
    });
    let (lost, twice) = (cells - store.keys().len(), twice.count());
    let again = begun.values().filter(|workers| workers.len() > 1).count();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!(
        "{cells} cells, {workers} workers, {killed} killed: {:.1} s; from one cell to the next {:.1} ms in the median, {:.1} ms at 99 %, \
         {:.1} ms at most; {lost} lost, {twice} done twice, {again} begun again after a kill",
        whole.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    let leases = fs::read_dir(folder.path().join("leases"))?.count();
    ensure!(lost == 0 && twice == 0, "cells were lost or done twice");
    ensure!(leases <= killed, "{leases} leases are left");
    Ok(())
}
