//! `ablate train` with what a recipe may ask for beside rates and augmentation.

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::ablate;
use safetensors::SafeTensors;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Trains a tiny network on a few drawn images; what it printed.
fn train(out: &Path, recipe: &str) -> String {
    fs::create_dir_all(out).unwrap();
    let file = out.join("recipe.yaml");
    fs::write(&file, recipe).unwrap();
    let [table, data] = [
        "configs/models/own/tiny.yaml",
        "configs/data/shapes-smoke.yaml",
    ]
    .map(|path| format!("{ROOT}/{path}"));
    let [file, out] = [file.as_path(), out].map(|path| path.to_str().unwrap());
    ablate(&[
        "train", "tinyn", "--table", &table, "--data", &data, "--imgsz", "64", "--recipe", file,
        "--out", out,
    ])
    .ok()
}

/// The tensors of the last weights, by name.
fn tensors(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(out.join("last.safetensors")).unwrap();
    SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, view)| (name.to_owned(), view.data().to_vec()))
        .collect()
}

#[test]
fn frozen_rows_keep_weights_and_statistics() {
    let folder = tempfile::tempdir().unwrap();
    // Without an average, which would round.
    let common = "{batch: 8, nbs: 8, warmup_min_steps: 0, warmup_epochs: 0, ema_decay: 0, val_interval: 0, freeze: [0, 2], epochs:";
    let [short, long] = ["1", "2"].map(|epochs| {
        let out = folder.path().join(epochs);
        train(&out, &format!("{common} {epochs}}}"));
        tensors(&out)
    });
    let is_frozen = |name: &str| name.starts_with("model.0.") || name.starts_with("model.2.");
    let (frozen, trained): (Vec<_>, Vec<_>) = short
        .keys()
        .filter(|name| !name.ends_with("anchors"))
        .partition(|name| is_frozen(name));
    assert!(frozen.iter().any(|name| name.ends_with("running_mean")) && !trained.is_empty());
    assert!(frozen.iter().all(|name| short[*name] == long[*name]));
    assert!(trained.iter().all(|name| short[*name] != long[*name]));
}

#[test]
fn anchors_are_fitted_where_they_miss_the_boxes() {
    let folder = tempfile::tempdir().unwrap();
    // No anchor of the table is within a tenth of most boxes.
    let common = "{epochs: 1, batch: 8, val_interval: 0, anchor_t: 1.1";
    let [kept, fitted] = [", noautoanchor: true}", "}"].map(|more| {
        let out = folder
            .path()
            .join(if more.len() > 1 { "kept" } else { "fitted" });
        (train(&out, &format!("{common}{more}")), tensors(&out))
    });
    assert!(!kept.0.contains("anchors"), "{}", kept.0);
    assert!(
        fitted.0.contains("anchors fitted to the data: "),
        "{}",
        fitted.0
    );
    let anchors = kept
        .1
        .keys()
        .find(|name| name.ends_with(".anchors"))
        .unwrap();
    assert_ne!(kept.1[anchors], fitted.1[anchors]);
    let again = folder.path().join("again");
    train(&again, &format!("{common}}}"));
    assert!(
        tensors(&again) == fitted.1,
        "the same seed gives the same anchors and weights"
    );
}

#[test]
fn what_cannot_be_done_is_said_before_training() {
    let folder = tempfile::tempdir().unwrap();
    for (recipe, words) in [
        ("{freeze: 99}", "can't freeze row 13"),
        ("{lr: 0.1}", "unknown key 'lr'; did you mean 'lr0'?"),
        (
            "{mode: train, cutmix: 0.5}",
            "cutmix: expected 0, found 0.5",
        ),
        (
            "{epochs: 1, anchors: 5}",
            "anchors: expected 3, as many as the head of the model's table has on each level, found 5",
        ),
    ] {
        let file = folder.path().join("recipe.yaml");
        fs::write(&file, recipe).unwrap();
        let [table, data] = [
            "configs/models/own/tiny.yaml",
            "configs/data/shapes-smoke.yaml",
        ]
        .map(|path| format!("{ROOT}/{path}"));
        let [file, out] = [file.as_path(), folder.path()].map(|path| path.to_str().unwrap());
        let run = ablate(&[
            "train", "tinyn", "--table", &table, "--data", &data, "--imgsz", "64", "--recipe",
            file, "--out", out,
        ]);
        let error = run.refused();
        assert!(error.contains(words), "{error}");
    }
}

