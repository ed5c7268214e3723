//! Claims at scale: workers, each a process, share cells as runs of a sweep do, while some of them
//! are killed. Prints how long a worker takes from one cell to the next, and checks that no cell is
//! lost or done twice. With `status`: how long it takes to say how far such a sweep is.
//!
//! ```text
//! cargo run --release -p ablate-records --example many_workers -- CELLS WORKERS KILLED
//! cargo run --release -p ablate-records --example many_workers -- status CELLS
//! ```

use std::{
    collections::HashMap,
    env, fs,
    io::Write,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use ablate_files::{Claim, Leases};
use ablate_records::{
    Cell, CostMeasurement, Environment, Manifest, ManifestEntry, Measurement, Outcome, Record,
    Reference, Stage, Store, key,
    sharing::{Busy, Endings, Turn, in_turn},
};
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// What a cell takes, in the mean.
const WORK: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("worker") => worker(Path::new(&words[1])),
        Some("status") => status(words.get(1).map_or(Ok(10_000), |word| word.parse())?),
        _ => {
            let number =
                |place: usize, usual| words.get(place).map_or(Ok(usual), |word| word.parse());
            simulate(number(0, 10_000)?, number(1, 200)?, number(2, 20)?)
        }
    }
}

/// The keys of all cells, one a line.
const KEYS: &str = "keys";

