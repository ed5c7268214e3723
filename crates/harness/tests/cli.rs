//! The commands that measure nothing: show, diff, variants, metrics, devices, completions, man, and
//! errors of a command line.

mod common;

use std::fs;

use ablate::{cli::Cli, device::BACKENDS};
use ablate_model::Catalog;
use clap::CommandFactory;
use common::ablate;
use serde_json::{Value, json};

#[test]
fn show_prints_the_published_figures() {
    let text = ablate(&["show", "yolov5n", "--format", "json"]).ok();
    let model: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(model["model"], "yolov5n");
    assert_eq!(model["params"], 1_872_157);
    assert_eq!(format!("{:.1}", model["gflops"].as_f64().unwrap()), "4.6");
    let layers = model["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 25);
    assert_eq!(layers[0]["module"], "Conv");
    assert_eq!(
        (&model["strides"], &model["anchors"][0][1]),
        (&json!([8, 16, 32]), &json!([16.0, 30.0]))
    );
    assert_eq!(layers[0]["shapes"], json!([[16, 320, 320]]));
    let sum = |key: &str| {
        layers
            .iter()
            .map(|layer| layer[key].as_f64().unwrap())
            .sum::<f64>()
    };
    assert_eq!(sum("params"), 1_872_157.0);
    for key in ["gflops", "gflops_exact"] {
        assert!(
            (sum(key) - model[key].as_f64().unwrap()).abs() < 1e-9,
            "{key}"
        );
    }
}

#[test]
fn show_takes_several_models_classes_and_sizes() {
    let text = ablate(&[
        "show",
        "yolov5n",
        "yolov5n+gsconv",
        "--nc",
        "3",
        "--imgsz",
        "320",
        "--format",
        "json",
    ])
    .ok();
    let models: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(models[1]["model"], "yolov5n+gsconv");
    assert_eq!(
        (&models[0]["nc"], &models[0]["imgsz"]),
        (&json!(3), &json!(320))
    );
    assert!(models[1]["params"].as_u64() < models[0]["params"].as_u64());

    let table = ablate(&["show", "yolov5n+gsconv", "--nc", "3"]).ok();
    assert!(
        table.contains("GSConv") && table.contains("3 classes"),
        "{table}"
    );
    assert!(
        table.contains(&format!("{} parameters", models[1]["params"])),
        "{table}"
    );

    let csv = ablate(&["show", "yolov5n", "yolov5n+gsconv", "--format", "csv"]).ok();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().next(), Some("model"));
    assert_eq!(
        reader
            .records()
            .map(Result::unwrap)
            .filter(|row| &row[0] == "yolov5n+gsconv")
            .count(),
        25
    );
}

#[test]
fn a_table_of_ones_own_is_a_family() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.yaml");
    let table = "
nc: 2
scales: {n: [0.33, 0.25, 1024]}
anchors: [[10, 13, 16, 30, 33, 23]]
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
head:
  - [-1, 1, C3, [128]]
  - [[2], 1, Detect, [nc, anchors]]
";
    fs::write(&path, table).unwrap();
    let path = path.to_str().unwrap();
    let model: Value =
        serde_json::from_str(&ablate(&["show", "tinyn", "--table", path, "--format", "json"]).ok())
            .unwrap();
    assert_eq!(
        (
            model["nc"].as_u64(),
            model["layers"].as_array().unwrap().len()
        ),
        (Some(2), 4)
    );
    fs::write(path, table.replace("C3", "C33")).unwrap();
    let error = ablate(&["show", "tinyn", "--table", path]).refused();
    assert!(error.contains("row 2") && error.contains("C33"), "{error}");
}

