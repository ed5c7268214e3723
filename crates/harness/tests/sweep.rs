//! Sweeps from end to end.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use ablate::record::{FirstWeights, Measurement, Outcome, Record, Stage};
use ablate_model::{Catalog, Detector, weights};
use burn::tensor::Device;
use common::{Run, ablate};

const COSTS: &str = "
name: costs
families: [yolov5]
scales: [n, s]
variants: [baseline, gsconv]
";

/// A sweep's file and the folder of its results.
struct Sweep {
    folder: tempfile::TempDir,
}

impl Sweep {
    fn new(text: &str) -> Self {
        let sweep = Self { folder: tempfile::tempdir().unwrap() };
        sweep.write("sweep.yaml", text);
        sweep
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn run(&self, more: &[&str]) -> Run {
        let (file, out) = (self.folder.path().join("sweep.yaml"), self.out());
        let mut arguments = vec!["run", file.to_str().unwrap(), "--out", out.to_str().unwrap()];
        arguments.extend(more);
        ablate(&arguments)
    }

    fn records(&self) -> Vec<Record> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.out().join("records")).unwrap().map(|file| file.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
        files.sort();
        files.iter().map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap()).collect()
    }

    fn record(&self, model: &str, stage: Stage) -> Record {
        let found = self.records().into_iter().find(|record| record.cell.model == model && record.stage == stage);
        found.unwrap_or_else(|| panic!("no record of {model}, {stage:?}"))
    }
}

fn done(record: &Record) -> &Measurement {
    match &record.outcome {
        Outcome::Done { measurement } => measurement,
        other => panic!("{}: {other:?}", record.cell.model),
    }
}

