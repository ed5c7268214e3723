//! What is said of a data set: by `ablate data`, and by the commands that use one.

mod common;

use std::{fs, path::Path, process::Command};

use common::{Run, ablate};
use image::{Rgb, RgbImage};
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Two images of train, one of which can't be decoded, and a row that can't be used; val has a copy
/// of the good one.
fn dataset(folder: &Path) -> String {
    for split in ["train", "val"] {
        for place in ["images", "labels"] {
            fs::create_dir_all(folder.join(place).join(split)).unwrap();
        }
    }
    let image = folder.join("images/train/a.png");
    RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, 90]))
        .save(&image)
        .unwrap();
    let bytes = fs::read(&image).unwrap();
    // Its header is whole.
    fs::write(
        folder.join("images/train/broken.png"),
        &bytes[..bytes.len() / 2],
    )
    .unwrap();
    fs::write(folder.join("images/val/same.png"), &bytes).unwrap();
    let row = "0 0.5 0.5 0.4 0.3\n";
    for name in ["train/broken", "val/same"] {
        fs::write(folder.join(format!("labels/{name}.txt")), row).unwrap();
    }
    fs::write(
        folder.join("labels/train/a.txt"),
        format!("{row}9 0.5 0.5 0.1 0.1\n"),
    )
    .unwrap();
    let yaml = folder.join("mine.yaml");
    fs::write(
        &yaml,
        "train: images/train\nval: images/val\nnames: [thing, '<b>other</b>']\n",
    )
    .unwrap();
    yaml.to_str().unwrap().to_owned()
}

#[test]
fn data_tells_all_of_a_data_set_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let run = ablate(&["data", &dataset(folder.path()), "--format", "json"]);
    let warnings = run.stderr();
    assert!(
        warnings.contains("1 image of train is evaluated on, too"),
        "{warnings}"
    );
    let value: Value = serde_json::from_str(&run.ok()).unwrap();
    assert_eq!(value["name"], "mine");
    let [train, val] = [&value["splits"][0], &value["splits"][1]];
    let counts = |split: &Value| {
        ["images", "boxes", "background"].map(|key| split["data"][key].as_u64().unwrap())
    };
    assert_eq!((counts(train), counts(val)), ([1, 1, 0], [1, 1, 0]));
    assert_eq!(train["data"]["left_out"]["images"], 1);
    assert_eq!(train["data"]["left_out"]["annotations"], 1);
    let problems: Vec<String> = train["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| format!("{}:{}", problem["file"], problem["line"]))
        .collect();
    assert!(problems[0].ends_with("a.txt\":2") && problems[1].ends_with("broken.png\":null"));
    assert_eq!(train["classes"][0]["boxes"], 1);
    assert_eq!(train["images"]["frequent"][0]["width"], 64);
    assert_eq!(value["duplicates"][0]["leaks"], true);
    assert_eq!(value["duplicates"][0]["images"][1]["split"], "val");
}

