//! Trainings and evaluations.

use std::{fs, path::Path};

use ablate_model::{Catalog, Detector, weights};
use ablate_records::{FirstWeights, Measurement, Outcome, Record, Stage};
use burn::tensor::Device;
use image::{Rgb, RgbImage};

use crate::common::ablate;
use crate::support::{Sweep, done, find, rows};

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
train:
  data: drawn.yaml
  imgsz: 64
  epochs: 4
  batch: 8
  overrides: {nbs: 8, mosaic: 0.0, scale: 0.1, warmup_epochs: 0, warmup_min_steps: 4, ema_tau: 4, lr0: 0.02, obj: 20.0, cls: 4.0, val_interval: 0}
eval: {split: test}
detect: {images: 4, confidence: 0.001, budget_s: 0.05, within: 0}
",
    );
    sweep.write(
        "drawn.yaml",
        "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\nclasses: [square]\nobjects: [1, 1]\nscale: [0.6, 0.9]\n",
    );
    sweep.run(&["--stages", "cost"]).ok();
    sweep.run(&["--stages", "latency"]).ok();
    let times = [
        sweep.record("yolov5n", Stage::Latency),
        sweep.record("yolov5n+gsconv", Stage::Latency),
    ];
    for record in &times {
        let Measurement::Latency(latency) = done(record) else {
            panic!("{record:?}")
        };
        assert!(
            latency.iterations >= 3 && latency.median_ms > 0.1,
            "{latency:?}"
        );
    }

    // Evaluation without training is skipped, and measured once there is one.
    let run = sweep.run(&["--stages", "eval", "--variants", "gsconv"]);
    assert_eq!(run.code(), 1);
    let stderr = run.stderr();
    assert!(
        stderr.contains("eval 1/1 yolov5n+gsconv: it is not trained yet")
            && stderr.contains("0 failed, 1 wait for their trainings"),
        "{stderr}"
    );
    let is_eval = |record: &Record| record.stage == Stage::Eval;
    assert!(!sweep.records().iter().any(is_eval), "it may come yet");
    let run = sweep.run(&["--variants", "gsconv"]);
    assert!(
        run.stderr().contains("3 measured, 2 found"),
        "{}",
        run.stderr()
    );
    run.ok();
    let trained = sweep.record("yolov5n+gsconv", Stage::Train);
    let Measurement::Train(training) = done(&trained) else {
        panic!("{trained:?}")
    };
    assert_eq!(
        (
            training.epochs.len(),
            training.train_images,
            training.val_images
        ),
        (4, 16, 4)
    );
    assert!(
        sweep.out().join(&training.best_weights).is_file()
            && sweep.out().join(&training.last_weights).is_file()
    );
    let evaluated = sweep.record("yolov5n+gsconv", Stage::Eval);
    let Measurement::Eval(evaluation) = done(&evaluated) else {
        panic!("{evaluated:?}")
    };
    assert_eq!(
        (
            evaluation.split.as_str(),
            evaluation.images,
            evaluation.boxes.coco.len()
        ),
        ("test", 4, 12)
    );

    let detected = sweep.record("yolov5n+gsconv", Stage::Detect);
    let Measurement::Detect(detect) = done(&detected) else {
        panic!("{detected:?}")
    };
    let parts = detect.parts;
    let parts = [
        parts.letterbox_ms,
        parts.upload_ms,
        parts.forward_ms,
        parts.download_ms,
        parts.suppression_ms,
    ];
    assert!(parts.iter().all(|part| *part > 0.0), "{detect:?}");
    // Medians of parts add up to a time of the whole, whatever runs beside it.
    let (sum, whole): (f64, _) = (parts.iter().sum(), &detect.whole);
    assert!(
        (0.5 * whole.min_ms..2.0 * whole.p99_ms).contains(&sum),
        "{detect:?}"
    );
    assert_eq!((detect.split.as_str(), detect.images), ("test", 4));
    assert!(detect.whole.rounds.as_ref().unwrap().medians_ms.len() >= 10);
    // The baseline is not trained: it has nothing to detect with, and does not stand in the way.
    let of_baseline =
        |record: &Record| record.cell.model == "yolov5n" && record.stage == Stage::Detect;
    assert!(!sweep.records().iter().any(of_baseline));

    // Training alone is not measured again for another image size of the latency.
    let text = fs::read_to_string(sweep.folder.path().join("sweep.yaml")).unwrap();
    sweep.write(
        "sweep.yaml",
        &text.replace("{imgsz: 64, budget_s", "{imgsz: 96, budget_s"),
    );
    let run = sweep.run(&["--variants", "gsconv", "--stages", "train,eval"]);
    assert!(
        run.stderr().contains("0 measured, 2 found"),
        "{}",
        run.stderr()
    );

    // The weights that the sweep left are those that it evaluated.
    let (data, weights) = (
        sweep.folder.path().join("drawn.yaml"),
        sweep.out().join(&training.best_weights),
    );
    let val = |more: &[&str]| {
        let of_sweep = [
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
        ];
        ablate(&[&of_sweep, more].concat()).ok()
    };
    let file = |name: &str| sweep.folder.path().join(name);
    let (found, boxes) = (file("found.json"), file("boxes.json"));
    let json = val(&[
        "--batch",
        "3",
        "--format",
        "json",
        "--save-json",
        found.to_str().unwrap(),
    ]);
    // As detection is timed: image by image, as the family's own prediction does it.
    val(&[
        "--batch",
        "1",
        "--conf",
        "0.001",
        "--iou",
        "0.45",
        "--max-det",
        "1000",
        "--save-json",
        boxes.to_str().unwrap(),
    ]);
    let boxes: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(boxes).unwrap()).unwrap();
    assert_eq!(
        boxes.len() as f64,
        4.0 * detect.boxes_per_image,
        "what was timed found the boxes of the same weights"
    );
    assert!(!boxes.is_empty());
    let val: serde_json::Value = serde_json::from_str(&json).unwrap();
    for (name, before) in &evaluation.boxes.coco {
        // Another batch size, the same figures.
        match (val["coco"][name].as_f64(), before) {
            (Some(again), Some(before)) => assert!((again - before).abs() < 1e-6, "{name}: {val}"),
            (again, before) => assert_eq!(again, *before, "{name}"),
        }
    }
    let ap = evaluation.boxes.coco["AP"];
    assert!(
        ap.is_some_and(|ap| ap > 0.01),
        "a comparison of zeros: {ap:?}"
    );
    let found: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(found).unwrap()).unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|detection| {
        detection["bbox"]
            .as_array()
            .is_some_and(|bbox| bbox.len() == 4)
    }));

    // Other weights in the place of those that were trained have no figures.
    let best = sweep.out().join(&training.best_weights);
    let last = sweep.out().join(&training.last_weights);
    let mut other = fs::read(last).unwrap();
    *other.last_mut().unwrap() ^= 1;
    fs::write(best, other).unwrap();
    let eval = ["--fresh", "--stages", "eval", "--variants", "gsconv"];
    let run = sweep.run(&eval);
    let error = run.stderr();
    assert!(
        run.code() != 0
            && error
                .contains("best.safetensors: not the file that the training wrote; --fresh --cell"),
        "{error}"
    );
}

