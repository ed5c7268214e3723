//! `ablate status`, before, while and after a sweep runs.

use std::{fs, path::Path};

use ablate_files::Leases;
use ablate_records::Stage;
use serde_json::Value;

use crate::{
    common::ablate,
    shared::{Running, checkpoint, sweep},
    support::Sweep,
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
    // Longer than a look takes.
    let long = sweep();
    let file = long.folder.path().join("sweep.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, text.replace("epochs: 12", "epochs: 2000")).unwrap();
    let run = Running::start(&long, &["--stages", "train"]);
    checkpoint(&long);
    let found = status(&long);
    let training = &found["running"][0];
    assert_eq!(training["stage"], "train", "{found}");
    assert_eq!(training["of_epochs"], 2000, "{found}");
    assert!(
        training["epochs"]
            .as_u64()
            .is_some_and(|epochs| (1..2000).contains(&epochs))
    );
    assert!(
        training["left_s"].is_u64() && training["silent_s"].is_null(),
        "{found}"
    );
    run.signal("-TERM");
    assert_eq!(run.end().0, Some(143));

    let sweep = sweep();
    sweep.run(&["--stages", "train"]).ok();
    let found = status(&sweep);
    assert_eq!(counts(&found, "train"), [4, 4, 0, 0, 0]);
    assert_eq!(found["running"], serde_json::json!([]));
}

#[test]
fn a_folder_without_a_plan_is_refused() {
    let sweep = sweep();
    fs::create_dir_all(sweep.out().join("records")).unwrap();
    let out = sweep.out();
    let error = ablate(&["status", out.to_str().unwrap()]).refused();
    assert!(error.contains("found no plan.json"), "{error}");
}