#[test]
fn data_prints_tables_and_writes_pages() {
    let folder = tempfile::tempdir().unwrap();
    let (data, pages) = (dataset(folder.path()), folder.path().join("pages"));
    let run = ablate(&["data", &data, "--html", pages.to_str().unwrap()]);
    let text = run.ok();
    for part in [
        "left out of train: 1 image with 1 box, 1 annotation",
        "a.txt:2: unknown class 9",
        "broken.png: corrupt image",
        "train images/train/a.png = val images/val/same.png",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let page = fs::read_to_string(pages.join("train-1.html")).unwrap();
    assert!(
        page.contains("images&#x2f;train&#x2f;a.png")
            && page.contains("data:image/jpeg;base64,/9j/")
    );
    // 0.3 to 0.7 of 320 pixels' width.
    assert!(
        page.contains("x=\"96.0\"") && page.contains("width=\"128.0\""),
        "{page}"
    );
    let index = fs::read_to_string(pages.join("index.html")).unwrap();
    assert!(index.contains("broken.png: corrupt image"));
    assert!(index.contains("&lt;b&gt;other&lt;&#x2f;b&gt;") && !index.contains("<b>other"));

    let again = ["data", &data, "--html", pages.to_str().unwrap()];
    ablate(&again).ok();
    fs::write(pages.join("val-1.html"), "mine").unwrap();
    let error = ablate(&again).refused();
    assert!(
        error.contains("val-1.html: expected none, or an earlier one of this program"),
        "{error}"
    );
    assert_eq!(fs::read(pages.join("val-1.html")).unwrap(), b"mine");

    let only = ablate(&["data", &data, "--split", "val"]).ok();
    assert!(!only.contains("left out of train") && !only.contains("same.png"));
    let absent = ablate(&["data", &data, "--split", "test"]).refused();
    assert!(absent.contains("`test`"), "{absent}");
}

#[test]
fn training_and_evaluation_give_the_same_account() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (dataset(folder.path()), folder.path().join("out"));
    let [table, out] = [
        format!("{ROOT}/configs/models/own/tiny.yaml"),
        out.to_str().unwrap().to_owned(),
    ];
    let common = ["tinyn", "--table", &table, "--data", &data, "--imgsz", "64"];
    let run = |words: &[&str]| {
        let all: Vec<&str> = words[..1]
            .iter()
            .chain(&common)
            .chain(&words[1..])
            .copied()
            .collect();
        ablate(&all)
    };
    let trained = run(&["train", "--epochs", "1", "--batch", "2", "--out", &out]);
    let log = trained.stderr();
    trained.ok();
    let train = "data mine, train: 1 image, 1 box, 0 background; left out: 1 image with 1 box, 1 annotation";
    let val = "data mine, val: 1 image, 1 box, 0 background\n";
    assert_eq!(
        (log.matches(train).count(), log.matches(val).count()),
        (1, 1),
        "{log}"
    );
    assert!(log.contains("broken.png: corrupt image"), "{log}");

    let weights = format!("{out}/last.safetensors");
    let words = [
        "val",
        "--weights",
        &weights,
        "--split",
        "train",
        "-q",
        "--format",
        "json",
    ];
    let evaluated = run(&words);
    let log = evaluated.stderr();
    assert!(
        log.contains(train) && log.contains("a.txt:2"),
        "-q keeps warnings: {log}"
    );
    let value: Value = serde_json::from_str(&evaluated.ok()).unwrap();
    assert_eq!(value["data"]["left_out"]["images"], 1);
    assert_eq!(value["data"]["reasons"].as_array().unwrap().len(), 2);
}

#[test]
fn a_sweep_tells_the_account_once_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path());
    let (sweep, out) = (folder.path().join("sweep.yaml"), folder.path().join("out"));
    let text = format!(
        "name: accounts\nfamilies: [tiny]\nscales: [n]\nvariants: [baseline, gsconv]\n\
         tables: ['{ROOT}/configs/models/own/tiny.yaml']\n\
         train: {{data: '{data}', imgsz: 64, epochs: 1, batch: 2}}\neval: {{split: val}}\n"
    );
    fs::write(&sweep, text).unwrap();
    let [sweep, out_word] = [&sweep, &out].map(|path| path.to_str().unwrap());
    let run = ablate(&[
        "run",
        sweep,
        "--out",
        out_word,
        "--stages",
        "cost,train,eval",
    ]);
    let log = run.stderr();
    run.ok();
    let left_out = "; left out: 1 image with 1 box, 1 annotation";
    assert_eq!(log.matches(left_out).count(), 1, "{log}");
    assert_eq!(
        log.matches("data mine, val: 1 image, 1 box").count(),
        1,
        "{log}"
    );

    let records = fs::read_dir(out.join("records")).unwrap();
    let accounts: Vec<Value> = records
        .map(|entry| serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap())
        .map(|record: Value| record["outcome"]["measurement"]["data"].clone())
        .collect();
    let trained = accounts.iter().filter(|data| {
        data[0]["left_out"]["images"] == 1
            && data[0]["split"] == "train"
            && data[1]["split"] == "val"
    });
    let evaluated = accounts.iter().filter(|data| data["split"] == "val");
    assert_eq!((trained.count(), evaluated.count()), (2, 2), "{accounts:?}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("mine, train: 1 image with 1 box, 1 annotation left out"));

    // All of it is found in records: they tell the account, with the reasons.
    let again = ablate(&["run", sweep, "--out", out_word, "-q"]);
    let log = again.stderr();
    again.ok();
    assert_eq!(log.matches(left_out).count(), 1, "{log}");
    assert!(log.contains("broken.png: corrupt image"), "{log}");
    let log = ablate(&["run", sweep, "--out", out_word]).stderr();
    assert!(log.contains("0 measured, 6 found"), "{log}");
    assert_eq!(
        log.matches("data mine, val: 1 image, 1 box").count(),
        1,
        "{log}"
    );
    let costs = ablate(&["run", sweep, "--out", out_word, "--stages", "cost"]).stderr();
    assert!(!costs.contains("data mine"), "{costs}");
}

