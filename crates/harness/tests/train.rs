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
        ("{lr: 0.1}", "unknown key 'lr'"),
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
