//! Records on disk: keys, reuse, and what a broken file does.

use std::fs;

use ablate_records::{
    Cell, CostMeasurement, Environment, Measurement, Outcome, Record, Stage, Status,
    store::{Judging, Manifest, ManifestEntry, Reference, Store, VariantNote, key},
};
use serde_json::{Value, json};

fn cell(model: &str, seed: Option<u64>) -> Cell {
    Cell {
        model: model.into(),
        family: "yolov5".into(),
        variant: "baseline".into(),
        scale: "n".into(),
        nc: 80,
        imgsz: 640.into(),
        dataset: seed.map(|_| "shapes".into()),
        seed,
        device: "flex".into(),
        batch: 1,
        dtype: "f32".into(),
        mode: "eager".into(),
    }
}

fn record(cell: Cell, inputs: Value) -> Record {
    let measurement = Measurement::Cost(CostMeasurement {
        params: 7,
        gflops: 0.1,
        gflops_exact: 0.3,
        layers: 3,
    });
    Record {
        key: key(Stage::Cost, &inputs),
        stage: Stage::Cost,
        cell,
        outcome: Outcome::Done { measurement },
        inputs,
        environment: Environment::default(),
        finished: "2026-01-01T00:00:00Z".into(),
    }
}

#[test]
fn a_key_depends_on_stage_and_inputs_not_on_their_order() {
    let key_of = |inputs: Value| key(Stage::Cost, &inputs);
    let first = key_of(json!({ "nc": 80, "imgsz": 640, "table": { "a": [1, 2], "b": 0.25 } }));
    assert_eq!(
        first,
        key_of(json!({ "table": { "b": 0.25, "a": [1, 2] }, "imgsz": 640, "nc": 80 }))
    );
    assert_ne!(
        first,
        key_of(json!({ "nc": 80, "imgsz": 640, "table": { "a": [2, 1], "b": 0.25 } }))
    );
    assert_ne!(
        first,
        key_of(json!({ "nc": 81, "imgsz": 640, "table": { "a": [1, 2], "b": 0.25 } }))
    );
    assert_ne!(
        first,
        key(
            Stage::Train,
            &json!({ "nc": 80, "imgsz": 640, "table": { "a": [1, 2], "b": 0.25 } })
        )
    );
    assert!(first.len() == 32 && first.chars().all(|c| c.is_ascii_hexdigit()));
}

#[test]
fn a_record_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let record = record(
        cell("yolov5n", None),
        json!({ "x": 0.1 + 0.2, "y": 1e-300 }),
    );
    assert_eq!(store.load(&record.key), None);
    store.save(&record).unwrap();
    assert_eq!(store.load(&record.key), Some(record));
    let files: Vec<_> = fs::read_dir(folder.path().join("records"))
        .unwrap()
        .collect();
    assert_eq!(
        files.len(),
        1,
        "nothing is left beside the record: {files:?}"
    );
}

#[test]
fn a_broken_record_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let good = record(cell("yolov5n", None), json!({ "nc": 80 }));
    store.save(&good).unwrap();
    let path = folder
        .path()
        .join("records")
        .join(format!("{}.json", good.key));
    let text = fs::read_to_string(&path).unwrap();
    // Cut off; edited so that its inputs are no longer those of its key; no JSON at all.
    for broken in [&text[..text.len() / 2], &text.replace("80", "81"), ""] {
        fs::write(&path, broken).unwrap();
        assert_eq!(store.load(&good.key), None);
        assert!(!path.exists() && path.with_extension("json.corrupt").exists());
        assert_eq!(
            store.report().unwrap(),
            [],
            "what was moved aside is no record"
        );
        store.save(&good).unwrap();
        assert_eq!(store.load(&good.key), Some(good.clone()));
    }
}

/// Who only looks moves nothing: what an older program can't read may be a newer one's.
#[test]
fn who_only_looks_leaves_a_broken_record_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let good = record(cell("yolov5n", None), json!({ "nc": 80 }));
    Store::create(folder.path()).unwrap().save(&good).unwrap();
    let records = folder.path().join("records");
    let path = records.join(format!("{}.json", good.key));
    fs::write(&path, "{").unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(
        (store.load(&good.key), store.all().unwrap()),
        (None, vec![])
    );
    assert!(path.exists());
}

/// A record that can't be read now may be whole.
#[test]
fn what_cannot_be_read_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let good = record(cell("yolov5n", None), json!({ "nc": 80 }));
    let path = folder
        .path()
        .join("records")
        .join(format!("{}.json", good.key));
    fs::create_dir(&path).unwrap();
    assert_eq!(store.load(&good.key), None);
    assert!(path.exists());
}