fn record(cell: usize, stage: Stage) -> Record {
    let inputs = json!({ "cell": cell, "table": "a row of a table ".repeat(200) });
    Record {
        key: key(stage, &inputs),
        stage,
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
            mode: "eager".into(),
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

/// Takes the cells that no other has, and waits for the others, as a run does.
fn worker(folder: &Path) -> Result<()> {
    let store = Store::create(folder)?;
    let leases = Leases::open(folder.join("leases"));
    let path = folder.join(format!("log-{}", std::process::id()));
    let mut log = fs::File::create(path)?;
    let keys = fs::read_to_string(folder.join(KEYS))?;
    let keys: Vec<&str> = keys.lines().collect();
    let mut endings = Endings::default();
    endings.remember(&store, &keys)?;
    let cells = keys.into_iter().enumerate();
    let cells = cells.filter(|(_, key)| endings.before(key).is_none());
    let (mut since, mut waited) = (Instant::now(), false);
    in_turn(
        "cost",
        true,
        cells.collect(),
        || Ok(()),
        |&(cell, key), turn| {
            // Where nothing is free, waiting is no time of a claim.
            if std::mem::take(&mut waited) {
                since = Instant::now();
            }
            if endings.since(&store, key) {
                return Ok(None);
            }
            let claim = match turn {
                Turn::Untouched => leases.claim_untouched(key)?,
                Turn::Any => leases.claim(key)?,
            };
            let lease = match claim {
                Claim::Ours(lease) => lease,
                Claim::Theirs(holder, life) => {
                    waited = turn == Turn::Any;
                    let brings_more = false;
                    return Ok(Some(Busy {
                        holder,
                        life,
                        brings_more,
                    }));
                }
            };
            store.look_anew();
            if endings.since(&store, key) {
                return Ok(None);
            }
            let (now, took) = (UNIX_EPOCH.elapsed()?, since.elapsed());
            writeln!(log, "{key} {} {}", now.as_micros(), took.as_micros())?;
            // Between a half and one and a half of it, by the key.
            let share = u8::from_str_radix(&key[..2], 16)?;
            thread::sleep(WORK.mul_f64(0.5 + f64::from(share) / 255.0));
            store.save(&record(cell, Stage::Cost))?;
            drop(lease);
            since = Instant::now();
            Ok(None)
        },
    )
}

fn simulate(cells: usize, workers: usize, killed: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = env::current_exe()?;
    let start = Instant::now();
    let mut children: Vec<Child> = Vec::new();
    let keys = (0..cells).map(|cell| record(cell, Stage::Cost).key + "\n");
    fs::write(folder.path().join(KEYS), keys.collect::<String>())?;
    for _ in 0..workers {
        let mut command = Command::new(&program);
        command.arg("worker").arg(folder.path());
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

    // When each cell was begun, and how long the search for it took.
    let mut searches: Vec<(u64, u64)> = Vec::new();
    // When each worker began its first cell: until then it starts as a process.
    let mut starts: Vec<u64> = Vec::new();
    let mut begun: HashMap<String, Vec<u32>> = HashMap::new();
    for child in &children {
        let text = fs::read_to_string(folder.path().join(format!("log-{}", child.id())))?;
        for (place, line) in text.lines().enumerate() {
            let mut words = line.split(' ');
            let mut word = || words.next().context("a line of a log");
            let (key, at, took) = (word()?, word()?.parse()?, word()?.parse()?);
            begun.entry(key.into()).or_default().push(child.id());
            match place {
                0 => starts.push(at),
                _ => searches.push((at, took)),
            }
        }
    }
    let all_started = starts.into_iter().max().unwrap_or_default();
    let twice = begun.values().filter(|workers| {
        let whole = workers.iter().filter(|worker| !victims.contains(worker));
        whole.count() > 1
    });
    let (lost, twice) = (cells - store.keys().len(), twice.count());
    let again = begun.values().filter(|workers| workers.len() > 1).count();
    println!(
        "{cells} cells, {workers} workers, {killed} killed: {:.1} s; {lost} lost, {twice} done twice, {again} begun again after a kill",
        whole.as_secs_f64(),
    );
    let is_late = |search: &&(u64, u64)| search.0 > all_started;
    let (late, early): (Vec<&(u64, u64)>, _) = searches.iter().partition(is_late);
    let phases: [(&str, Vec<&(u64, u64)>); 2] =
        [("while workers start", early), ("afterwards", late)];
    for (when, searches) in phases {
        let mut times: Vec<u64> = searches.iter().map(|search| search.1).collect();
        times.sort_unstable();
        let Some(last) = times.len().checked_sub(1) else {
            continue;
        };
        let at = |share: f64| times[(last as f64 * share) as usize] as f64 / 1e3;
        let longer = times.iter().filter(|time| **time > 1_000_000).count();
        println!(
            "from one cell to the next, {when}: {:.1} ms in the median, {:.1} ms at 99 %, {:.1} ms at most, {longer} of {} above a second",
            at(0.5),
            at(0.99),
            at(1.0),
            times.len(),
        );
    }
    let leases = fs::read_dir(folder.path().join("leases"))?.count();
    ensure!(lost == 0 && twice == 0, "cells were lost or done twice");
    ensure!(leases <= killed, "{leases} leases are left");
    Ok(())
}

/// Leases of a sweep whose status is asked.
const HELD: usize = 200;

/// A sweep of five stages, of which half of the cells are done; workers of as many hosts hold others.
fn status(cells: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::create(folder.path())?;
    let (mut rows, mut held) = (Vec::new(), Vec::new());
    let leases = Leases::open(folder.path().join("leases"));
    for cell in 0..cells {
        for stage in Stage::ALL {
            let record = record(cell, stage);
            if cell % 2 == 0 {
                // Not flushed to the disk one by one, as runs do.
                let path = format!("records/{}.json", record.key);
                let text = serde_json::to_string_pretty(&record)?;
                fs::write(folder.path().join(path), text)?;
            } else if held.len() < HELD && stage == Stage::Train {
                // Left as by a killed process, so that nobody counts its heartbeats.
                std::mem::forget(leases.claim(&record.key)?);
                held.push(folder.path().join(format!("leases/{}.1", record.key)));
            }
            rows.push(ManifestEntry {
                cell: record.cell,
                stage,
                record: Reference::Key(record.key),
            });
        }
    }
    drop(leases);
    for (host, path) in held.iter().enumerate() {
        let text = fs::read_to_string(path)?;
        let elsewhere = format!("place: host{host} ");
        fs::write(path, text.replacen("place: ", &elsewhere, 1))?;
    }
    store.save_manifest(&Manifest {
        sweep: "many".into(),
        variants: Vec::new(),
        judging: Default::default(),
        rows,
    })?;
    for _ in 0..10 {
        let start = Instant::now();
        let manifest = store.manifest().context("a plan")?;
        let read = start.elapsed();
        let holders = Leases::open(folder.path().join("leases")).holders()?;
        let progress = store.progress(&manifest, &holders);
        let train = progress.stages[Stage::Train as usize];
        println!(
            "{cells} cells, {} stages: {:.2} s, of which {:.2} s for the plan; of the trainings {} done, {} running in {} runs",
            manifest.rows.len(),
            start.elapsed().as_secs_f64(),
            read.as_secs_f64(),
            train.done,
            train.running,
            progress.running.len(),
        );
    }
    Ok(())
}
