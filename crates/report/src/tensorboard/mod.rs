//! The curves of a training as an event file of TensorBoard, so that it can be watched where other
//! trainings are watched.
//!
//! Tags are those that Ultralytics writes, where it has the same figure: curves of both lie over
//! each other. Steps are epochs, counted from 1.

mod event;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use ablate_files::write_atomic;
use ablate_records::EpochLog;

use event::Record;

/// What the name of an event file contains; TensorBoard looks for it.
const MARK: &str = "tfevents";

/// The event file of one training, open for the next epoch.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Opens the event file in `folder`, which is the training's own, or makes it.
    ///
    /// `done` are the epochs that were trained before. Afterwards the file has each of them once:
    /// what a killed run wrote beyond them goes, and what it could not write any more is taken from
    /// `done`.
    ///
    /// # Errors
    /// The path of a file that cannot be read or written.
    pub fn open(folder: &Path, done: &[EpochLog]) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let earlier = event_files(folder)?;
        // Of a training that begins anew nothing is kept.
        let kept = earlier.last().filter(|_| !done.is_empty());
        let bytes = match kept {
            Some(path) => fs::read(path).with_context(|| path.display().to_string())?,
            None => Vec::new(),
        };
        let content = merged(&event::records(&bytes), done);
        let path = match kept {
            // Cut off, not written anew: a TensorBoard that is reading it goes on.
            Some(path) if bytes.starts_with(&content) => {
                let file = OpenOptions::new().write(true).open(path);
                file.and_then(|file| file.set_len(content.len() as u64))
                    .with_context(|| format!("cannot write {}", path.display()))?;
                path.clone()
            }
            _ => {
                let name = format!("events.out.{MARK}.{:.0}.ablate", now());
                let path = folder.join(name);
                write_atomic(&path, &content)?;
                path
            }
        };
        for other in earlier.iter().filter(|other| **other != path) {
            fs::remove_file(other).with_context(|| format!("cannot remove {}", other.display()))?;
        }
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    /// Adds an epoch. `images_per_s` is of its batches with loading and augmentation, without
    /// evaluation; None if it is not known.
    ///
    /// # Errors
    /// The path, and why it cannot be written.
    pub fn add(&mut self, epoch: &EpochLog, images_per_s: Option<f64>) -> Result<()> {
        let record = record(now(), epoch, images_per_s);
        self.file
            .write_all(&record)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The event files of a folder, by name, and so by age.
fn event_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.contains(MARK) && name.ends_with(".ablate"))
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_ours)
        .collect();
    files.sort();
    Ok(files)
}

/// The first record, and one for each epoch that is done: the earlier one if there is one.
fn merged(earlier: &[Record], done: &[EpochLog]) -> Vec<u8> {
    let by_step: BTreeMap<u64, &Record> = earlier
        .iter()
        .map(|record| (record.step(), record))
        .collect();
    let seconds: f64 = done.iter().map(|epoch| epoch.seconds).sum();
    // As if the training had not paused.
    let mut wall_time = now() - seconds;
    let mut content = match by_step.get(&0) {
        Some(first) => first.bytes.to_vec(),
        None => event::version(wall_time),
    };
    for epoch in done {
        wall_time += epoch.seconds;
        match by_step.get(&step(epoch)) {
            // Unless it is of another recipe, that was trained in this folder before.
            Some(record) if record.holds(&scalars(epoch)) => content.extend(record.bytes),
            _ => content.extend(record(wall_time, epoch, None)),
        }
    }
    content
}

/// Epochs are counted from 1.
fn step(epoch: &EpochLog) -> u64 {
    epoch.epoch as u64 + 1
}

fn record(wall_time: f64, epoch: &EpochLog, images_per_s: Option<f64>) -> Vec<u8> {
    let mut scalars = scalars(epoch);
    scalars.extend(images_per_s.map(|speed| ("speed/images_per_s".into(), speed as f32)));
    event::scalars(wall_time, step(epoch), &scalars)
}

/// What the log says of an epoch.
fn scalars(epoch: &EpochLog) -> Vec<event::Scalar> {
    let losses = epoch.losses.iter();
    let losses = losses.map(|(name, loss)| (format!("train/{name}_loss"), Some(*loss)));
    let others = [
        ("lr/weights", Some(epoch.lr)),
        ("metrics/mAP50(B)", epoch.map50),
        ("metrics/mAP50-95(B)", epoch.map50_95),
        ("metrics/mAP50(M)", epoch.mask_map50),
        ("metrics/mAP50-95(M)", epoch.mask_map50_95),
        ("speed/epoch_s", Some(epoch.seconds)),
    ];
    let others = others.into_iter().map(|(tag, value)| (tag.into(), value));
    losses
        .chain(others)
        .filter_map(|(tag, value)| Some((tag, value? as f32)))
        .collect()
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}