#[test]
fn a_report_has_the_plans_order_and_says_what_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let shared = record(cell("yolov5n", Some(0)), json!({ "nc": 80 }));
    store.save(&shared).unwrap();
    store
        .save(&record(cell("old", None), json!({ "nc": 3 })))
        .unwrap();
    let row = |cell: &Cell, stage, record| ManifestEntry {
        cell: cell.clone(),
        stage,
        record,
    };
    let (one, two, unknown) = (
        cell("yolov5n", Some(1)),
        cell("yolov5n", Some(0)),
        cell("yolov5s", None),
    );
    let index = Manifest {
        judging: Judging::default(),
        sweep: "test".into(),
        variants: vec![VariantNote {
            name: "gsconv".into(),
            title: "GSConv".into(),
            summary: "GSConv in place of every Conv of the neck.".into(),
            source: "arXiv:2206.02424".into(),
        }],
        rows: vec![
            row(&one, Stage::Cost, Reference::Key(shared.key.clone())),
            row(
                &one,
                Stage::Train,
                Reference::Skipped("not asked for".into()),
            ),
            row(&two, Stage::Cost, Reference::Key(shared.key.clone())),
            row(&two, Stage::Train, Reference::Waiting),
            row(&unknown, Stage::Cost, Reference::Key("0".repeat(32))),
            row(
                &unknown,
                Stage::Train,
                Reference::Skipped("not asked for".into()),
            ),
        ],
    };
    store.save_manifest(&index).unwrap();
    assert_eq!(store.manifest(), Some(index));

    let records = Store::open(folder.path()).unwrap().report().unwrap();
    let shown: Vec<(&Cell, Stage)> = records
        .iter()
        .map(|record| (&record.cell, record.stage))
        .collect();
    assert_eq!(
        shown,
        [
            (&one, Stage::Cost),
            (&one, Stage::Train),
            (&two, Stage::Cost)
        ]
    );
    assert_eq!(records[0].outcome, shared.outcome, "two seeds share a cost");
    assert_eq!(
        records[1].outcome,
        Outcome::Skipped {
            reason: "not asked for".into()
        }
    );
}

#[test]
fn without_a_plan_a_report_has_all_records() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        Store::open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("records/")
    );
    let store = Store::create(folder.path()).unwrap();
    for model in ["yolov5s", "yolov5n"] {
        store
            .save(&record(cell(model, None), json!({ "model": model })))
            .unwrap();
    }
    let models: Vec<String> = store
        .report()
        .unwrap()
        .into_iter()
        .map(|record| record.cell.model)
        .collect();
    assert_eq!(models, ["yolov5n", "yolov5s"]);
    fs::write(folder.path().join("plan.json"), "{").unwrap();
    assert_eq!(
        store.report().unwrap().len(),
        2,
        "a broken plan does not hide the records"
    );
}

#[test]
fn a_plan_of_an_earlier_version_has_no_variants() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let text = r#"{ "sweep": "old", "rows": [] }"#;
    fs::write(folder.path().join("plan.json"), text).unwrap();
    let index = store.manifest().unwrap();
    assert_eq!((index.sweep.as_str(), index.variants), ("old", vec![]));
}

#[test]
fn how_a_record_ended_is_known_from_its_head() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let done = record(cell("done", None), json!({ "nc": 1 }));
    let failed = Record {
        outcome: Outcome::Failed {
            error: "\"outcome\": {".into(),
        },
        ..record(cell("failed", None), json!({ "nc": 2 }))
    };
    let long = record(cell(&"long".repeat(2000), None), json!({ "nc": 3 }));
    for record in [&done, &failed, &long] {
        store.save(record).unwrap();
    }
    let status = [&done, &failed, &long].map(|record| store.status(&record.key));
    assert_eq!(
        status,
        [Some(Status::Done), Some(Status::Failed), Some(Status::Done)]
    );
    assert_eq!(store.status("absent"), None);
    let broken = folder.path().join("records/broken.json");
    fs::write(&broken, "{").unwrap();
    assert_eq!(store.status("broken"), None);
    assert!(broken.exists(), "a look changes nothing");
    assert_eq!(store.keys().len(), 4);
}

/// Files of versions that knew one mode stay as they were.
#[test]
fn a_cell_without_a_mode_is_eager() {
    let eager = cell("yolov5n", None);
    let written = serde_json::to_value(&eager).unwrap();
    assert_eq!(written.get("mode"), None);
    assert_eq!(serde_json::from_value::<Cell>(written).unwrap(), eager);

    let graph = Cell {
        mode: "graph".into(),
        ..eager.clone()
    };
    let written = serde_json::to_value(&graph).unwrap();
    assert_eq!(written["mode"], "graph");
    assert_eq!(serde_json::from_value::<Cell>(written).unwrap(), graph);
    assert_ne!(graph, eager);
}

/// A mode is named where a device has several, and in a file's name where it is not eager.
#[test]
fn a_timing_names_its_mode() {
    for (device, dtype, mode, text, word) in [
        ("flex", "f32", "eager", "batch 1", "batch1"),
        ("flex", "f16", "eager", "batch 1 in f16", "batch1-f16"),
        ("tch", "f32", "eager", "batch 1, eager", "batch1"),
        ("tch", "f32", "graph", "batch 1, graph", "batch1-graph"),
        ("tch:cuda:0", "f32", "eager", "batch 1, eager", "batch1"),
        (
            "tch:cuda:0",
            "f32",
            "graph",
            "batch 1, graph",
            "batch1-graph",
        ),
        (
            "tch:cuda:0",
            "f16",
            "graph",
            "batch 1 in f16, graph",
            "batch1-f16-graph",
        ),
    ] {
        let cell = Cell {
            device: device.into(),
            dtype: dtype.into(),
            mode: mode.into(),
            ..cell("yolov5n", None)
        };
        let timing = cell.timing();
        assert_eq!(
            (timing.to_string().as_str(), timing.word().as_str()),
            (text, word)
        );
    }
}