/// An image that does not decode is left out of what is timed, as of what is evaluated.
#[test]
fn detection_is_timed_on_the_images_that_can_be_read() {
    let sweep = Sweep::new(
        "
name: torn
models: [yolov5n]
train: {data: data.yaml, imgsz: 64, epochs: 1, batch: 4}
eval: {split: val}
detect: {images: 10, budget_s: 0.05, within: 0}
",
    );
    sweep.write(
        "data.yaml",
        "path: .\ntrain: images\nval: images\nnames: [thing]\n",
    );
    for folder in ["images", "labels"] {
        fs::create_dir(sweep.folder.path().join(folder)).unwrap();
    }
    for number in 0..4 {
        let image = RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8, y as u8, 60 * number]));
        let file = sweep.folder.path().join(format!("images/{number}.png"));
        image.save(&file).unwrap();
        sweep.write(&format!("labels/{number}.txt"), "0 0.5 0.5 0.4 0.3");
        if number == 0 {
            // The header says what it would be; the pixels are gone.
            let bytes = fs::read(&file).unwrap();
            fs::write(&file, &bytes[..60]).unwrap();
        }
    }
    sweep.run(&[]).ok();
    let detected = sweep.record("yolov5n", Stage::Detect);
    let Measurement::Detect(detect) = done(&detected) else {
        panic!("{detected:?}")
    };
    assert_eq!(detect.images, 3);
}