/// Ultralytics' users write a task beside their classes; here the model decides.
#[test]
fn a_task_that_is_not_the_models_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path());
    let text = fs::read_to_string(&data).unwrap();
    let sweep = folder.path().join("sweep.yaml");
    let said = |task: &str, model: &str| {
        fs::write(&data, format!("{text}task: {task}\n")).unwrap();
        let sweep_text = format!(
            "name: tasks\nmodels: [{model}]\nnc: 2\ntrain: {{data: '{data}', imgsz: 64, epochs: 1}}\n"
        );
        fs::write(&sweep, sweep_text).unwrap();
        let run = ablate(&["run", sweep.to_str().unwrap(), "--dry-run", "-q"]);
        let log = run.stderr();
        run.ok();
        log
    };
    let segment = said("segment", "yolov5n");
    assert!(
        segment.contains("mine.yaml:4: key `task`: 'segment' has no effect here: the model decides; boxes are used, and masks with `+segment`"),
        "{segment}"
    );
    let turned = said("obb", "yolov5n");
    assert!(
        turned.contains("'obb' has no effect here: the model decides; boxes are used"),
        "{turned}"
    );
    for (task, model) in [
        ("detect", "yolov5n"),
        ("segment", "yolov5n+segment"),
        ("3", "yolov5n"),
    ] {
        assert_eq!(said(task, model), "", "{task}, {model}");
    }
    // The commands, too.
    let words = [
        "--data", &data, "--imgsz", "64", "--epochs", "1", "--batch", "2",
    ];
    fs::write(&data, format!("{text}task: segment\n")).unwrap();
    let out = folder.path().join("run");
    let out = ["--out", out.to_str().unwrap()];
    let table = format!("{ROOT}/configs/models/own/tiny.yaml");
    let model = ["train", "tinyn", "--table", &table];
    let run = ablate(&[&model[..], &words, &out].concat());
    assert!(run.stderr().contains("key `task`: 'segment' has no effect"));
    run.ok();
}

/// The same data wherever the program is started, and those that are named.
#[test]
fn the_working_folder_decides_on_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("shapes");
    dataset(&root);
    fs::write(
        root.join("images/data.yaml"),
        "train: train\nval: val\nnames: [thing, other]\n",
    )
    .unwrap();
    // An old label file beside an image, which that in `labels` replaces.
    fs::write(root.join("images/val/same.txt"), "1 0.5 0.5 0.1 0.1\n").unwrap();
    let data = |from: &Path, data: &str| {
        let words = ["data", data, "--split", "val", "--format", "json"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_ablate"));
        Run::of(command.current_dir(from).args(words))
    };
    let classes = |run: Run| -> Value {
        let found: Value = serde_json::from_str(&run.ok()).unwrap();
        found["splits"][0]["classes"].clone()
    };
    let outside = classes(data(folder.path(), "shapes/images/data.yaml"));
    assert_ne!(outside, Value::Null);
    assert_eq!(classes(data(&root.join("images"), "data.yaml")), outside);

    // A data set of the built-in one's name is not passed over.
    fs::rename(root.join("mine.yaml"), root.join("data.yaml")).unwrap();
    let error = data(folder.path(), "shapes").refused();
    assert!(error.contains("write `./shapes` for this one"), "{error}");
    data(folder.path(), "./shapes").ok();
}
