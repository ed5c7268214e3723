//! Trainings that others leave behind.

use std::{fs, path::Path};

use ablate_records::{Measurement, Outcome, Stage};

use crate::{
    shared::{Running, checkpoint},
    support::{Sweep, rows},
};

/// Models that differ from the first evaluation on: their losses know one class and one large
/// object.
const HALVED: &str = "
name: halved
models: [yolov5n, yolov5n+gsconv, yolov5n+mobilenetv2, yolov5n+ghost-static]
train:
  data: drawn.yaml
  imgsz: 64
  epochs: 4
  batch: 8
  overrides: {nbs: 8, mosaic: 0.0, scale: 0.1, warmup_epochs: 0, warmup_min_steps: 4, ema_tau: 4, lr0: 0.02, obj: 20.0, cls: 4.0, val_interval: 0}
  halving: {rungs: 2, keep: 0.5}
eval: {split: test}
";

fn halved(text: &str) -> Sweep {
    let sweep = Sweep::new(text);
    let drawn = "format: shapes\nimgsz: 64\nimages: {train: 16, val: 8, test: 4}\nclasses: [square]\nobjects: [1, 1]\nscale: [0.6, 0.9]\n";
    sweep.write("drawn.yaml", drawn);
    sweep
}

/// Two runs at once, also with one of them killed, stop the models that one run stops.
#[cfg(unix)]
#[test]
fn two_runs_halve_as_one_does() {
    let one = halved(HALVED);
    one.run(&["--stages", "train"]).ok();
    let expected = ends(&one);
    for is_killed in [false, true] {
        let shared = halved(HALVED);
        let runs = [0, 1].map(|_| Running::start(&shared, &["--stages", "train"]));
        if is_killed {
            checkpoint(&shared);
            runs[0].signal("-KILL");
        }
        for (place, run) in runs.into_iter().enumerate() {
            let (code, log) = run.end();
            let expected = Some(0).filter(|_| !(is_killed && place == 0));
            assert_eq!(code, expected, "{log}");
            assert!(
                is_killed || log.contains(" epoch 1/4: "),
                "it has a share: {log}"
            );
        }
        assert!(ends(&shared) == expected);
        let leases = std::fs::read_dir(shared.out().join("leases")).unwrap();
        let left: Vec<_> = leases.map(|lease| lease.unwrap().file_name()).collect();
        assert!(left.is_empty(), "killed: {is_killed}: {left:?}");
    }
}

/// Model by model what became of the trainings, but for what they took of time; of those that were
/// finished the weights.
fn ends(sweep: &Sweep) -> Vec<(String, Option<ablate_records::Rung>, String, Vec<u8>)> {
    let trainings = sweep
        .records()
        .into_iter()
        .filter(|record| record.stage == Stage::Train);
    let mut ends: Vec<_> = trainings
        .map(|record| {
            let (rung, epochs, weights) = match record.outcome {
                Outcome::Done {
                    measurement: Measurement::Train(trained),
                } => (
                    None,
                    trained.epochs,
                    fs::read(sweep.out().join(trained.best_weights)).unwrap(),
                ),
                Outcome::Stopped { rung, epochs, .. } => (Some(rung), epochs, Vec::new()),
                other => panic!("{other:?}"),
            };
            let log = epochs
                .iter()
                .map(|epoch| {
                    format!(
                        "{:?} {:?} {:?}\n",
                        epoch.epoch, epoch.losses, epoch.map50_95
                    )
                })
                .collect();
            (record.cell.model, rung, log, weights)
        })
        .collect();
    ends.sort_by(|a, b| a.0.cmp(&b.0));
    ends
}

