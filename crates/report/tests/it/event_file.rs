//! Event files of TensorBoard, as its readers see them: bytes are compared, their format is held by
//! the fixture in `src/tensorboard/event.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use ablate_records::{EpochLog, Measurement};
use ablate_report::EventFile;

use crate::support::train;

/// The log of a training of four epochs.
fn log(map: f64) -> Vec<EpochLog> {
    let Measurement::Train(train) = train(map, 4) else {
        unreachable!()
    };
    train.epochs
}

/// The only event file of a folder.
fn file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("events.out.tfevents."), "{name}");
    files[0].clone()
}

/// Trains the epochs after those that are done.
fn run(folder: &Path, done: &[EpochLog], epochs: &[EpochLog]) -> Vec<u8> {
    let mut events = EventFile::open(folder, done).unwrap();
    for epoch in epochs {
        events.add(epoch, Some(90.0)).unwrap();
    }
    fs::read(file(folder)).unwrap()
}

/// How often a tag stands in a file.
fn points(file: &[u8], tag: &str) -> usize {
    file.windows(tag.len())
        .filter(|part| *part == tag.as_bytes())
        .count()
}

#[test]
fn an_epoch_has_a_point_on_each_curve_that_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = run(folder.path(), &[], &log(0.4));
    for (tag, count) in [
        ("train/box_loss", 4),
        ("train/obj_loss", 4),
        ("lr/weights", 4),
        ("speed/images_per_s", 4),
        // Every other epoch was evaluated, and no masks.
        ("metrics/mAP50(B)", 2),
        ("metrics/mAP50-95(B)", 2),
        ("metrics/mAP50(M)", 0),
    ] {
        assert_eq!(points(&file, tag), count, "{tag}");
    }
}

#[test]
fn a_resumed_training_has_one_curve() {
    let (folder, log) = (tempfile::tempdir().unwrap(), log(0.4));
    let three = run(folder.path(), &[], &log[..3]);
    let name = file(folder.path());
    // Killed while the third epoch's record was written: the checkpoint has two.
    fs::write(&name, &three[..three.len() - 5]).unwrap();
    let whole = run(folder.path(), &log[..2], &log[2..]);
    assert_eq!(file(folder.path()), name, "who reads it can go on");
    assert_eq!(points(&whole, "lr/weights"), 4);
    // Killed after the checkpoint, before the record: it is taken from the log.
    fs::write(&name, &three[..three.len() - 5]).unwrap();
    let whole = run(folder.path(), &log[..3], &log[3..]);
    assert_eq!(points(&whole, "lr/weights"), 4);
    assert_eq!(
        points(&whole, "speed/images_per_s"),
        3,
        "which has no speed"
    );
    // An older checkpoint: what is beyond it is trained again.
    let whole = run(folder.path(), &log[..1], &log[1..]);
    assert_eq!(points(&whole, "lr/weights"), 4);
}

#[test]
fn what_another_training_left_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (log(0.4), log(0.2));
    run(folder.path(), &[], &one);
    let anew = run(folder.path(), &[], &other[..1]);
    assert_eq!(points(&anew, "lr/weights"), 1);
    // Of another recipe: its epochs are not those of the checkpoint.
    let mixed = run(folder.path(), &one[..3], &one[3..]);
    assert_eq!(points(&mixed, "lr/weights"), 4);
    assert_eq!(points(&mixed, "speed/images_per_s"), 1);
}

#[test]
fn files_of_other_programs_stay() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("events.out.tfevents.1.host.1.0");
    fs::write(&other, "theirs").unwrap();
    EventFile::open(folder.path(), &[]).unwrap();
    assert_eq!(fs::read(&other).unwrap(), b"theirs");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("file");
    fs::write(&place, "").unwrap();
    let error = EventFile::open(&place.join("in it"), &[]).unwrap_err();
    assert!(error.to_string().contains("file/in it"), "{error}");
}