/// What lies in the folder, such as weights that were kept without the checkpoint, is not written over.
#[test]
fn weights_that_are_there_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("best.safetensors");
    fs::write(&file, "mine").unwrap();
    let out = folder.path().to_str().unwrap();
    let words = [
        "train", "yolov5n", "--data", "shapes", "--epochs", "1", "--imgsz", "64",
    ];
    let error = ablate(&[&words[..], &["--out", out]].concat()).refused();
    assert!(
        error.contains("best.safetensors exists, which the training would write over"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
}

/// Nothing seems to be there where a network gives no numbers; that is no mAP.
#[test]
fn a_network_that_gives_no_numbers_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = drawn(folder.path(), "own.yaml", "[circle, square]");
    let table = table(folder.path(), "small", "backbone:", "backbone:");
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    let model = [
        "smalln", "--table", &table, "--data", &data, "--imgsz", "64",
    ];
    let training = ["--epochs", "1", "--batch", "4", "--out", &out];
    ablate(&[&["train"], &model[..], &training].concat()).ok();
    let file = folder.path().join("out/best.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + size]).unwrap();
    let tensors = header.as_object().unwrap().iter();
    let mut variances = tensors.filter(|(name, _)| name.ends_with("running_var"));
    let start = variances.next().unwrap().1["data_offsets"][0]
        .as_u64()
        .unwrap() as usize;
    bytes[8 + size + start..][..4].copy_from_slice(&(-1.0f32).to_le_bytes());
    fs::write(&file, bytes).unwrap();
    let weights = ["--weights", file.to_str().unwrap()];
    let run = ablate(&[&["val"], &model[..], &weights].concat());
    let error = run.stderr();
    assert!(
        run.code() != 0 && error.contains("the network's output is not finite for image "),
        "{error}"
    );
}

/// A file of YOLOv5's as it is; what of it has no effect is said, once.
#[test]
fn a_packages_file_trains_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let text = train(
        folder.path(),
        "{epochs: 1, batch: 8, iou_t: 0.2, fl_gamma: 0.0, anchor_t: 4.0, anchors: 3.2}",
    );
    assert_eq!(text.matches("no effect here: iou_t").count(), 1, "{text}");
    assert!(text.contains("anchors fitted to the data"), "{text}");
}