fn rows(csv: &Path) -> Vec<std::collections::HashMap<String, String>> {
    csv::Reader::from_path(csv).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn costs_are_recorded_printed_and_found_again() {
    let sweep = Sweep::new(COSTS);
    let run = sweep.run(&[]);
    assert!(run.stderr().contains("4 measured, 0 found"), "{}", run.stderr());
    let screen = run.ok();
    assert!(screen.contains("yolov5s+gsconv"), "{screen}");
    assert!(sweep.out().join("report.html").exists());
    let rows = rows(&sweep.out().join("results.csv"));
    let row = rows.iter().find(|row| row["model"] == "yolov5n").unwrap();
    assert_eq!((row["params"].as_str(), row["latency_ms_median"].as_str()), ("1872157", ""));

    let again = sweep.run(&[]);
    assert!(again.stderr().contains("0 measured, 4 found"), "{}", again.stderr());
    // A record that a crash or a hand has spoilt is measured again.
    let key = sweep.record("yolov5s", Stage::Cost).key;
    fs::write(sweep.out().join(format!("records/{key}.json")), "{").unwrap();
    let repaired = sweep.run(&[]);
    assert!(repaired.stderr().contains("1 measured, 3 found"), "{}", repaired.stderr());
    assert!(repaired.stderr().contains("corrupt"), "{}", repaired.stderr());
    let fresh = sweep.run(&["--fresh"]);
    assert!(fresh.stderr().contains("4 measured, 0 found"), "{}", fresh.stderr());
}

#[test]
fn a_cell_alone_and_a_part_of_a_sweep() {
    let sweep = Sweep::new(COSTS);
    let plan = sweep.run(&["--dry-run"]).ok();
    assert!(plan.contains("yolov5s+gsconv@flex") && plan.contains("4 cells"), "{plan}");
    assert!(!sweep.out().exists(), "a dry run writes nothing");
    sweep.run(&["--cell", "yolov5s+gsconv@flex"]).ok();
    assert_eq!(sweep.records().len(), 1);
    sweep.run(&["--variants", "gsconv", "--stages", "cost,latency"]).ok();
    assert_eq!(sweep.records().len(), 2);
    let error = sweep.run(&["--cell", "yolov5m@flex"]).refused();
    assert!(error.contains("yolov5m@flex") && error.contains("yolov5s@flex"), "{error}");
    let error = sweep.run(&["--device", "vulkan:0"]).refused();
    assert!(error.contains("feature `vulkan`"), "{error}");
}

/// In half precision beside single, in one report.
#[test]
fn a_latency_in_sixteen_bits_comes_with_what_rounding_did() {
    let sweep = "name: half\nmodels: [yolov5n]\nlatency: {imgsz: 64, budget_s: 0, min_iterations: 1, dtype: [f32, bf16]}\n";
    let sweep = Sweep::new(sweep);
    let screen = sweep.run(&[]).ok();
    assert!(screen.contains("batch 1 in bf16"), "{screen}");
    let rows = rows(&sweep.out().join("results.csv"));
    let row = |dtype: &str| rows.iter().find(|row| row["latency_dtype"] == dtype).unwrap();
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert_eq!(row("f32")["latency_rounding_error"], "");
    let error = number(&row("bf16")["latency_rounding_error"]);
    assert!(error > 0.0 && error < 0.05, "{error}");
    assert!(number(&row("bf16")["latency_ms_median"]) > 0.0);
    assert_ne!(row("f32")["latency_key"], row("bf16")["latency_key"]);
}

#[test]
fn a_cell_that_fails_is_recorded_and_the_others_go_on() {
    let sweep = Sweep::new(&(COSTS.to_owned() + "tables: [misfit.yaml]\nmodels: [yolov5n+misfit]\n"));
    // No row of the table is a Focus.
    sweep.write("misfit.yaml", "title: Misfit\npatch:\n  - {replace: {Focus: Conv}, in: backbone}\n");
    let run = sweep.run(&[]);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    assert!(run.stderr().contains("4 measured, 0 found in earlier records, 1 failed"), "{}", run.stderr());
    let failed = sweep.record("yolov5n+misfit", Stage::Cost);
    assert!(matches!(&failed.outcome, Outcome::Failed { error } if error.contains("Focus")), "{:?}", failed.outcome);
    let rows = rows(&sweep.out().join("results.csv"));
    let row = rows.iter().find(|row| row["model"] == "yolov5n+misfit").unwrap();
    assert!(row["status"] == "failed" && row["error"].contains("Focus"), "{row:?}");
    // Tried again, and still wrong.
    assert_eq!(sweep.run(&[]).code(), 1);
}

#[test]
fn a_model_that_there_is_not_stops_the_sweep_before_it_begins() {
    let sweep = Sweep::new(&COSTS.replace("gsconv", "gsconf"));
    let error = sweep.run(&[]).refused();
    assert!(error.contains("gsconf") && error.contains("gsconv"), "{error}");
    assert!(!sweep.out().exists());
}

/// Every stage, cut off after each, as a sweep that was killed.
#[test]
fn a_network_is_timed_trained_and_evaluated() {
    let sweep = Sweep::new(
        "
name: whole
families: [yolov5]
scales: [n]
variants: [baseline, gsconv]
nc: 80
latency: {imgsz: 64, budget_s: 0.05, warmup: 1, min_iterations: 3}
train: {data: drawn.yaml, imgsz: 64, epochs: 1, batch: 8}
eval: {split: test}
",
    );
    sweep.write("drawn.yaml", "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\n");
    sweep.run(&["--stages", "cost"]).ok();
    sweep.run(&["--stages", "latency"]).ok();
    let times = [sweep.record("yolov5n", Stage::Latency), sweep.record("yolov5n+gsconv", Stage::Latency)];
    for record in &times {
        let Measurement::Latency(latency) = done(record) else { panic!("{record:?}") };
        assert!(latency.iterations >= 3 && latency.median_ms > 0.1, "{latency:?}");
    }

    // Evaluation without training is skipped, and measured once there is one.
    sweep.run(&["--stages", "eval", "--variants", "gsconv"]).ok();
    let skipped = sweep.record("yolov5n+gsconv", Stage::Eval);
    assert_eq!(skipped.outcome, Outcome::Skipped { reason: "it is not trained yet".into() });
    let run = sweep.run(&["--variants", "gsconv"]);
    assert!(run.stderr().contains("2 measured, 2 found"), "{}", run.stderr());
    run.ok();
    let trained = sweep.record("yolov5n+gsconv", Stage::Train);
    let Measurement::Train(training) = done(&trained) else { panic!("{trained:?}") };
    assert_eq!((training.epochs.len(), training.train_images, training.val_images), (1, 16, 4));
    assert!(sweep.out().join(&training.best_weights).is_file() && sweep.out().join(&training.last_weights).is_file());
    let evaluated = sweep.record("yolov5n+gsconv", Stage::Eval);
    let Measurement::Eval(evaluation) = done(&evaluated) else { panic!("{evaluated:?}") };
    assert_eq!((evaluation.split.as_str(), evaluation.images, evaluation.boxes.coco.len()), ("test", 4, 12));

    // Training alone is not measured again for another image size of the latency.
    let text = fs::read_to_string(sweep.folder.path().join("sweep.yaml")).unwrap();
    sweep.write("sweep.yaml", &text.replace("{imgsz: 64, budget_s", "{imgsz: 96, budget_s"));
    let run = sweep.run(&["--variants", "gsconv", "--stages", "train,eval"]);
    assert!(run.stderr().contains("0 measured, 2 found"), "{}", run.stderr());

    // The weights that the sweep left are those that it evaluated.
    let (data, weights) = (sweep.folder.path().join("drawn.yaml"), sweep.out().join(&training.best_weights));
    let found = sweep.folder.path().join("found.json");
    let val = ablate(&[
        "val",
        "yolov5n+gsconv",
        "--weights",
        weights.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--split",
        "test",
        "--imgsz",
        "64",
        "--batch",
        "3",
        "--format",
        "json",
        "--save-json",
        found.to_str().unwrap(),
    ])
    .ok();
    let val: serde_json::Value = serde_json::from_str(&val).unwrap();
    let (again, before) = (val["coco"]["AP"].as_f64().unwrap_or(0.0), evaluation.boxes.coco["AP"].unwrap_or(0.0));
    assert!((again - before).abs() < 1e-6, "another batch size, the same figures: {again}, {before}");
    let found: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(found).unwrap()).unwrap();
    assert!(found.iter().all(|detection| detection["bbox"].as_array().is_some_and(|bbox| bbox.len() == 4)));
}

