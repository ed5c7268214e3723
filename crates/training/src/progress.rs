//! Who wants to know how training goes on.

use ablate_records::EpochLog;

/// One batch that was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
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

/// Is told what happens; draws a bar, writes a log, or nothing.
pub trait Progress {
    /// Training begins, or goes on, at an epoch.
    fn start(&mut self, _first_epoch: usize, _epochs: usize, _steps: usize) {}
    fn step(&mut self, _report: &StepReport) {}
    fn epoch(&mut self, _log: &EpochLog, _epochs: usize) {}
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {}