/// The example table with other words, in a file of its own; its path.
fn table(folder: &Path, name: &str, right: &str, wrong: &str) -> String {
    let text = fs::read_to_string(format!("{ROOT}/configs/models/own/tiny.yaml")).unwrap();
    assert!(text.contains(right), "{right}");
    let path = folder.join(format!("{name}.yaml"));
    fs::write(&path, text.replacen(right, wrong, 1)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs `train` on a few drawn images for an epoch.
fn epoch(folder: &Path, table: &str, more: &[&str]) -> common::Run {
    let name = Path::new(table).file_stem().unwrap().to_str().unwrap();
    let [model, out] = [
        format!("{name}n"),
        folder.join(name).to_str().unwrap().into(),
    ];
    let data = format!("{ROOT}/configs/data/shapes-smoke.yaml");
    let words = [
        "train", &model, "--table", table, "--data", &data, "--epochs", "1", "--batch", "8",
        "--out", &out,
    ];
    ablate(&[&words[..], more].concat())
}

#[test]
fn anchors_that_a_table_counts_are_fitted_whatever_they_match() {
    let folder = tempfile::tempdir().unwrap();
    let anchors =
        "anchors:\n  - [10, 14, 23, 27, 37, 58] # P4/16\n  - [81, 82, 135, 169, 344, 319] # P5/32";
    let counted = table(folder.path(), "counted", anchors, "anchors: 3");
    let shown = ablate(&["show", "countedn", "--table", &counted, "--imgsz", "64"]).ok();
    let note = "3 anchors a level: fitted to the data before training";
    assert!(shown.contains(note), "{shown}");
    let printed = epoch(folder.path(), &counted, &["--imgsz", "64"]).ok();
    assert!(
        printed.contains("anchors fitted to the data: "),
        "{printed}"
    );
    assert!(printed.contains(note), "{printed}");
    let recipe = folder.path().join("recipe.yaml");
    fs::write(&recipe, "{noautoanchor: true}").unwrap();
    let kept = table(folder.path(), "kept", anchors, "anchors: 3");
    let more = ["--imgsz", "64", "--recipe", recipe.to_str().unwrap()];
    let error = epoch(folder.path(), &kept, &more).refused();
    assert!(
        error.contains(
            "noautoanchor: expected false, since the model's table or the recipe only counts"
        ),
        "{error}"
    );
}

#[test]
fn a_tables_activation_is_trained_and_its_channels_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let weights = ["SiLU", "ReLU"].map(|name| {
        let table = table(
            folder.path(),
            name,
            "backbone:",
            &format!("activation: nn.{name}()\nbackbone:"),
        );
        epoch(folder.path(), &table, &["--imgsz", "64"]).ok();
        tensors(&folder.path().join(name))
    });
    assert!(weights[0].keys().eq(weights[1].keys()));
    assert!(weights[0] != weights[1], "ReLU trains as SiLU");
    let depth = table(folder.path(), "depth", "backbone:", "ch: 4\nbackbone:");
    let error = epoch(folder.path(), &depth, &["--imgsz", "64"]).refused();
    assert!(
        error.contains("expected a model for images of 3 channels, found 4"),
        "{error}"
    );
    // What needs no data set works.
    let timed = [
        "latency",
        "depthn",
        "--table",
        &depth,
        "--imgsz",
        "64",
        "--budget",
        "0",
        "--warmup",
        "0",
        "--min-iterations",
        "1",
    ];
    assert!(ablate(&timed).ok().contains("depthn"));
}

#[test]
fn rectangles_are_trained_and_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let wide = table(folder.path(), "wide", "backbone:", "backbone:");
    let recipe = folder.path().join("recipe.yaml");
    fs::write(&recipe, "{multi_scale: 0.5, mixup: 0.5}").unwrap();
    let more = ["--imgsz", "64", "96", "--recipe", recipe.to_str().unwrap()];
    epoch(folder.path(), &wide, &more).ok();
    let weights = folder.path().join("wide/best.safetensors");
    let data = format!("{ROOT}/configs/data/shapes-smoke.yaml");
    let printed = ablate(&[
        "val",
        "widen",
        "--table",
        &wide,
        "--weights",
        weights.to_str().unwrap(),
        "--data",
        &data,
        "--imgsz",
        "64",
        "96",
    ])
    .ok();
    assert!(printed.contains("images"), "{printed}");
}