/// Heads of both families that make masks, on a backbone of their own, too.
#[test]
fn masks_are_trained_and_evaluated_beside_boxes() {
    let recipe = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../configs/recipes/yolov8.yaml"
    );
    let sweep = Sweep::new(&format!(
        "
name: masks
models: [yolov5n+mobilenetv2+segment, yolov8n+segment]
train: {{data: drawn.yaml, recipe: {recipe}, imgsz: 64, epochs: 1, batch: 8}}
eval: {{split: test}}
"
    ));
    sweep.write(
        "drawn.yaml",
        "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\nmasks: true\n",
    );
    let run = sweep.run(&["-q"]);
    // A training of one epoch draws curves of one point, of which resvg warns.
    assert_eq!(
        run.stderr(),
        "",
        "nothing is wrong, and -q says nothing else"
    );
    run.ok();
    for model in ["yolov5n+mobilenetv2+segment", "yolov8n+segment"] {
        let (trained, evaluated) = (
            sweep.record(model, Stage::Train),
            sweep.record(model, Stage::Eval),
        );
        let Measurement::Train(training) = done(&trained) else {
            panic!("{trained:?}")
        };
        assert!(
            training.epochs[0].losses["seg"] > 0.0 && training.epochs[0].mask_map50_95.is_some()
        );
        let Measurement::Eval(evaluation) = done(&evaluated) else {
            panic!("{evaluated:?}")
        };
        assert_eq!(evaluation.masks.as_ref().unwrap().coco.len(), 12);
    }
    let row = &rows(&sweep.out().join("results.csv"))[0];
    assert!(
        row["mask_map50_95"].parse::<f64>().is_ok() && row["mask_ar_100"].parse::<f64>().is_ok(),
        "{row:?}"
    );

    // Boxes alone can't train masks, and the cell says so.
    let boxes = Sweep::new(
        "name: boxes\nmodels: [yolov8n+segment]\ntrain: {data: drawn.yaml, imgsz: 64, epochs: 1, batch: 8}\n",
    );
    boxes.write(
        "drawn.yaml",
        "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\n",
    );
    boxes.run(&[]);
    let Outcome::Failed { error } = boxes.record("yolov8n+segment", Stage::Train).outcome else {
        panic!("it can't be trained")
    };
    assert!(
        error.contains("data set drawn, split `train`")
            && error.contains("has an object with a box but no mask"),
        "{error}"
    );
}

