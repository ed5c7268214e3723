//! What a sweep does to a cell: its stages, one file each.

mod cost;
mod detect;
mod eval;
mod latency;
mod train;

use std::sync::Arc;

use ablate_files::Lease;
use anyhow::Result;
use burn::tensor::Device;
use serde_json::{Value, json};

pub use self::train::{Train, checkpoints};
use super::{Workbench, plan::PlannedCell};
use crate::{
    code,
    guard::guarded,
    measure::{
        rounds::measure,
        timing::{Iteration, Protocol},
    },
    progress::Steps,
};
use ablate_records::{
    LatencyMeasurement, Measurement, Stage,
    store::{self, Store},
};

/// A stage's own part; the scheduler does the rest.
pub trait Work {
    /// All that goes into the measurement of a cell: what is not in here must not change the
    /// outcome.
    fn inputs(&self, cell: &PlannedCell) -> Result<Value>;

    /// Whether two cells are measured together, so that they can be compared.
    fn together(&self, _: &PlannedCell, _: &PlannedCell) -> bool {
        false
    }

    /// What stands in the way of measuring the cell, such as an earlier stage that failed.
    fn obstacle(&self, _: &PlannedCell) -> Option<Obstacle> {
        None
    }

    /// How far an unfinished measurement came that goes on from there; empty if it begins anew.
    fn progress(&self, _: &Job) -> String {
        String::new()
    }

    /// Throws away what an unfinished measurement left, so that the next one begins anew.
    fn forget(&self, _: &Job) -> Result<()> {
        Ok(())
    }

    /// Measures cells together: a result for each, in their order.
    fn measure(&self, jobs: &[Job], steps: &Steps) -> Vec<Result<Measurement>>;
}

/// Why a cell can't be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// An earlier stage has ended in a way that leaves nothing to measure.
    Final(String),
    /// An earlier stage has not ended yet.
    NotYet(String),
}

/// The stage's part.
pub fn work<'b>(stage: Stage, bench: &'b Workbench, store: &'b Store) -> Box<dyn Work + 'b> {
    match stage {
        Stage::Cost => Box::new(cost::Cost(bench)),
        Stage::Latency => Box::new(latency::Latency(bench)),
        Stage::Train => Box::new(Train { bench, store }),
        Stage::Eval => Box::new(eval::Eval { bench, store }),
        Stage::Detect => Box::new(detect::Detect(eval::Eval { bench, store })),
    }
}

/// Times the jobs' iterations in rounds, with ratios to the baseline among them.
fn time_in_rounds(
    jobs: &[Job],
    iterations: Vec<Result<Iteration>>,
    device: &Device,
    protocol: &Protocol,
    steps: &Steps,
) -> Vec<Result<LatencyMeasurement>> {
    let is_baseline = |job: &Job| job.cell.model.variants.is_empty();
    let baseline = jobs.iter().position(is_baseline).unwrap_or(0);
    let bar = steps.parts(1000);
    let measured = measure(iterations, baseline, device, protocol, |done| {
        bar.set_position((done * 1000.0) as u64)
    });
    bar.finish_and_clear();
    measured
}

/// The failure of jobs that fail together.
fn all_failed<T>(jobs: &[Job], error: &anyhow::Error) -> Vec<Result<T>> {
    let failed = |_| Err(anyhow::anyhow!("{error:#}"));
    jobs.iter().map(failed).collect()
}

/// All that goes into a stage of a cell: what the stage names, and the code that measures it.
pub fn inputs(stage: Stage, work: &dyn Work, cell: &PlannedCell) -> Result<Value> {
    let mut inputs = work.inputs(cell)?;
    inputs["code"] = code::of(stage);
    Ok(inputs)
}

/// A stage of a cell, with what goes into it.
#[derive(Clone, Debug)]
pub struct Job<'p> {
    /// The cell.
    pub cell: &'p PlannedCell,
    /// All that the outcome depends on.
    pub inputs: Value,
    /// Names the record: a hash of the inputs.
    pub key: String,
    /// Why it can't be measured: its inputs can't be had.
    pub error: Option<String>,
    /// What says that no other run measures it, nor what is measured with it.
    pub leases: Arc<Vec<Lease>>,
}

impl<'p> Job<'p> {
    /// The stage of a cell, with its inputs; a failure to get them becomes the job's error.
    pub fn new(stage: Stage, work: &dyn Work, cell: &'p PlannedCell) -> Self {
        let (inputs, error) = match guarded(|| inputs(stage, work, cell)) {
            Ok(inputs) => (inputs, None),
            // Such a failure has a record too, under what is known of it.
            Err(error) => (json!({ "cell": cell.cell }), Some(format!("{error:#}"))),
        };
        Self {
            cell,
            key: store::key(stage, &inputs),
            inputs,
            error,
            leases: Arc::default(),
        }
    }

    /// Whether another run has taken it over.
    pub fn is_lost(&self) -> bool {
        self.leases.iter().any(Lease::is_lost)
    }

    /// As [`Self::is_lost`], for who asks often: as of a second ago.
    pub fn seems_lost(&self) -> bool {
        self.leases.iter().any(Lease::seems_lost)
    }
}