/// Heads of both families that make masks, on a backbone of their own, too.
#[test]
fn masks_are_trained_and_evaluated_beside_boxes() {
    let sweep = Sweep::new(
        "
name: masks
models: [yolov5n+mobilenetv2+segment, yolov8n+segment]
train: {data: drawn.yaml, imgsz: 64, epochs: 1, batch: 8}
eval: {split: test}
",
    );
    sweep.write("drawn.yaml", "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\nmasks: true\n");
    sweep.run(&[]).ok();
    for model in ["yolov5n+mobilenetv2+segment", "yolov8n+segment"] {
        let (trained, evaluated) = (sweep.record(model, Stage::Train), sweep.record(model, Stage::Eval));
        let Measurement::Train(training) = done(&trained) else { panic!("{trained:?}") };
        assert!(training.epochs[0].losses["seg"] > 0.0 && training.epochs[0].mask_map50_95.is_some());
        let Measurement::Eval(evaluation) = done(&evaluated) else { panic!("{evaluated:?}") };
        assert_eq!(evaluation.masks.as_ref().unwrap().coco.len(), 12);
    }
    let row = &rows(&sweep.out().join("results.csv"))[0];
    assert!(row["mask_map50_95"].parse::<f64>().is_ok() && row["mask_ar_100"].parse::<f64>().is_ok(), "{row:?}");

    // Boxes alone can't train masks, and the cell says so.
    let boxes = Sweep::new("name: boxes\nmodels: [yolov8n+segment]\ntrain: {data: drawn.yaml, imgsz: 64, epochs: 1, batch: 8}\n");
    boxes.write("drawn.yaml", "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\n");
    boxes.run(&[]);
    let Outcome::Failed { error } = boxes.record("yolov8n+segment", Stage::Train).outcome else { panic!("it can't be trained") };
    assert!(error.contains("data set drawn, split `train`") && error.contains("has an object with a box but no mask"), "{error}");
}

/// First weights of `yolov5n` for 80 classes, which fit another number of classes but for the head's three convolutions.
fn first_weights(file: &Path, seed: u64) {
    let graph = Catalog::builtin().resolve(&"yolov5n".parse().unwrap()).unwrap().graph(Some(80)).unwrap();
    weights::save(&Detector::new(&graph, seed, &Device::flex()), file).unwrap();
}