/// Drawn images of three classes; the file's path.
fn drawn(folder: &Path, name: &str, classes: &str) -> String {
    let path = folder.join(name);
    let text =
        "format: shapes\nimgsz: 64\nimages: {train: 8, val: 4, test: 4}\nclasses: ".to_owned();
    fs::write(&path, text + classes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A figure is never of another class than the one that it is named by.
#[test]
fn weights_of_the_classes_in_another_order_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [own, turned, renamed, fewer] = [
        ("own.yaml", "[circle, square, star]"),
        ("turned.yaml", "[star, circle, square]"),
        ("renamed.yaml", "[circle, square, cross]"),
        ("fewer.yaml", "[star, circle]"),
    ]
    .map(|(name, classes)| drawn(folder.path(), name, classes));
    let table = table(folder.path(), "small", "backbone:", "backbone:");
    let run = |command: &str, data: &str, more: &[&str]| {
        let words = [command, "smalln", "--table", &table, "--data", data];
        ablate(&[&words[..], &["--imgsz", "64", "--batch", "4"], more].concat())
    };
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (out("first"), out("second"));
    run("train", &own, &["--epochs", "1", "--out", &first]).ok();
    let file = format!("{first}/best.safetensors");
    let weights = ["--weights", &file];

    let refused = "best.safetensors: expected the classes in the order of data set turned, [star, circle, square], \
                   found weights trained on [circle, square, star]: each figure would be of another class";
    let error = run("val", &turned, &weights).refused();
    assert!(error.contains(refused), "{error}");
    let training = ["--weights", &file, "--epochs", "1", "--out", &second];
    let error = run("train", &turned, &training).refused();
    assert!(error.contains(refused), "{error}");
    let sweep = folder.path().join("sweep.yaml");
    let text = format!(
        "name: turned\nfamilies: [small]\nscales: [n]\nvariants: [baseline]\ntables: [small.yaml]\n\
         train: {{data: turned.yaml, imgsz: 64, epochs: 1, weights: '{file}'}}\n"
    );
    fs::write(&sweep, text).unwrap();
    let results = out("results");
    let error = ablate(&["run", sweep.to_str().unwrap(), "--out", &results]).refused();
    assert!(
        error.contains("key `train.weights`") && error.contains(refused),
        "{error}"
    );
    assert!(!Path::new(&results).exists(), "something was measured");

    let said = "best.safetensors: trained on other names of classes than data set renamed has, 1 of 3 differ: \
                class 2 is 'star' there and 'cross' here";
    let other = run("val", &renamed, &weights);
    assert!(other.stderr().contains(said), "{}", other.stderr());
    other.ok();
    let same = run("val", &own, &[&weights[..], &["-q"]].concat());
    assert_eq!(same.stderr(), "");
    same.ok();
    // A head of other classes starts anew.
    let tuned = run("train", &fewer, &[&training[..], &["-q"]].concat());
    assert_eq!(tuned.stderr(), "");
    tuned.ok();

    // Files of other tools say no classes.
    let bytes = fs::read(&file).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    let plain = folder.path().join("plain.safetensors");
    fs::write(&plain, safetensors::serialize(all.tensors(), None).unwrap()).unwrap();
    let words = ["--weights", plain.to_str().unwrap(), "-q"];
    let unsaid = run("val", &turned, &words);
    assert_eq!(unsaid.stderr(), "");
    unsaid.ok();
}

/// What differs from the training that is to go on.
#[test]
fn a_checkpoint_of_other_inputs_says_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let [own, other] = [
        ("own.yaml", "[circle, square, star]"),
        ("other.yaml", "[circle, square, cross]"),
    ]
    .map(|(name, classes)| drawn(folder.path(), name, classes));
    let table = table(folder.path(), "small", "backbone:", "backbone:");
    let out = folder.path().join("run").to_str().unwrap().to_owned();
    let run = |data: &str, imgsz: &str, epochs: &str, more: &[&str]| {
        let words = ["train", "smalln", "--table", &table, "--out", &out];
        let keys = ["--data", data, "--imgsz", imgsz, "--epochs", epochs];
        ablate(&[&words[..], &keys, &["--batch", "4"], more].concat())
    };
    run(&own, "64", "1", &[]).ok();
    let error = run(&own, "96", "2", &["--resume"]).refused();
    assert!(
        error.contains(
            "resume.safetensors: expected a checkpoint of this training, found one of another: \
             imgsz is 64 there and 96 here; recipe.epochs is 1 there and 2 here; ask for the same"
        ),
        "{error}"
    );
    let error = run(&other, "64", "1", &["--resume"]).refused();
    assert!(
        error.contains("train.classes is [\"circle\",\"square\",\"star\"] there and [\"circle\",\"square\",\"cross\"] here; train.data is own there and other here"),
        "{error}"
    );
    run(&own, "64", "1", &["--resume"]).ok();
}
