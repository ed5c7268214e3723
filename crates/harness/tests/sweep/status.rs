//! `ablate status`, before, while and after a sweep runs.

use std::{fs, path::Path, time::Instant};

use ablate::sweep::plan::cell_id;
use ablate_files::Leases;
use ablate_records::{
    Measurement, Record, Stage, key,
    store::{Manifest, ManifestEntry, Reference, Store},
};
use serde_json::Value;

use crate::{
    common::ablate,
    shared::{Running, checkpoint, sweep},
    support::{Sweep, done},
};

fn status(sweep: &Sweep) -> Value {
    let out = sweep.out();
    let text = ablate(&["status", out.to_str().unwrap(), "--format", "json"]).ok();
    serde_json::from_str(&text).unwrap()
}

/// Cells, done, running, failed, waiting.
fn counts(status: &Value, stage: &str) -> [u64; 5] {
    let stages = status["stages"].as_array().unwrap();
    let found = stages.iter().find(|of| of["stage"] == stage).unwrap();
    ["cells", "done", "running", "failed", "waiting"].map(|key| found[key].as_u64().unwrap())
}

/// Every file below a folder, with its time.
fn files(folder: &Path) -> Vec<(String, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push((
                entry.path().display().to_string(),
                entry.metadata().unwrap().modified().unwrap(),
            )),
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_done_held_failed_and_left_is_counted() {
    let sweep = sweep();
    sweep.run(&["--stages", "cost"]).ok();
    let wide = sweep.record("wide", Stage::Cost);
    let small = sweep.record("small", Stage::Cost);
    let path = |key: &str| sweep.out().join(format!("records/{key}.json"));
    // One fails, the other is held.
    let mut failed = serde_json::to_value(&wide).unwrap();
    failed["outcome"] = serde_json::json!({ "status": "failed", "error": "no luck" });
    fs::write(
        path(&wide.key),
        serde_json::to_string_pretty(&failed).unwrap(),
    )
    .unwrap();
    fs::remove_file(path(&small.key)).unwrap();
    let leases = Leases::open(sweep.out().join("leases"));
    let claim = leases.claim(&small.key).unwrap();

    let before = files(&sweep.out());
    let found = status(&sweep);
    assert_eq!(files(&sweep.out()), before, "a look writes nothing");
    // Two models under two seeds, which share their costs.
    assert_eq!(counts(&found, "cost"), [4, 0, 2, 2, 0]);
    assert_eq!(counts(&found, "train"), [4, 0, 0, 0, 4]);
    assert_eq!(found["running"][0]["process"], std::process::id());
    assert!(found["running"][0]["since"].is_string(), "{found}");
    assert_eq!(found["failed"][0]["error"], "no luck");

    drop(claim);
    assert_eq!(counts(&status(&sweep), "cost"), [4, 0, 0, 2, 2]);
    let out = sweep.out();
    let table = ablate(&["status", out.to_str().unwrap()]).ok();
    assert!(
        table.contains("failed: cost wide@flex@drawn@0: no luck"),
        "{table}"
    );
}

#[test]
fn a_training_tells_its_epochs() {
    let sweep = sweep();
    let run = Running::start(&sweep, &["--stages", "train"]);
    checkpoint(&sweep);
    let found = status(&sweep);
    let training = &found["running"][0];
    assert_eq!(training["stage"], "train", "{found}");
    assert_eq!(training["of_epochs"], 12, "{found}");
    assert!(
        training["epochs"]
            .as_u64()
            .is_some_and(|epochs| (1..12).contains(&epochs))
    );
    assert!(
        training["left_s"].is_u64() && training["silent_s"].is_null(),
        "{found}"
    );
    assert_eq!(run.end().0, Some(0));
    let found = status(&sweep);
    assert_eq!(counts(&found, "train"), [4, 4, 0, 0, 0]);
    assert_eq!(found["running"], serde_json::json!([]));
}

/// Prints a figure of docs/cluster.md: `cargo test … -- --ignored --nocapture ten_thousand`.
#[test]
#[ignore = "a measurement, best on a machine that is idle"]
fn the_status_of_ten_thousand_cells_takes_less_than_a_second() {
    let sweep = sweep();
    sweep.run(&["--stages", "train"]).ok();
    let store = Store::open(sweep.out()).unwrap();
    let manifest = store.manifest().unwrap();
    let trained = sweep.record("small", Stage::Train);
    let (cell, mut rows) = (&manifest.rows[0].cell, Vec::new());
    let leases = Leases::open(sweep.out().join("leases"));
    let mut held = Vec::new();
    for number in 0..10_000 {
        let cell = ablate_records::Cell {
            seed: Some(number),
            ..cell.clone()
        };
        for stage in Stage::ALL {
            let inputs = serde_json::json!({ "cell": number, "stage": stage });
            let record = Record {
                key: key(stage, &inputs),
                stage,
                inputs,
                cell: cell.clone(),
                ..trained.clone()
            };
            if number % 2 == 0 {
                store.save(&record).unwrap();
            } else if held.len() < 200 && stage == Stage::Train {
                held.push(leases.claim(&record.key).unwrap());
                let from = sweep
                    .out()
                    .join(folder_of(&trained))
                    .join("resume.safetensors");
                let to = sweep
                    .out()
                    .join("weights")
                    .join(cell_id(&cell))
                    .join(&record.key[..8]);
                fs::create_dir_all(&to).unwrap();
                fs::copy(from, to.join("resume.safetensors")).unwrap();
            }
            rows.push(ManifestEntry {
                cell: cell.clone(),
                stage,
                record: Reference::Key(record.key),
            });
        }
    }
    store.save_manifest(&Manifest { rows, ..manifest }).unwrap();
    let start = Instant::now();
    let found = status(&sweep);
    let took = start.elapsed();
    println!(
        "10,000 cells, 50,000 stages, 200 workers: {:.2} s",
        took.as_secs_f64()
    );
    assert_eq!(counts(&found, "train"), [10_000, 5000, 200, 0, 4800]);
    assert!(took.as_secs_f64() < 1.0);
}

/// Of a training's checkpoints.
fn folder_of(record: &Record) -> std::path::PathBuf {
    let Measurement::Train(trained) = done(record) else {
        panic!("{record:?}")
    };
    Path::new(&trained.best_weights)
        .parent()
        .unwrap()
        .to_owned()
}

#[test]
fn a_folder_without_a_plan_is_refused() {
    let sweep = sweep();
    fs::create_dir_all(sweep.out().join("records")).unwrap();
    let out = sweep.out();
    let error = ablate(&["status", out.to_str().unwrap()]).refused();
    assert!(error.contains("found no plan.json"), "{error}");
}
