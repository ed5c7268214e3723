//! What a training reports while it runs.

use ablate_records::EpochLog;

/// One batch that was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Batch in the epoch, from 0.
    pub step: usize,
    /// Batches in an epoch.
    pub steps: usize,
    /// Of the batch, part by part.
    pub losses: Vec<(&'static str, f32)>,
    /// Learning rate of the weights.
    pub lr: f64,
}

/// Hears what happens: draws a bar, writes a log, or does nothing.
pub trait Progress {
    /// Training begins, or goes on, at an epoch.
    fn start(&mut self, _first_epoch: usize, _epochs: usize, _steps: usize) {}
    /// A batch is done.
    fn step(&mut self, _report: &StepReport) {}
    /// An epoch is done, of `epochs`; the log counts epochs from 0.
    fn epoch(&mut self, _log: &EpochLog, _epochs: usize) {}
    /// Whether the training shall end here, asked after each batch, of an evaluation too. It keeps a
    /// checkpoint, from which it goes on another time.
    fn interrupted(&self) -> bool {
        false
    }
    /// Whether another process trains this by now, asked before a file is put in its place: then none
    /// is, and the training ends with an error.
    fn lost(&self) -> bool {
        false
    }
}

/// Reports nothing.
pub struct Silent;

impl Progress for Silent {}