fn coco(folder: &std::path::Path, shift: f64) -> [String; 2] {
    let truth = json!({
        "images": [{ "id": 1, "width": 100, "height": 100 }],
        "categories": [{ "id": 5, "name": "cell" }],
        "annotations": [
            { "id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 10, 40, 40], "area": 1600, "iscrowd": 0 },
        ],
    });
    let found = json!([{ "image_id": 1, "category_id": 5, "bbox": [10.0 + shift, 10, 40, 40], "score": 0.9 }]);
    [("truth.json", truth), ("found.json", found)].map(|(name, value)| {
        let path = folder.join(name);
        fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

#[test]
fn metrics_prints_the_twelve_figures() {
    let folder = tempfile::tempdir().unwrap();
    // Moved by 10 of 40 pixels: IoU 0.6, which is enough at 0.50, 0.55 and 0.60 of the ten
    // thresholds.
    let [truth, found] = coco(folder.path(), 10.0);
    let metrics: Value =
        serde_json::from_str(&ablate(&["metrics", &truth, &found, "--format", "json"]).ok())
            .unwrap();
    let names = [
        "AP",
        "AP50",
        "AP75",
        "AP_small",
        "AP_medium",
        "AP_large",
        "AR_1",
        "AR_10",
        "AR_100",
        "AR_small",
        "AR_medium",
        "AR_large",
    ];
    assert!(
        names.iter().all(|name| metrics.get(name).is_some()),
        "{metrics}"
    );
    let figure = |name: &str| metrics[name].as_f64();
    for (name, expected) in [
        ("AP", 0.3),
        ("AP50", 1.0),
        ("AP75", 0.0),
        ("AP_medium", 0.3),
        ("AR_100", 0.3),
    ] {
        assert!(
            (figure(name).unwrap() - expected).abs() < 1e-9,
            "{name}: {metrics}"
        );
    }
    assert_eq!(figure("AP_small"), None, "there is no small object");
    assert_eq!(
        (
            &metrics["per_category"][0]["name"],
            &metrics["per_category"][0]["instances"]
        ),
        (&json!("cell"), &json!(1))
    );

    let table = ablate(&["metrics", &truth, &found]).ok();
    assert!(
        table.contains("AR_large") && table.contains("0.3000") && table.contains("cell"),
        "{table}"
    );
}

#[test]
fn metrics_prints_masks_beside_boxes() {
    let folder = tempfile::tempdir().unwrap();
    let [truth, found] = coco(folder.path(), 0.0);
    let square = |x: u32| json!([[x, 10, x, 50, x + 40, 50, x + 40, 10]]);
    let edit = |path: &String, change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        change(&mut value);
        fs::write(path, value.to_string()).unwrap();
    };
    let metrics = || ablate(&["metrics", &truth, &found, "--format", "json"]);
    // The detection's box is right, its mask is moved by 10 of 40 pixels.
    edit(&found, &|found| found[0]["segmentation"] = square(20));
    let without: Value = serde_json::from_str(&metrics().ok()).unwrap();
    assert!(
        without.get("masks").is_none(),
        "the objects have none: {without}"
    );

    edit(&truth, &|truth| {
        truth["annotations"][0]["segmentation"] = square(10)
    });
    let both: Value = serde_json::from_str(&metrics().ok()).unwrap();
    let figure = |value: &Value| value.as_f64().unwrap();
    assert!(
        (figure(&both["AP"]) - 1.0).abs() < 1e-9
            && (figure(&both["masks"]["AP"]) - 0.3).abs() < 1e-9,
        "{both}"
    );
    let table = ablate(&["metrics", &truth, &found]).ok();
    let row = |name: &str| {
        table
            .lines()
            .find(|line| line.trim().starts_with(name))
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(row("figure"), ["figure", "boxes", "masks"]);
    assert_eq!(row("AP_medium"), ["AP_medium", "1.0000", "0.3000"]);
    assert_eq!(
        row("cell"),
        ["cell", "1", "1.0000", "1.0000", "0.3000", "1.0000"]
    );
}

#[test]
fn metrics_names_what_is_wrong_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let [truth, found] = coco(folder.path(), 0.0);
    let text = fs::read_to_string(&found).unwrap();
    fs::write(
        &found,
        text.replace("\"category_id\":5", "\"category_id\":6"),
    )
    .unwrap();
    // pycocotools passes over it; so is it here, but said.
    let run = ablate(&["metrics", &truth, &found]);
    assert!(
        run.stderr().contains("no category with the id 6"),
        "{}",
        run.stderr()
    );
    run.ok();
    fs::write(&found, text.replace("\"score\"", "\"scores\"")).unwrap();
    let error = ablate(&["metrics", &truth, &found]).refused();
    assert!(
        error.contains("found.json") && error.contains("score"),
        "{error}"
    );
    let error = ablate(&["metrics", &truth, "no/such.json"]).refused();
    assert!(error.contains("no/such.json"), "{error}");
}

#[test]
fn devices_names_what_is_compiled_in() {
    let text = ablate(&["devices"]).ok();
    assert!(text.lines().next().unwrap().contains("threads"));
    for backend in BACKENDS {
        let line = text
            .lines()
            .position(|line| line.starts_with(backend.name))
            .unwrap_or_else(|| panic!("{} in {text}", backend.name));
        let below = text.lines().nth(line + 1).unwrap();
        match backend.runtime {
            Some(_) => assert!(
                below.trim_start().starts_with(backend.name) || below.contains("requires"),
                "{text}"
            ),
            None => assert!(
                below.contains(&format!("feature `{}`", backend.name)),
                "{text}"
            ),
        }
    }
}

#[test]
fn a_wrong_command_line_is_one_clear_line_and_code_2() {
    let refusals: [(&[&str], &str); 15] = [
        (&["show", "yolov5"], "expected a scale, as in yolov5n"),
        (&["show", "yolov4n"], "unknown family 'yolov4'"),
        (&["show", "yolov5n+gsconf"], "gsconv"),
        (&["show", "yolov5n+asff:oder=parallel"], "oder"),
        (
            &["show", "yolov5n", "--imgsz", "100"],
            "--imgsz: expected a multiple of 32, found 100; next: 128",
        ),
        (
            &["show", "yolov5n", "--imgsz", "640", "1000"],
            "--imgsz: expected a multiple of 32, found 1000; next: 1024",
        ),
        (
            &["diff", "yolov5n", "yolov8n", "--imgsz", "9984"],
            "--imgsz: expected a multiple of 32 from 32 to 8192, found 9984",
        ),
        (
            &["latency", "yolov5n", "--imgsz", "720,1280"],
            "--imgsz: expected a multiple of 32, found 720; next: 736",
        ),
        (&["latency", "yolov5n", "--device", "cuda:99"], "cuda"),
        (
            &["latency", "yolov5n", "--mode", "graph"],
            "--mode graph: expected a device of LibTorch (tch, tch:cuda:0), found flex",
        ),
        (
            &["latency", "yolov5n", "--dtype", "tf32"],
            "the device does not support tf32, which LibTorch has on NVIDIA's GPUs (tch:cuda:0); use f32",
        ),
        (
            &["latency", "yolov5n", "--dtype", "f16", "--train-step"],
            "--dtype f16 --train-step is a step in mixed precision: expected an NVIDIA GPU by LibTorch (tch:cuda:0), found flex",
        ),
        (
            &["latency", "yolov5n", "--mode", "graph", "--train-step"],
            "--mode: expected eager with --train-step, found graph",
        ),
        (&["run", "no/such.yaml"], "no/such.yaml"),
        (&["report", "no/such/folder"], "no/such/folder"),
    ];
    for (arguments, word) in refusals {
        let error = ablate(arguments).refused();
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
    assert_eq!(ablate(&["shw"]).code(), 2);
}

/// The README's examples.
#[test]
fn the_examples_of_ones_own_work() {
    let own = |name: &str| {
        format!(
            "{}/../../configs/models/own/{name}.yaml",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let (table, variant) = (own("tiny"), own("gsback"));
    let text = ablate(&[
        "show",
        "--table",
        &table,
        "--table",
        &variant,
        "tinyn",
        "tinys+gsback+slimneck",
        "yolov8n+gsback",
    ])
    .ok();
    assert_eq!(
        text.lines()
            .filter(|line| line.contains(" parameters, "))
            .count(),
        3,
        "{text}"
    );
    let text = ablate(&["diff", "--table", &variant, "yolov8n", "yolov8n+gsback"]).ok();
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("GSConv ["))
            .count(),
        5,
        "{text}"
    );
    // The five Convs of YOLOv8's backbone; its neck keeps its own.
    assert!(text.contains("18 rows are the same"), "{text}");
}

#[test]
fn diff_says_what_was_replaced_and_what_it_cost() {
    let text = ablate(&["diff", "yolov5n", "yolov5n+gsconv"]).ok();
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("GSConv ["))
        .collect();
    assert_eq!(rows.len(), 4, "{text}");
    assert!(rows.iter().all(|row| row.contains(" Conv [")), "{text}");
    assert!(
        text.contains("21 rows are the same")
            && text.contains("1872157 to 1764317 parameters (-5.8 %)"),
        "{text}"
    );

    // Rows of another backbone stand alone, those of the head beside their own.
    let text = ablate(&["diff", "yolov5n", "yolov5n+fasternet", "--all"]).ok();
    let count = |side: &str| text.lines().filter(|line| line.contains(side)).count();
    assert_eq!((count("FasterNet ["), count("C3 [")), (1, 8), "{text}");
    assert!(
        text.lines()
            .any(|line| line.matches("Detect [").count() == 2),
        "{text}"
    );
}

#[test]
fn variants_lists_title_source_and_arguments() {
    let listed: Value =
        serde_json::from_str(&ablate(&["variants", "--format", "json"]).ok()).unwrap();
    let catalog = Catalog::builtin();
    assert_eq!(listed.as_array().unwrap().len(), catalog.variants().count());
    let find = |name: &str| {
        let mut rows = listed.as_array().unwrap().iter();
        rows.find(|row| row["name"] == name).unwrap()
    };
    for variant in catalog.variants() {
        let row = find(&variant.name);
        assert_eq!(row["title"], variant.title.as_str());
        assert_eq!(row["summary"], variant.summary.as_str());
        assert_eq!(row["source"], variant.source.as_str());
        assert_eq!(
            row["arguments"].as_object().unwrap().len(),
            variant.arguments.len()
        );
    }
    assert_eq!(
        find("asff")["arguments"]["order"],
        json!({ "default": { "*": "parallel" }, "values": ["parallel", "sequential"] })
    );
    assert_eq!(find("fasternet")["arguments"]["size"]["default"]["x"], "m");

    let own = format!(
        "{}/../../configs/models/own/gsback.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let table = ablate(&["variants", "--table", &own]).ok();
    for part in [
        "gsback",
        "GSConv in the backbone",
        "order=parallel|sequential",
        "[default: parallel]",
        "rfb=false|true [default: false]",
    ] {
        assert!(table.contains(part), "{part} in {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 140));
}

#[test]
fn completions_name_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = ablate(&["completions", shell]).ok();
        for subcommand in Cli::command().get_subcommands() {
            assert!(script.contains(subcommand.get_name()), "{shell}");
        }
        assert!(script.contains("min-iterations"), "{shell}");
    }
    assert_eq!(ablate(&["completions", "tcsh"]).code(), 2);
}

#[test]
fn man_prints_a_page_and_writes_one_for_each_subcommand() {
    let page = ablate(&["man"]).ok();
    assert!(page.contains(".TH ablate 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    ablate(&["man", "--out", out.to_str().unwrap()]).ok();
    for subcommand in Cli::command().get_subcommands() {
        let file = out.join(format!("ablate-{}.1", subcommand.get_name()));
        assert!(file.is_file(), "{}", file.display());
    }
    let train = fs::read_to_string(out.join("ablate-train.1")).unwrap();
    assert!(
        train.contains("Number of epochs (overrides the recipe)"),
        "{train}"
    );
}

/// Of every option and argument, so that none is left out.
#[test]
fn help_describes_everything() {
    let command = Cli::command();
    for subcommand in command.get_subcommands() {
        assert!(
            subcommand.get_about().is_some(),
            "{}",
            subcommand.get_name()
        );
        for argument in subcommand.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{} {}",
                subcommand.get_name(),
                argument.get_id()
            );
        }
    }
}

#[test]
fn a_size_may_be_a_rectangle() {
    let shown = |size: &[&str]| -> Value {
        let words = [&["show", "yolov8n", "--format", "json", "--imgsz"], size].concat();
        serde_json::from_str(&ablate(&words).ok()).unwrap()
    };
    let [square, wide] = [&["640"][..], &["384", "640"]].map(shown);
    assert_eq!(square["imgsz"], 640);
    assert_eq!(wide["imgsz"], json!([384, 640]));
    // Every convolution runs on 384 / 640 of the cells.
    let [square, wide] = [square, wide].map(|model| model["gflops_exact"].as_f64().unwrap());
    assert!((wide / square - 0.6).abs() < 1e-9, "{wide} {square}");
    let text = ablate(&["diff", "yolov8n", "yolov8n+gsconv", "--imgsz", "384", "640"]).ok();
    assert!(text.contains("at 384×640"), "{text}");
    // A model after the size is no width.
    let text = ablate(&["show", "--imgsz", "320", "yolov5n"]).ok();
    assert!(text.contains("at 320×320"), "{text}");
    let timed = ablate(&[
        "latency",
        "yolov5n",
        "--imgsz",
        "64",
        "96",
        "--budget",
        "0",
        "--warmup",
        "0",
        "--min-iterations",
        "1",
        "--format",
        "csv",
    ]);
    let timed = timed.ok();
    assert!(
        timed.contains("\nyolov5n,flex,64×96,1,f32,eager,false,"),
        "{timed}"
    );
}
