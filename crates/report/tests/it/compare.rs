//! Several sweeps in one report.

use std::collections::BTreeMap;

use ablate_records::{By, Cell, Judging, Measurement, Outcome, Record, Stage};
use ablate_report::{Compared, Difference, Source, TableFormat, TableOptions};
use serde_json::{Value, json};

use crate::support::*;

/// Two models of scale n under three seeds; the variant's mAP is `gain` above the baseline's.
fn sweep(device: &str, gain: f64) -> Vec<Record> {
    let mut records = Vec::new();
    for (variant, map) in [("baseline", 0.4), ("asff", 0.4 + gain)] {
        for seed in 0..3u32 {
            let cell = Cell {
                device: device.into(),
                seed: Some(seed.into()),
                ..cell(variant, "n")
            };
            let map = map + 0.002 * f64::from(seed);
            records.extend([
                done(&cell, cost(1_872_157, 4.5)),
                done(&cell, latency(if gain > 0.0 { 12.0 } else { 3.0 })),
                done(&cell, train(map, 20)),
                done(&cell, eval(map)),
            ]);
        }
    }
    let inputs = |stage| match stage {
        Stage::Cost => json!({ "model": "table", "code": { "model": "0123456789ab" } }),
        Stage::Latency => json!({ "budget_s": 2.0, "code": { "model": "0123456789ab" } }),
        Stage::Train => json!({
            "recipe": { "epochs": 20, "anchor_free": { "box": 7.5 } },
            "dataset": { "train": "aaaaaaaaaaaaaaaa", "val": "bbbbbbbbbbbbbbbb" },
            "code": { "training": "0123456789ab" },
        }),
        Stage::Eval => json!({ "split": "val", "code": { "training": "0123456789ab" } }),
        Stage::Detect => json!({ "budget_s": 2.0, "code": { "training": "0123456789ab" } }),
    };
    for record in &mut records {
        record.inputs = inputs(record.stage);
    }
    records
}

/// The same, with another input of a stage.
fn changed(mut records: Vec<Record>, stage: Stage, pointer: &str, value: Value) -> Vec<Record> {
    for record in records.iter_mut().filter(|record| record.stage == stage) {
        *record.inputs.pointer_mut(pointer).unwrap() = value.clone();
    }
    records
}

fn source<'a>(name: &'a str, records: &'a [Record]) -> Source<'a> {
    Source::new(name, &[], Judging::default(), records)
}

fn differences(one: &[Record], other: &[Record]) -> BTreeMap<&'static str, String> {
    let sources = [source("one", one), source("two", other)];
    let compared = Compared::new("A test", &sources, None).unwrap();
    let pair = |Difference { what, text }| (what, text);
    compared.differences.into_iter().map(pair).collect()
}

fn error(one: &Source, other: &Source) -> String {
    let sources = [one.clone(), other.clone()];
    Compared::new("A test", &sources, None)
        .unwrap_err()
        .to_string()
}