#[test]
fn halving_stops_models_and_a_killed_run_stops_the_same() {
    let sweep = halved(HALVED);
    let plan = sweep.run(&["--dry-run"]).ok();
    assert!(
        plan.contains("4 cells\nhalving: after epoch 1, 2 of 4 the best 50 % of the models"),
        "{plan}"
    );
    let run = sweep.run(&[]);
    assert!(
        run.stderr()
            .contains("halving yolov5n on flex after epoch 1 of 4: 2 go on"),
        "{}",
        run.stderr()
    );
    assert!(
        run.stderr()
            .contains("halving yolov5n on flex after epoch 2 of 4: 1 go on"),
        "{}",
        run.stderr()
    );
    assert!(run.stderr().contains("2 stopped"), "{}", run.stderr());
    let screen = run.ok();
    assert!(
        screen.contains("stopped after epoch 1 of 4 by halving: place 3 of 3"),
        "{screen}"
    );
    let whole = ends(&sweep);
    let stopped: Vec<(usize, usize, usize)> = whole
        .iter()
        .filter_map(|end| end.1)
        .map(|rung| (rung.epoch, rung.place, rung.ranked))
        .collect();
    assert!(
        stopped.contains(&(1, 3, 3)) && stopped.contains(&(2, 2, 2)) && stopped.len() == 2,
        "{stopped:?}"
    );
    assert!(
        whole[0].0 == "yolov5n" && whole[0].1.is_none(),
        "the baseline goes on"
    );
    let csv = rows(&sweep.out().join("results.csv"));
    assert!(
        csv.iter()
            .filter(|row| row["status"] == "stopped")
            .all(|row| row["map50_95"].is_empty() && row["not_measured"].contains("epoch"))
    );
    assert_eq!(
        csv.iter().filter(|row| row["status"] == "stopped").count(),
        2
    );

    // The same once more finds all of it.
    let again = sweep.run(&[]);
    assert!(
        again
            .stderr()
            .contains("0 measured, 10 found in earlier records, 0 failed, 2 skipped; "),
        "{}",
        again.stderr()
    );

    let cut = halved(&HALVED.replace("  epochs: 4\n", "  epochs: 4\n  tensorboard: true\n"));
    let (file, out) = (cut.folder.path().join("sweep.yaml"), cut.out());
    let command = [
        "run",
        file.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "-q",
    ];
    // What ends its process five times in a row without a step forward has failed: the pauses grow.
    let (mut kills, mut pause) = (0, std::time::Duration::from_millis(300));
    loop {
        let mut killed = std::process::Command::new(env!("CARGO_BIN_EXE_ablate"))
            .args(command)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(pause);
        pause = pause.mul_f64(1.4);
        if let Some(status) = killed.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 0);
    assert_eq!(ends(&cut), whole);
    // However often it was killed and went on, each epoch is on its curve once; and what was
    // trained without curves gets them from its records.
    sweep.run(&["--tensorboard"]).ok();
    for out in [cut.out(), sweep.out()] {
        for (model, rung, ..) in &whole {
            let epochs = rung.map_or(4, |rung| rung.epoch);
            let curves = out.join(format!("tensorboard/{model}-seed0-flex"));
            assert_eq!(points(&curves, "lr/weights"), epochs, "{model}");
        }
    }
}

/// How many points a curve of the only event file in a folder has.
fn points(folder: &Path, tag: &str) -> usize {
    let files: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let bytes = fs::read(files[0].as_ref().unwrap().path()).unwrap();
    let of_tag = |part: &&[u8]| *part == tag.as_bytes();
    bytes.windows(tag.len()).filter(of_tag).count()
}

#[test]
fn what_halving_stopped_is_trained_to_its_end_where_nothing_stops_it() {
    let sweep = halved(
        &HALVED
            .replace(", yolov5n+ghost-static", "")
            .replace("rungs: 2", "rungs: 1"),
    );
    sweep.run(&["--stages", "train"]).ok();
    let stopped = ends(&sweep)
        .into_iter()
        .find(|end| end.1.is_some())
        .expect("one of two stops");
    // Alone it has nobody to lose to.
    let alone = format!("{}@flex@drawn@0", stopped.0);
    let run = sweep.run(&["--stages", "train", "--cell", &alone]);
    assert!(
        run.stderr()
            .contains(&format!("halving: {} to their end", stopped.0)),
        "{}",
        run.stderr()
    );
    assert!(
        run.stderr().contains("continues after epoch 2 of 4")
            && run.stderr().contains("1 measured, 0 found"),
        "{}",
        run.stderr()
    );
    let finished = ends(&sweep);
    assert!(finished.iter().all(|end| end.1.is_none()));
    // It keeps its figures where it would be stopped, and its weights are those of a sweep without
    // halving.
    let again = sweep.run(&["--stages", "train"]);
    assert!(
        again
            .stderr()
            .contains("0 measured, 3 found in earlier records, 0 failed; "),
        "{}",
        again.stderr()
    );
    let text = fs::read_to_string(sweep.folder.path().join("sweep.yaml"))
        .unwrap()
        .replace("  halving: {rungs: 1, keep: 0.5}\n", "");
    let plain = halved(&text);
    plain.run(&["--stages", "train"]).ok();
    let weights = |sweep: &Sweep| {
        ends(sweep)
            .into_iter()
            .map(|end| (end.0, end.3))
            .collect::<Vec<_>>()
    };
    assert!(weights(&plain) == weights(&sweep));
    let keys = |sweep: &Sweep| {
        sweep
            .records()
            .into_iter()
            .map(|record| record.key)
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&plain), keys(&sweep));

    // And a sweep without halving takes no stopped training for a finished one.
    let stopping = halved(
        &HALVED
            .replace(", yolov5n+ghost-static", "")
            .replace("rungs: 2", "rungs: 1"),
    );
    stopping.run(&["--stages", "train"]).ok();
    stopping.write("sweep.yaml", &text);
    let on = stopping.run(&["--stages", "train"]);
    assert!(
        on.stderr().contains("1 measured, 2 found"),
        "{}",
        on.stderr()
    );
    assert!(weights(&plain) == weights(&stopping));
}

#[test]
fn halving_needs_a_validation_split() {
    let sweep = Sweep::new(
        "name: blind\nmodels: [yolov5n]\nnc: 3\ntrain: {data: data.yaml, imgsz: 64, epochs: 4, halving: {}}\n",
    );
    sweep.write(
        "data.yaml",
        "format: coco\ntrain: {images: train, annotations: train.json}\n",
    );
    let error = sweep.run(&[]).refused();
    assert!(
        error.contains("sweep.yaml")
            && error.contains("`train.halving`")
            && error.contains("`val`"),
        "{error}"
    );
    assert!(!sweep.out().exists());
}
