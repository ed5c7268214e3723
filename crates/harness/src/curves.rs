//! Curves of a training for TensorBoard, written while it goes on.

use std::{fs, path::PathBuf, time::Instant};

use ablate_records::{Cell, EpochLog, Measurement, Outcome, store::Store};
use ablate_report::EventFile;
use ablate_training::{Progress, RESUME, StepReport, TrainingState};
use anyhow::{Context, Result};
use safetensors::SafeTensors;

/// What a training writes its event file by.
pub struct Curves<P> {
    progress: P,
    /// Of the event file.
    folder: PathBuf,
    /// Of the checkpoints.
    checkpoints: PathBuf,
    /// None before the start, and after a file could not be written.
    file: Option<EventFile>,
    /// Images of the training split.
    images: usize,
    /// When the epoch's first batch was asked for.
    begun: Instant,
    /// The batches of the epoch, how many of them this run trained, and the seconds that took.
    batches: (usize, usize, f64),
}

impl<P> Curves<P> {
    /// Writes into `folder` what `progress` hears too, of a training of so many images whose
    /// checkpoints are in `checkpoints`.
    pub fn new(progress: P, folder: PathBuf, checkpoints: PathBuf, images: usize) -> Self {
        Self {
            progress,
            folder,
            checkpoints,
            file: None,
            images,
            begun: Instant::now(),
            batches: (0, 0, 0.0),
        }
    }

    /// The log of the checkpoint, of the epochs before `first`.
    fn done(&self, first: usize) -> Result<Vec<EpochLog>> {
        if first == 0 {
            return Ok(Vec::new());
        }
        let path = self.checkpoints.join(RESUME);
        let read = || {
            let bytes = fs::read(&path)?;
            let (_, header) = SafeTensors::read_metadata(&bytes)?;
            let metadata = header.metadata().as_ref();
            let state = metadata.and_then(|metadata| metadata.get("state"));
            let state: TrainingState =
                serde_json::from_str(state.context("found no state of a training")?)?;
            anyhow::Ok(state.log)
        };
        let mut log = read().with_context(|| path.display().to_string())?;
        log.truncate(first);
        Ok(log)
    }

    /// Begins to count an epoch's batches.
    fn begin(&mut self) {
        self.begun = Instant::now();
        self.batches = (0, 0, 0.0);
    }

    /// Of the epoch; None if this run trained no batch of it.
    fn images_per_s(&self) -> Option<f64> {
        let (all, trained, seconds) = self.batches;
        let images = self.images as f64 * trained as f64 / all as f64;
        (trained > 0 && seconds > 0.0).then(|| images / seconds)
    }
}

impl<P: Progress> Progress for Curves<P> {
    fn start(&mut self, first_epoch: usize, epochs: usize, steps: usize) {
        self.progress.start(first_epoch, epochs, steps);
        let opened = self
            .done(first_epoch)
            .and_then(|done| EventFile::open(&self.folder, &done));
        match opened {
            Ok(file) => self.file = Some(file),
            Err(error) => tracing::warn!("no curves for TensorBoard: {error:#}"),
        }
        self.begin();
    }

    fn step(&mut self, report: &StepReport) {
        self.progress.step(report);
        let trained = self.batches.1 + 1;
        self.batches = (report.steps, trained, self.begun.elapsed().as_secs_f64());
    }

    fn epoch(&mut self, log: &EpochLog, epochs: usize) {
        self.progress.epoch(log, epochs);
        let speed = self.images_per_s();
        // A full disk ends the curves, not the training.
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.add(log, speed)) {
            tracing::warn!("no more curves for TensorBoard: {error:#}");
            self.file = None;
        }
        self.begin();
    }

    fn interrupted(&self) -> bool {
        self.progress.interrupted()
    }

    fn lost(&self) -> bool {
        self.progress.lost()
    }
}

/// Makes the event files of trainings that came to their end without: in an earlier run, or in one
/// that was killed after the last checkpoint.
pub fn complete(store: &Store) -> Result<()> {
    for record in store.report()? {
        let (epochs, is_over) = match &record.outcome {
            Outcome::Done {
                measurement: Measurement::Train(train),
            } => (&train.epochs, true),
            // It may go on in another run.
            Outcome::Stopped { epochs, .. } => (epochs, false),
            _ => continue,
        };
        let Some(seed) = record.cell.seed else {
            continue;
        };
        let folder = folder_of(store, &record.cell, seed);
        if is_over || !folder.exists() {
            EventFile::open(&folder, epochs)?;
        }
    }
    Ok(())
}

/// The folder of a training's event file: TensorBoard shows its name.
pub fn folder(model: &str, seed: u64, device: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || "+=._-".contains(c) {
        true => c,
        false => '-',
    };
    format!("{model}-seed{seed}-{device}")
        .chars()
        .map(plain)
        .collect()
}

/// The whole path of a cell of a sweep.
pub fn folder_of(store: &Store, cell: &Cell, seed: u64) -> PathBuf {
    let name = folder(&cell.model, seed, &cell.device);
    store.folder().join("tensorboard").join(name)
}
