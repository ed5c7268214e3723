//! Data sets at the edge of what people have.

mod common;

use std::{fmt::Write, fs, path::Path};

use common::ablate;
use image::{Rgb, RgbImage};

/// A data set of grey images of 64 pixels in Ultralytics' layout, with these label rows, one image
/// each; validation on the first.
fn dataset(folder: &Path, names: &str, images: &[&str]) {
    for (split, images) in [("train", images), ("val", &images[..1])] {
        let (pictures, labels) = (
            folder.join("images").join(split),
            folder.join("labels").join(split),
        );
        fs::create_dir_all(&pictures).unwrap();
        fs::create_dir_all(&labels).unwrap();
        for (number, rows) in images.iter().enumerate() {
            RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, 90]))
                .save(pictures.join(format!("{number}.png")))
                .unwrap();
            fs::write(labels.join(format!("{number}.txt")), rows).unwrap();
        }
    }
    fs::write(
        folder.join("data.yaml"),
        format!("path: .\ntrain: images/train\nval: images/val\nnames: {names}\n"),
    )
    .unwrap();
}

/// Trains a model of each family for an epoch at 64 pixels; what came of it.
fn train(folder: &Path) -> Vec<common::Run> {
    let run = |model: &str| {
        let [data, out] = [folder.join("data.yaml"), folder.join(model)];
        let [data, out] = [&data, &out].map(|path| path.to_str().unwrap());
        ablate(&[
            "train", model, "--data", data, "--imgsz", "64", "--epochs", "1", "--batch", "4",
            "--out", out,
        ])
    };
    ["yolov5n", "yolov8n"].map(run).into()
}

#[test]
fn one_image_of_one_class_trains() {
    let folder = tempfile::tempdir().unwrap();
    dataset(folder.path(), "[thing]", &["0 0.5 0.5 0.4 0.3"]);
    for run in train(folder.path()) {
        assert!(run.ok().contains("best epoch 1 of 1: mAP50 "));
    }
}

#[test]
fn an_image_of_ten_thousand_boxes_trains() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = String::new();
    for number in 0..10_000u32 {
        let share =
            |factor: u32| 0.1 + 0.8 * f64::from(number.wrapping_mul(factor) % 9973) / 9973.0;
        writeln!(
            rows,
            "{} {:.5} {:.5} {:.5} {:.5}",
            number % 2,
            share(7919),
            share(104_729),
            share(31) / 4.0,
            share(57) / 4.0
        )
        .unwrap();
    }
    dataset(folder.path(), "[this, that]", &[&rows]);
    for run in train(folder.path()) {
        assert!(run.ok().contains("best epoch 1 of 1: mAP50 "));
    }
}

#[test]
fn without_a_box_there_is_nothing_to_train_on() {
    let folder = tempfile::tempdir().unwrap();
    dataset(folder.path(), "[thing]", &["", ""]);
    for run in train(folder.path()) {
        let error = run.refused();
        assert!(
            error.contains("split `train`: expected at least one box, found none"),
            "{error}"
        );
    }
}

/// Batch normalisation over one number a channel has no spread: what is left of it must still be
/// numbers.
#[test]
fn a_last_batch_of_one_image_at_the_coarsest_level_of_one_cell_trains() {
    let folder = tempfile::tempdir().unwrap();
    // Five images make a batch of four and one of one; at several scales the smallest input is 32
    // pixels, one cell of the last level.
    dataset(folder.path(), "[thing]", &["0 0.5 0.5 0.4 0.3"; 5]);
    let recipe = folder.path().join("recipe.yaml");
    fs::write(&recipe, "{multi_scale: 0.5, epochs: 3, batch: 4}").unwrap();
    let paths = [
        folder.path().join("data.yaml"),
        recipe,
        folder.path().join("out"),
    ];
    let [data, recipe, out] = paths.each_ref().map(|path| path.to_str().unwrap());
    ablate(&[
        "train", "yolov5n", "--data", data, "--imgsz", "64", "--recipe", recipe, "--out", out,
    ])
    .ok();
}