/// What a record and the commands say of a file of weights; another file makes another record.
#[test]
fn trainings_begin_with_what_fits_of_a_file() {
    let sweep = Sweep::new(
        "
name: begun
models: [yolov5n, yolov5n+gsconv]
train: {data: drawn.yaml, imgsz: 64, epochs: 1, batch: 8, weights: first.safetensors}
",
    );
    sweep.write("drawn.yaml", "format: shapes\nimgsz: 64\nimages: {train: 8, val: 4, test: 4}\n");
    let error = sweep.run(&[]).refused();
    assert!(error.contains("train.weights") && error.contains("first.safetensors"), "{error}");

    let file = sweep.folder.path().join("first.safetensors");
    first_weights(&file, 1);
    let screen = sweep.run(&["--stages", "train"]).ok();
    let first = |model: &str| {
        let record = sweep.record(model, Stage::Train);
        let Measurement::Train(training) = done(&record) else { panic!("{record:?}") };
        training.weights.clone().expect("it began with a file")
    };
    let (plain, variant) = (first("yolov5n"), first("yolov5n+gsconv"));
    assert_eq!((plain.file.as_str(), plain.total - plain.taken, plain.unused), ("first.safetensors", 6, 0), "{plain:?}");
    assert!(variant.taken < plain.taken && variant.taken > 0, "{variant:?}");
    let said = |weights: &FirstWeights| format!("{} of {} tensors", weights.taken, weights.total);
    assert!(screen.contains(&format!("started from first.safetensors: yolov5n {}", said(&plain))), "{screen}");
    let page = fs::read_to_string(sweep.out().join("report.html")).unwrap();
    assert!(page.contains(&said(&plain)) && page.contains(&said(&variant)));
    let record = sweep.record("yolov5n", Stage::Train);
    assert_eq!(record.inputs["weights"], blake3::hash(&fs::read(&file).unwrap()).to_hex().as_str());

    let again = sweep.run(&["--stages", "train"]);
    assert!(again.stderr().contains("0 measured, 2 found"), "{}", again.stderr());
    first_weights(&file, 2);
    let other = sweep.run(&["--stages", "train", "--cell", "yolov5n@flex@drawn@0"]);
    assert!(other.stderr().contains("1 measured, 0 found"), "{}", other.stderr());

    // The commands, of the same file.
    let (data, out) = (sweep.folder.path().join("drawn.yaml"), sweep.folder.path().join("run"));
    let (data, out, file) = (data.to_str().unwrap(), out.to_str().unwrap(), file.to_str().unwrap());
    let common = ["yolov5n", "--weights", file, "--data", data, "--imgsz", "64", "--batch", "8"];
    let begun = format!("{file}: {} taken\n  6 still random: model.24.m.0.bias, ", said(&plain));
    let text = ablate(&[&["train"], &common[..], &["--epochs", "1", "--out", out]].concat()).ok();
    assert!(text.starts_with(&begun) && text.contains("best epoch 1 of 1"), "{text}");
    let text = ablate(&[&["val"], &common[..]].concat()).ok();
    assert!(text.starts_with(&begun) && text.contains("4 images"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&ablate(&[&["val"], &common[..], &["--format", "json"]].concat()).ok()).unwrap();
    assert_eq!(json["weights"], serde_json::to_value(&plain).unwrap());
    let text = ablate(&["val", "yolov5n+gsconv", "--weights", file, "--data", data, "--imgsz", "64"]).ok();
    assert!(text.contains(&format!("{} taken", said(&variant))) && text.contains(" in the file without a place: model."), "{text}");
    let save = sweep.folder.path().join("sure.json");
    let sure = ["--max-det", "2", "--conf", "0.0011", "--iou", "0.9", "--save-json", save.to_str().unwrap()];
    ablate(&[&["val"], &common[..], &sure].concat()).ok();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(&save).unwrap()).unwrap();
    assert!(rows.len() == 8 && rows.iter().all(|row| row["score"].as_f64().unwrap() > 0.0011), "{rows:?}");
    let error = ablate(&[&["val"], &common[..], &["--iou", "70"]].concat()).refused();
    assert!(error.contains("'70' for '--iou") && error.contains("0 to 1"), "{error}");
    let error = ablate(&["train", "yolov5n", "--weights", "no/such.pt", "--data", data, "--imgsz", "64"]).refused();
    assert!(error.contains("no/such.pt: no such file"), "{error}");
}