#[test]
fn each_sweep_has_its_own_baseline() {
    let (one, two) = (sweep("flex", 0.1), sweep("flex", -0.1));
    let sources = [source("one", &one), source("two", &two)];
    let compared = Compared::new("A test", &sources, Some(1.0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = compared.write(folder.path()).unwrap();
    let mut reader = csv::Reader::from_path(&written.csv).unwrap();
    let rows: Vec<BTreeMap<String, String>> =
        reader.deserialize().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 12);
    let changes = |sweep: &str, column: &str| -> Vec<f64> {
        let of_sweep = rows
            .iter()
            .filter(|row| row["sweep"] == sweep && row["variant"] == "asff");
        of_sweep.map(|row| row[column].parse().unwrap()).collect()
    };
    for (sweep, change) in [("one", 10.0), ("two", -10.0)] {
        for found in changes(sweep, "change_map50_95_points") {
            assert!((found - change).abs() < 1e-9, "{sweep}: {found}");
        }
        assert_eq!(changes(sweep, "change_latency_percent"), [0.0; 3]);
    }

    let page = std::fs::read_to_string(written.html).unwrap();
    for words in [
        "What differs between the sweeps",
        "shapes · flex (one) · 320 px",
        "<th scope=\"col\" title=\"folder; its setting is the tooltip of each row\">Sweep</th>",
        "<code>sweep</code>",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let names = written.plots.iter().map(|path| path.file_name().unwrap());
    let names: Vec<&str> = names.map(|name| name.to_str().unwrap()).collect();
    for name in [
        "latency-vs-gflops-flex--one--320px-batch1.png",
        "latency-vs-gflops-flex--two--320px-batch1.png",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let screen = compared.summary();
    assert!(
        screen.contains("\nshapes · flex (two) · 320 px"),
        "{screen}"
    );
}

#[test]
fn a_report_of_one_sweep_does_not_name_it() {
    let (_folder, written) = written(&sweep("flex", 0.1));
    let page = std::fs::read_to_string(written.html).unwrap();
    assert!(!page.contains("What differs") && !page.contains("<code>sweep</code>"));
    let csv = std::fs::read_to_string(written.csv).unwrap();
    assert!(csv.starts_with("family,"), "{csv}");
}

#[test]
fn what_differs_is_said_in_words() {
    let one = sweep("flex", 0.1);
    for (stage, pointer, value, what, text) in [
        (
            Stage::Train,
            "/recipe/epochs",
            json!(50),
            "Recipe",
            "yolov5 epochs: 20 in one, 50 in two",
        ),
        (
            Stage::Train,
            "/recipe/anchor_free/box",
            json!(0.05f32),
            "Recipe",
            "yolov5 anchor_free.box: 7.5 in one, 0.05 in two",
        ),
        (
            Stage::Train,
            "/dataset/val",
            json!("cccccccccccccccc"),
            "Data",
            "content of val: bbbbbbbb in one, cccccccc in two",
        ),
        (
            Stage::Latency,
            "/budget_s",
            json!(5.0),
            "Timing",
            "budget_s: 2 in one, 5 in two",
        ),
        (
            Stage::Latency,
            "/code/model",
            json!("ba9876543210"),
            "Code",
            "model: 01234567 in one, 01234567 and ba987654 in two",
        ),
        (
            Stage::Cost,
            "/model",
            json!("another table"),
            "Networks",
            "of the same name, but not of the same table: yolov5n, yolov5n+asff",
        ),
    ] {
        let mut two = changed(one.clone(), stage, pointer, value);
        two.iter_mut()
            .for_each(|record| record.finished = "2026-02-01T00:00:00Z".into());
        let found = differences(&one, &two);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[what], text);
    }
}

#[test]
fn times_of_other_ways_differ() {
    let one = sweep("flex", 0.1);
    let ways = |by: By| {
        let mut records = one.clone();
        for record in &mut records {
            if let Outcome::Done { measurement } = &mut record.outcome
                && let Measurement::Latency(_) = measurement
            {
                *measurement = ran(measurement.clone(), by, None);
            }
            record.finished = "2026-02-01T00:00:00Z".into();
        }
        records
    };
    let (plan, operations) = (ways(By::Plan), ways(By::Operations));
    let found = differences(&plan, &operations);
    assert_eq!(found["Timing"], "by: plan in one, operations in two");
    let found = differences(&one, &plan);
    assert_eq!(found["Timing"], "by: not recorded in one, plan in two");
    assert!(!differences(&plan, &plan).contains_key("Timing"));
}

/// Inputs name a mode and a number format only where they are not the first choice.
#[test]
fn times_of_other_modes_and_formats_differ() {
    let one = sweep("tch:cuda:0", 0.1);
    let with = |set: fn(&mut Cell)| {
        let mut records = one.clone();
        for record in &mut records {
            set(&mut record.cell);
            record.finished = "2026-02-01T00:00:00Z".into();
        }
        records
    };
    let graph = with(|cell| cell.mode = "graph".into());
    let found = differences(&one, &graph);
    assert_eq!(found["Timing"], "mode: eager in one, graph in two");
    let half = with(|cell| cell.dtype = "f16".into());
    assert_eq!(
        differences(&one, &half)["Timing"],
        "dtype: f32 in one, f16 in two"
    );
    assert!(!differences(&graph, &graph).contains_key("Timing"));

    let sources = [source("one", &one), source("two", &graph)];
    let compared = Compared::new("A test", &sources, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let page = std::fs::read_to_string(compared.write(folder.path()).unwrap().html).unwrap();
    for row in [
        ">one <small>eager</small></td>",
        ">two <small>graph</small></td>",
    ] {
        assert!(page.contains(row), "{row}");
    }
}

#[test]
fn sizes_seeds_models_and_machines_are_compared() {
    let one = sweep("flex", 0.1);
    let mut two: Vec<Record> = sweep("tch:cpu", 0.1)
        .into_iter()
        .filter(|record| record.cell.variant == "baseline" && record.cell.seed != Some(0))
        .collect();
    for record in &mut two {
        record.cell.imgsz.train = 640.into();
        record.environment.cpu = "Other".into();
    }
    let found = differences(&one, &two);
    for (what, text) in [
        ("Models", "in one, not in all: yolov5n+asff"),
        ("Seeds", "0 to 2 in one, 1 and 2 in two"),
        ("Image size", "training: 320 px in one, 640 px in two"),
        (
            "Machine",
            "device: flex in one, tch:cpu in two; processor: AMD EPYC 9B14 in one, Other in two",
        ),
    ] {
        assert_eq!(found[what], text);
    }
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn of_a_setting_each_row_shows_what_differs() {
    let (one, mut two) = (sweep("flex", 0.1), sweep("flex", 0.1));
    for record in &mut two {
        record.cell.imgsz.latency = 640.into();
    }
    let sources = [source("one", &one), source("two", &two)];
    let compared = Compared::new("A test", &sources, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = compared.write(folder.path()).unwrap();
    let page = std::fs::read_to_string(written.html).unwrap();
    let cell = ">two <small>GFLOPs at 320 px, latency at 640 px, mAP at 320 px</small></td>";
    assert!(page.contains(cell), "{cell}");
    assert!(page.contains(">one <small>320 px</small></td>"));
}

#[test]
fn the_same_records_in_two_folders_are_counted_once() {
    let one = sweep("flex", 0.1);
    let found = differences(&one, &one);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found["Shared records"].starts_with("24 records are in more than one"),
        "{found:?}"
    );
    let sources = [source("one", &one), source("copy", &one)];
    let compared = Compared::new("A test", &sources, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = compared.write(folder.path()).unwrap();
    let page = std::fs::read_to_string(written.html).unwrap();
    assert!(page.contains("<dt>Cells</dt><dd>6: 6 done</dd>"));
    assert!(page.contains("<dt>Records</dt><dd>24</dd>"));
    // Another measurement of the same is another one.
    let mut again = one.clone();
    again
        .iter_mut()
        .for_each(|record| record.finished = "2026-02-01T00:00:00Z".into());
    assert!(differences(&one, &again).is_empty());
}

#[test]
fn tables_of_several_sweeps_name_them() {
    let (one, two) = (sweep("flex", 0.1), sweep("flex", -0.1));
    let sources = [source("one", &one), source("two", &two)];
    let compared = Compared::new("A test", &sources, Some(1.0)).unwrap();
    let table = |format| {
        let options = TableOptions {
            format,
            columns: &[],
            scales: &[],
        };
        compared.table(&options).unwrap()
    };
    let csv = table(TableFormat::Csv);
    assert!(
        csv.contains("\nyolov5n+asff,two,yolov5,n,asff,shapes,flex,"),
        "{csv}"
    );
    let markdown = table(TableFormat::Markdown);
    assert!(
        markdown.contains("**A test: shapes · flex (two) · 320 px"),
        "{markdown}"
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let one = sweep("flex", 0.1);
    let mine = source("one", &one);
    assert_eq!(
        error(&mine, &source("empty", &[])),
        "empty: expected records, found none that this version can read"
    );
    let mut broken = one.clone();
    for record in &mut broken {
        let error = "no luck".into();
        record.outcome = Outcome::Failed { error };
    }
    assert_eq!(
        error(&mine, &source("broken", &broken)),
        "broken: expected a measured stage to compare, found 24 records, all of stages that failed or were skipped"
    );
    let mut older = one.clone();
    older[0].inputs = json!({ "model": "table" });
    assert!(
        error(&mine, &source("older", &older))
            .starts_with("older: 1 of 24 records are of an earlier version"),
    );
    let mut other = one.clone();
    for record in &mut other {
        record.cell.model = "mine".into();
        record.cell.dataset = Some("mine".into());
    }
    assert_eq!(
        error(&mine, &source("other", &other)),
        "one: expected a model or a data set that another sweep has too, found none in common"
    );
    let judging = Judging {
        margin: Some(0.5),
        ..Judging::default()
    };
    let strict = Source::new("strict", &[], judging, &one);
    assert_eq!(
        error(&mine, &strict),
        "--margin: expected one for all, as the sweeps have several: none (one), 0.5 (strict)"
    );
    let sources = [mine, strict];
    assert!(Compared::new("A test", &sources, Some(1.0)).is_ok());
}
