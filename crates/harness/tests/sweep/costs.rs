//! Costs, latencies, and what becomes of cells.

use std::fs;

use ablate_records::{Outcome, Stage};

use crate::common::ablate;
use crate::support::{Sweep, rows};

const COSTS: &str = "
name: costs
families: [yolov5]
scales: [n, s]
variants: [baseline, gsconv]
";

#[test]
fn files_of_other_hands_are_not_written_over() {
    let sweep = Sweep::new("name: costs\nmodels: [yolov5n]\n");
    fs::create_dir(sweep.out()).unwrap();
    for name in ["report.html", "results.csv", "plan.json"] {
        let file = sweep.out().join(name);
        fs::write(&file, "{}").unwrap();
        let error = sweep.run(&[]).refused();
        assert!(
            error.contains(name) && error.contains("found another file"),
            "{error}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"{}");
        fs::remove_file(file).unwrap();
    }
    sweep.run(&["-q"]).ok();
    // Its own stay its own, without the records too.
    fs::remove_dir_all(sweep.out().join("records")).unwrap();
    sweep.run(&["-q"]).ok();
}

#[test]
fn costs_are_recorded_printed_and_found_again() {
    let sweep = Sweep::new(COSTS);
    let run = sweep.run(&[]);
    assert!(
        run.stderr().contains("4 measured, 0 found"),
        "{}",
        run.stderr()
    );
    let screen = run.ok();
    assert!(screen.contains("yolov5s+gsconv"), "{screen}");
    assert!(sweep.out().join("report.html").exists());
    let rows = rows(&sweep.out().join("results.csv"));
    let row = rows.iter().find(|row| row["model"] == "yolov5n").unwrap();
    assert_eq!(
        (row["params"].as_str(), row["latency_ms_median"].as_str()),
        ("1872157", "")
    );

    let again = sweep.run(&[]);
    assert!(
        again.stderr().contains("0 measured, 4 found"),
        "{}",
        again.stderr()
    );
    // A record that a crash or a hand has spoilt is measured again.
    let key = sweep.record("yolov5s", Stage::Cost).key;
    fs::write(sweep.out().join(format!("records/{key}.json")), "{").unwrap();
    let out = sweep.out();
    // Each report says that it is missing, and leaves it where it is.
    for _ in 0..2 {
        let report = ablate(&["report", out.to_str().unwrap()]);
        let log = report.stderr();
        let named = log.contains(&format!("{key}.json: ")) && log.contains("; left out");
        assert!(named, "{log}");
    }
    let repaired = sweep.run(&[]);
    assert!(
        repaired.stderr().contains("1 measured, 3 found"),
        "{}",
        repaired.stderr()
    );
    let report = ablate(&["report", out.to_str().unwrap()]);
    assert!(!report.stderr().contains("left out"), "{}", report.stderr());
    let fresh = sweep.run(&["--fresh"]);
    assert!(
        fresh.stderr().contains("4 measured, 0 found"),
        "{}",
        fresh.stderr()
    );
}

#[test]
fn a_cell_alone_and_a_part_of_a_sweep() {
    let sweep = Sweep::new(COSTS);
    let plan = sweep.run(&["--dry-run"]).ok();
    assert!(
        plan.contains("yolov5s+gsconv@flex") && plan.contains("4 cells"),
        "{plan}"
    );
    assert!(!sweep.out().exists(), "a dry run writes nothing");
    sweep.run(&["--cell", "yolov5s+gsconv@flex"]).ok();
    assert_eq!(sweep.records().len(), 1);
    sweep
        .run(&["--variants", "gsconv", "--stages", "cost,latency"])
        .ok();
    assert_eq!(sweep.records().len(), 2);
    let error = sweep.run(&["--cell", "yolov5m@flex"]).refused();
    assert!(
        error.contains("yolov5m@flex") && error.contains("yolov5s@flex"),
        "{error}"
    );
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
    let row = |dtype: &str| {
        rows.iter()
            .find(|row| row["latency_dtype"] == dtype)
            .unwrap()
    };
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert_eq!(row("f32")["latency_rounding_error"], "");
    assert_eq!(row("f32")["latency_by"], "plan");
    assert_eq!(row("bf16")["latency_by"], "operations");
    let error = number(&row("bf16")["latency_rounding_error"]);
    assert!(error > 0.0 && error < 0.05, "{error}");
    assert!(number(&row("bf16")["latency_ms_median"]) > 0.0);
    assert_ne!(row("f32")["latency_key"], row("bf16")["latency_key"]);
}

/// Where no graph can be captured, the rest is measured, and the report says why that is not.
#[test]
fn a_mode_that_the_device_lacks_is_skipped() {
    let sweep = "name: modes\nmodels: [yolov5n]\nlatency: {imgsz: 64, budget_s: 0, min_iterations: 1, mode: [eager, graph]}\n";
    let sweep = Sweep::new(sweep);
    sweep.run(&[]).ok();
    let rows = rows(&sweep.out().join("results.csv"));
    assert_eq!(rows.len(), 2);
    let measured =
        |row: &&std::collections::HashMap<String, String>| row["latency_mode"] == "eager";
    let (eager, graph): (Vec<_>, Vec<_>) = rows.iter().partition(measured);
    assert!(eager[0]["latency_ms_median"].parse::<f64>().unwrap() > 0.0);
    assert_eq!(graph[0]["latency_ms_median"], "");
    assert!(
        graph[0]["not_measured"].contains("mode graph: expected a device of LibTorch"),
        "{:?}",
        graph[0]
    );
}

#[test]
fn a_cell_that_fails_is_recorded_and_the_others_go_on() {
    let sweep =
        Sweep::new(&(COSTS.to_owned() + "tables: [misfit.yaml]\nmodels: [yolov5n+misfit]\n"));
    // No row of the table is a Focus.
    sweep.write(
        "misfit.yaml",
        "title: Misfit\npatch:\n  - {replace: {Focus: Conv}, in: backbone}\n",
    );
    let run = sweep.run(&[]);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    assert!(
        run.stderr()
            .contains("4 measured, 0 found in earlier records, 1 failed"),
        "{}",
        run.stderr()
    );
    let failed = sweep.record("yolov5n+misfit", Stage::Cost);
    assert!(
        matches!(&failed.outcome, Outcome::Failed { error } if error.contains("Focus")),
        "{:?}",
        failed.outcome
    );
    let rows = rows(&sweep.out().join("results.csv"));
    let row = rows
        .iter()
        .find(|row| row["model"] == "yolov5n+misfit")
        .unwrap();
    assert!(
        row["status"] == "failed" && row["error"].contains("Focus"),
        "{row:?}"
    );
    // Tried again, and still wrong.
    assert_eq!(sweep.run(&[]).code(), 1);
}

#[test]
fn a_model_that_there_is_not_stops_the_sweep_before_it_begins() {
    let sweep = Sweep::new(&COSTS.replace("gsconv", "gsconf"));
    let error = sweep.run(&[]).refused();
    assert!(
        error.contains("gsconf") && error.contains("gsconv"),
        "{error}"
    );
    assert!(!sweep.out().exists());
}

/// Paths of a data set that lead nowhere, and splits that it has not: nothing is measured first.
#[test]
fn data_that_cannot_be_opened_stop_the_sweep_before_it_begins() {
    let text = "
name: lost
families: [yolov5]
scales: [n]
variants: [baseline, gsconv]
nc: 2
train: {data: mine.yaml, imgsz: 64, epochs: 1}
eval: {split: val}
";
    let sweep = Sweep::new(text);
    let set = |split: &str| {
        for (place, name, bytes) in [
            ("images", "a.png", picture()),
            ("labels", "a.txt", b"0 0.5 0.5 0.4 0.3".to_vec()),
        ] {
            let folder = sweep.folder.path().join(place).join(split);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), bytes).unwrap();
        }
    };
    ["train", "val"].into_iter().for_each(set);
    let good = "train: images/train\nval: images/val\nnames: [this, that]\n";
    for (sweep_text, data, expected) in [
        (
            text.to_owned(),
            good.replace("images/val", "images/vall"),
            "mine.yaml:2: key `val`: ",
        ),
        (
            text.to_owned(),
            good.replace("images/train", "images/none"),
            "mine.yaml:1: key `train`: ",
        ),
        (
            text.replace("{split: val}", "{split: test}"),
            good.to_owned() + "test: images/none\n",
            "mine.yaml:4: key `test`: ",
        ),
        (
            text.replace("{split: val}", "{split: test}"),
            good.to_owned(),
            "mine.yaml: key `test`: missing or empty",
        ),
    ] {
        sweep.write("sweep.yaml", &sweep_text);
        sweep.write("mine.yaml", &data);
        let error = sweep.run(&[]).refused();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!sweep.out().exists(), "something was measured");
        assert!(sweep.run(&["--dry-run"]).refused().contains(expected));
    }
    // Costs need no data.
    sweep.write("mine.yaml", &good.replace("images/", "none/"));
    sweep.run(&["--stages", "cost"]).ok();
    assert_eq!(sweep.records().len(), 2);
}

/// An image of 8 pixels, as PNG.
fn picture() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}