/// Records of before there were first weights in them.
#[test]
fn a_record_without_first_weights_is_read() {
    let text = r#"{"stage": "train", "epochs": [], "train_s": 1.0, "images_per_s": 2.0, "best_epoch": 0, "best_weights": "b", "last_weights": "l",
        "train_images": 3, "val_images": 4}"#;
    let measurement: Measurement = serde_json::from_str(text).unwrap();
    let Measurement::Train(training) = &measurement else { panic!("{measurement:?}") };
    assert_eq!(training.weights, None);
    assert!(serde_json::to_value(&measurement).unwrap().get("weights").is_none());
}

/// A sweep that is killed in the middle of a training goes on from the last epoch that it finished.
#[test]
fn a_killed_training_goes_on() {
    let sweep = Sweep::new(
        "
name: killed
models: [yolov5n]
train: {data: drawn.yaml, imgsz: 64, epochs: 4, batch: 8}
",
    );
    sweep.write("drawn.yaml", "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\n");
    let (file, out) = (sweep.folder.path().join("sweep.yaml"), sweep.out());
    let mut killed = std::process::Command::new(env!("CARGO_BIN_EXE_ablate"))
        .args(["run", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "-q"])
        .spawn()
        .unwrap();
    let checkpoint = || find(&out.join("weights"), "resume.safetensors");
    while checkpoint().is_none() {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before its first checkpoint");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();

    let run = sweep.run(&[]);
    assert!(run.stderr().contains("1 measured, 1 found"), "the cost was recorded: {}", run.stderr());
    assert!(run.stderr().contains("goes on after epoch"), "{}", run.stderr());
    run.ok();
    let trained = sweep.record("yolov5n", Stage::Train);
    let Measurement::Train(training) = done(&trained) else { panic!("{trained:?}") };
    let epochs: Vec<usize> = training.epochs.iter().map(|epoch| epoch.epoch).collect();
    assert_eq!(epochs, [0, 1, 2, 3]);
}

/// Models that differ from the first evaluation on: their losses know one class and one large object.
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

/// Model by model what became of the trainings, but for what they took of time; of those that were finished the weights.
fn ends(sweep: &Sweep) -> Vec<(String, Option<ablate::record::Rung>, String, Vec<u8>)> {
    let trainings = sweep.records().into_iter().filter(|record| record.stage == Stage::Train);
    let mut ends: Vec<_> = trainings
        .map(|record| {
            let (rung, epochs, weights) = match record.outcome {
                Outcome::Done { measurement: Measurement::Train(trained) } => {
                    (None, trained.epochs, fs::read(sweep.out().join(trained.best_weights)).unwrap())
                }
                Outcome::Stopped { rung, epochs, .. } => (Some(rung), epochs, Vec::new()),
                other => panic!("{other:?}"),
            };
            let log = epochs.iter().map(|epoch| format!("{:?} {:?} {:?}\n", epoch.epoch, epoch.losses, epoch.map50_95)).collect();
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
    assert!(plan.contains("4 cells\nhalving: after epoch 1, 2 of 4 the best 50 % of the models"), "{plan}");
    let run = sweep.run(&[]);
    assert!(run.stderr().contains("halving yolov5n on flex after epoch 1 of 4: 2 go on"), "{}", run.stderr());
    assert!(run.stderr().contains("halving yolov5n on flex after epoch 2 of 4: 1 go on"), "{}", run.stderr());
    assert!(run.stderr().contains("2 stopped"), "{}", run.stderr());
    let screen = run.ok();
    assert!(screen.contains("stopped after epoch 1 of 4 by halving: place 3 of 3"), "{screen}");
    let whole = ends(&sweep);
    let stopped: Vec<(usize, usize, usize)> =
        whole.iter().filter_map(|end| end.1).map(|rung| (rung.epoch, rung.place, rung.ranked)).collect();
    assert!(stopped.contains(&(1, 3, 3)) && stopped.contains(&(2, 2, 2)) && stopped.len() == 2, "{stopped:?}");
    assert!(whole[0].0 == "yolov5n" && whole[0].1.is_none(), "the baseline goes on");
    let csv = rows(&sweep.out().join("results.csv"));
    assert!(
        csv.iter().filter(|row| row["status"] == "stopped").all(|row| row["map50_95"].is_empty() && row["not_measured"].contains("epoch"))
    );
    assert_eq!(csv.iter().filter(|row| row["status"] == "stopped").count(), 2);

    // The same once more finds all of it.
    let again = sweep.run(&[]);
    assert!(again.stderr().contains("0 measured, 10 found in earlier records, 0 failed; "), "{}", again.stderr());

    let cut = halved(HALVED);
    let (file, out) = (cut.folder.path().join("sweep.yaml"), cut.out());
    let command = ["run", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "-q"];
    let mut kills = 0;
    loop {
        let mut killed =
            std::process::Command::new(env!("CARGO_BIN_EXE_ablate")).args(command).stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300 + 70 * kills));
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
}

#[test]
fn what_halving_stopped_is_trained_to_its_end_where_nothing_stops_it() {
    let sweep = halved(&HALVED.replace(", yolov5n+ghost-static", "").replace("rungs: 2", "rungs: 1"));
    sweep.run(&["--stages", "train"]).ok();
    let stopped = ends(&sweep).into_iter().find(|end| end.1.is_some()).expect("one of two stops");
    // Alone it has nobody to lose to.
    let alone = format!("{}@flex@drawn@0", stopped.0);
    let run = sweep.run(&["--stages", "train", "--cell", &alone]);
    assert!(run.stderr().contains(&format!("halving: {} to their end", stopped.0)), "{}", run.stderr());
    assert!(run.stderr().contains("goes on after epoch 2 of 4") && run.stderr().contains("1 measured, 0 found"), "{}", run.stderr());
    let finished = ends(&sweep);
    assert!(finished.iter().all(|end| end.1.is_none()));
    // It keeps its figures where it would be stopped, and its weights are those of a sweep without halving.
    let again = sweep.run(&["--stages", "train"]);
    assert!(again.stderr().contains("0 measured, 3 found in earlier records, 0 failed; "), "{}", again.stderr());
    let text = fs::read_to_string(sweep.folder.path().join("sweep.yaml")).unwrap().replace("  halving: {rungs: 1, keep: 0.5}\n", "");
    let plain = halved(&text);
    plain.run(&["--stages", "train"]).ok();
    let weights = |sweep: &Sweep| ends(sweep).into_iter().map(|end| (end.0, end.3)).collect::<Vec<_>>();
    assert!(weights(&plain) == weights(&sweep));
    let keys = |sweep: &Sweep| sweep.records().into_iter().map(|record| record.key).collect::<Vec<_>>();
    assert_eq!(keys(&plain), keys(&sweep));

    // And a sweep without halving takes no stopped training for a finished one.
    let stopping = halved(&HALVED.replace(", yolov5n+ghost-static", "").replace("rungs: 2", "rungs: 1"));
    stopping.run(&["--stages", "train"]).ok();
    stopping.write("sweep.yaml", &text);
    let on = stopping.run(&["--stages", "train"]);
    assert!(on.stderr().contains("1 measured, 2 found"), "{}", on.stderr());
    assert!(weights(&plain) == weights(&stopping));
}

#[test]
fn halving_needs_a_validation_split() {
    let sweep = Sweep::new("name: blind\nmodels: [yolov5n]\nnc: 3\ntrain: {data: data.yaml, imgsz: 64, epochs: 4, halving: {}}\n");
    sweep.write("data.yaml", "format: coco\ntrain: {images: train, annotations: train.json}\n");
    let error = sweep.run(&[]).refused();
    assert!(error.contains("sweep.yaml") && error.contains("`train.halving`") && error.contains("`val`"), "{error}");
    assert!(!sweep.out().exists());
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.find_map(|path| if path.is_dir() { find(&path, name) } else { (path.file_name()? == name).then_some(path) })
}