/// First weights of `yolov5n` for 80 classes, which fit another number of classes but for the
/// head's three convolutions.
fn first_weights(file: &Path, seed: u64) {
    let graph = Catalog::builtin()
        .resolve(&"yolov5n".parse().unwrap())
        .unwrap()
        .graph(Some(80))
        .unwrap();
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
    sweep.write(
        "drawn.yaml",
        "format: shapes\nimgsz: 64\nimages: {train: 8, val: 4, test: 4}\n",
    );
    let error = sweep.run(&[]).refused();
    assert!(
        error.contains("train.weights") && error.contains("first.safetensors"),
        "{error}"
    );

    let file = sweep.folder.path().join("first.safetensors");
    first_weights(&file, 1);
    let screen = sweep.run(&["--stages", "train"]).ok();
    let first = |model: &str| {
        let record = sweep.record(model, Stage::Train);
        let Measurement::Train(training) = done(&record) else {
            panic!("{record:?}")
        };
        training.weights.clone().expect("it began with a file")
    };
    let (plain, variant) = (first("yolov5n"), first("yolov5n+gsconv"));
    assert_eq!(
        (plain.file.as_str(), plain.total - plain.taken, plain.unused),
        ("first.safetensors", 6, 0),
        "{plain:?}"
    );
    assert!(
        variant.taken < plain.taken && variant.taken > 0,
        "{variant:?}"
    );
    let said = |weights: &FirstWeights| format!("{} of {} tensors", weights.taken, weights.total);
    assert!(
        screen.contains(&format!(
            "started from first.safetensors: yolov5n {}",
            said(&plain)
        )),
        "{screen}"
    );
    let page = fs::read_to_string(sweep.out().join("report.html")).unwrap();
    assert!(page.contains(&said(&plain)) && page.contains(&said(&variant)));
    let record = sweep.record("yolov5n", Stage::Train);
    assert_eq!(
        record.inputs["weights"],
        blake3::hash(&fs::read(&file).unwrap()).to_hex().as_str()
    );

    let again = sweep.run(&["--stages", "train"]);
    assert!(
        again.stderr().contains("0 measured, 2 found"),
        "{}",
        again.stderr()
    );
    first_weights(&file, 2);
    let other = sweep.run(&["--stages", "train", "--cell", "yolov5n@flex@drawn@0"]);
    assert!(
        other.stderr().contains("1 measured, 0 found"),
        "{}",
        other.stderr()
    );

    // The commands, of the same file.
    let (data, out) = (
        sweep.folder.path().join("drawn.yaml"),
        sweep.folder.path().join("run"),
    );
    let (data, out, file) = (
        data.to_str().unwrap(),
        out.to_str().unwrap(),
        file.to_str().unwrap(),
    );
    let common = [
        "yolov5n",
        "--weights",
        file,
        "--data",
        data,
        "--imgsz",
        "64",
        "--batch",
        "8",
    ];
    let begun = format!(
        "{file}: {} taken\n  6 still random: model.24.m.0.bias, ",
        said(&plain)
    );
    let text = ablate(&[&["train"], &common[..], &["--epochs", "1", "--out", out]].concat()).ok();
    assert!(
        text.starts_with(&begun) && text.contains("best epoch 1 of 1"),
        "{text}"
    );
    // Of a network that is random in part there are figures only if somebody asks for them.
    let error = ablate(&[&["val"], &common[..]].concat()).refused();
    assert!(
        error.contains("6 of the model's")
            && error.contains("stay random: model.24.m.0.bias")
            && error.contains("--allow-partial"),
        "{error}"
    );
    let common = [&common[..], &["--allow-partial"]].concat();
    let text = ablate(&[&["val"], &common[..]].concat()).ok();
    assert!(
        text.starts_with(&begun) && text.contains("4 images"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(
        &ablate(&[&["val"], &common[..], &["--format", "json"]].concat()).ok(),
    )
    .unwrap();
    assert_eq!(json["weights"], serde_json::to_value(&plain).unwrap());
    let text = ablate(&[
        "val",
        "yolov5n+gsconv",
        "--weights",
        file,
        "--data",
        data,
        "--imgsz",
        "64",
        "--allow-partial",
    ])
    .ok();
    assert!(
        text.contains(&format!("{} taken", said(&variant)))
            && text.contains(" in the file without a place: model."),
        "{text}"
    );
    let save = sweep.folder.path().join("sure.json");
    let sure = [
        "--max-det",
        "2",
        "--conf",
        "0.0011",
        "--iou",
        "0.9",
        "--save-json",
        save.to_str().unwrap(),
    ];
    ablate(&[&["val"], &common[..], &sure].concat()).ok();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(&save).unwrap()).unwrap();
    assert!(
        rows.len() == 8
            && rows
                .iter()
                .all(|row| row["score"].as_f64().unwrap() > 0.0011),
        "{rows:?}"
    );
    let error = ablate(&[&["val"], &common[..], &["--iou", "70"]].concat()).refused();
    assert!(
        error.contains("'70' for '--iou") && error.contains("0 to 1"),
        "{error}"
    );
    let error = ablate(&[
        "train",
        "yolov5n",
        "--weights",
        "no/such.pt",
        "--data",
        data,
        "--imgsz",
        "64",
    ])
    .refused();
    assert!(error.contains("no/such.pt: no such file"), "{error}");
}

/// Records of before there were first weights in them.
#[test]
fn a_record_without_first_weights_is_read() {
    let text = r#"{"stage": "train", "epochs": [], "train_s": 1.0, "images_per_s": 2.0, "best_epoch": 0, "best_weights": "b", "last_weights": "l",
        "train_images": 3, "val_images": 4}"#;
    let measurement: Measurement = serde_json::from_str(text).unwrap();
    let Measurement::Train(training) = &measurement else {
        panic!("{measurement:?}")
    };
    assert_eq!(training.weights, None);
    assert!(
        serde_json::to_value(&measurement)
            .unwrap()
            .get("weights")
            .is_none()
    );
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
    sweep.write(
        "drawn.yaml",
        "format: shapes\nimgsz: 64\nimages: {train: 16, val: 4, test: 4}\n",
    );
    let (file, out) = (sweep.folder.path().join("sweep.yaml"), sweep.out());
    let mut killed = std::process::Command::new(env!("CARGO_BIN_EXE_ablate"))
        .args([
            "run",
            file.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "-q",
        ])
        .spawn()
        .unwrap();
    let checkpoint = || find(&out.join("weights"), "resume.safetensors");
    while checkpoint().is_none() {
        assert!(
            killed.try_wait().unwrap().is_none(),
            "it ended before its first checkpoint"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();

    let run = sweep.run(&[]);
    assert!(
        run.stderr().contains("1 measured, 1 found"),
        "the cost was recorded: {}",
        run.stderr()
    );
    assert!(
        run.stderr().contains("continues after epoch"),
        "{}",
        run.stderr()
    );
    run.ok();
    let trained = sweep.record("yolov5n", Stage::Train);
    let Measurement::Train(training) = done(&trained) else {
        panic!("{trained:?}")
    };
    let epochs: Vec<usize> = training.epochs.iter().map(|epoch| epoch.epoch).collect();
    assert_eq!(epochs, [0, 1, 2, 3]);
}

/// Two seeds say how many it takes: wide intervals need no more, narrow ones go to the limit.
#[test]
fn seeds_go_on_as_far_as_they_are_needed() {
    let sweep = |width: &str| {
        let sweep = Sweep::new(&format!(
            "
name: need
models: [tinyn, tinyn+gsconv]
tables: [tiny.yaml]
seeds: {{from: 2, to: 4, width: {width}}}
margin: 2
train:
  data: drawn.yaml
  imgsz: 64
  epochs: 1
  batch: 8
  overrides: {{nbs: 8, warmup_epochs: 0}}
eval: {{split: test}}
"
        ));
        sweep.write(
            "drawn.yaml",
            "format: shapes\nimgsz: 64\nimages: {train: 8, val: 4, test: 4}\n",
        );
        let tiny = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../configs/models/own/tiny.yaml"
        );
        sweep.write("tiny.yaml", &fs::read_to_string(tiny).unwrap());
        sweep
    };
    let seeds = |sweep: &Sweep| -> Vec<String> {
        let rows = rows(&sweep.out().join("results.csv"));
        let evaluated = rows.iter().filter(|row| !row["map50_95"].is_empty());
        evaluated
            .map(|row| format!("{} {}", row["model"], row["seed"]))
            .collect()
    };
    let enough = sweep("100");
    let planned = || {
        let text = fs::read_to_string(enough.out().join("plan.json")).unwrap();
        text.matches(r#""stage": "train""#).count()
    };
    // Before anything is trained, nothing is known of the further seeds.
    enough.run(&["--stages", "cost"]).ok();
    assert_eq!(planned(), 8);
    let run = enough.run(&[]);
    let said = run.stderr();
    run.ok();
    assert!(
        said.contains("tiny:n: seeds for intervals of 100 points: tiny:n+gsconv 2"),
        "{said}"
    );
    assert_eq!(
        seeds(&enough),
        ["tiny:n 0", "tiny:n 1", "tiny:n+gsconv 0", "tiny:n+gsconv 1"]
    );
    let all = rows(&enough.out().join("results.csv"));
    assert_eq!(all.len(), 4, "seeds that are not needed are no rows");
    enough.run(&["--stages", "cost"]).ok();
    assert_eq!(planned(), 4, "what is decided stays so");

    // Another run finds all of it, and decides the same.
    let again = enough.run(&[]);
    assert!(again.stderr().contains(" 0 measured"), "{}", again.stderr());
    again.ok();
    assert_eq!(seeds(&enough).len(), 4);

    // Networks that find nothing are alike under every seed.
    let narrow = sweep("0.000001");
    let run = narrow.run(&[]);
    let said = run.stderr();
    run.ok();
    let found = seeds(&narrow).len();
    let alike = said.contains("tiny:n+gsconv 2");
    assert_eq!(found, if alike { 4 } else { 8 }, "{said}");
}

#[test]
fn seeds_by_need_say_what_they_need() {
    for (keys, error) in [
        (
            "seeds: {from: 1, to: 4, width: 1}",
            "`from`: expected at least 2",
        ),
        (
            "seeds: {from: 3, to: 3, width: 1}",
            "`to`: expected 4 to 1000",
        ),
        (
            "seeds: {from: 3, to: 9, width: 0}",
            "`width`: expected points of mAP above 0",
        ),
        ("seeds: {from: 3, to: 9}", "key `width`: missing"),
        (
            "seeds: 3",
            "expected a list such as [0, 1, 2], or {from: 5, to: 12, width: 1.5}, found",
        ),
        (
            "seeds: {from: 3, to: 9, width: 1}",
            "require the keys `train` and `eval`",
        ),
        ("margin: -1", "expected points of mAP above 0"),
    ] {
        let run = Sweep::new(&format!("name: x\nmodels: [yolov5n]\n{keys}\n")).run(&[]);
        let said = run.stderr();
        assert!(said.contains(error), "{keys}: {said}");
    }
}
