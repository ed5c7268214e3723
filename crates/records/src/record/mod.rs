//! What one stage of one cell measured: the only thing that a report reads.
//!
//! A record is a JSON file, written atomically as soon as its stage ends. Its key is a hash of
//! everything that went into the measurement, so a sweep that shares a cell with an earlier one
//! finds the record and does not measure again.

mod cell;
mod evaluation;
mod timing;
mod training;

use serde::{Deserialize, Serialize};

pub use cell::{Cell, ImageSizes, Stage, Timing};
pub use evaluation::{ApFigures, ClassAp, EvalMeasurement};
pub use timing::{
    Aim, By, DetectMeasurement, DetectParts, LatencyMeasurement, Load, PeakMemory, Rounds,
};
pub use training::{AnchorFit, EpochLog, FirstWeights, TrainMeasurement};

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    /// It was measured.
    Done {
        /// What was measured.
        measurement: Measurement,
    },
    /// It failed.
    Failed {
        /// The whole error.
        error: String,
    },
    /// It was not run: the sweep does not request it, or an earlier stage failed.
    Skipped {
        /// In words.
        reason: String,
    },
    /// Halving stopped the training early. Its figures cannot be compared with those of a finished
    /// training.
    Stopped {
        /// In words.
        reason: String,
        /// Where it was stopped, and by which rule.
        rung: Rung,
        /// The epochs until then.
        epochs: Vec<EpochLog>,
    },
}

/// Where halving stopped a model, all its seeds together, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Number of epochs trained.
    pub epoch: usize,
    /// Number of epochs of the whole training.
    pub epochs: usize,
    /// Share of the ranked models that goes on, 0 to 1.
    pub keep: f64,
    /// Number of ranked models.
    pub ranked: usize,
    /// Number of models that went on.
    pub kept: usize,
    /// The model's place among the ranked, from 1, by fitness.
    pub place: usize,
    /// Fitness on the validation split, the mean over the model's seeds.
    pub fitness: f64,
    /// Number of seeds.
    pub seeds: usize,
    /// The lowest fitness that went on.
    pub least: f64,
    /// mAP50-95 of boxes on the validation split, 0 to 1, the mean over the seeds.
    pub map50_95: f64,
}

/// What a stage measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
pub enum Measurement {
    /// Of [`Stage::Cost`].
    Cost(CostMeasurement),
    /// Of [`Stage::Latency`].
    Latency(LatencyMeasurement),
    /// Of [`Stage::Train`].
    Train(TrainMeasurement),
    /// Of [`Stage::Eval`].
    Eval(EvalMeasurement),
    /// Of [`Stage::Detect`].
    Detect(Box<DetectMeasurement>),
}

/// What a model costs, by arithmetic on its table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostMeasurement {
    /// Trainable parameters.
    pub params: u64,
    /// GFLOPs at the cell's image size in the published (THOP) convention, as the model tables
    /// print them.
    pub gflops: f64,
    /// 2 × multiply-accumulates of every convolution and matrix product at that size, in 1e9.
    pub gflops_exact: f64,
    /// Rows of the model table.
    pub layers: usize,
}

/// The machine and the program that a record comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of ablate.
    pub ablate: String,
    /// Version of Burn.
    pub burn: String,
    /// Version of the Rust compiler.
    pub rustc: String,
    /// Commit of the program, `unknown` outside a checkout; with `+dirty` if files differed from
    /// it.
    pub commit: String,
    /// Operating system.
    pub os: String,
    /// Processor.
    pub cpu: String,
    /// Number of cores.
    pub cores: usize,
    /// Number of threads used.
    pub threads: usize,
    /// Memory of the machine in GiB.
    pub memory_gib: f64,
    /// Version of LibTorch, with which the program was built; None in a build without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libtorch: Option<String>,
    /// Value of `NVIDIA_TF32_OVERRIDE`: `0` keeps NVIDIA's libraries from rounding to TF32, whatever
    /// a number format says. None if it was not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tf32_override: Option<String>,
}

/// One stage of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of `stage` and `inputs`, 32 hexadecimal digits; empty if the record only says that the
    /// stage was skipped.
    pub key: String,
    /// One of the cell's stages.
    pub stage: Stage,
    /// The cell that was measured.
    pub cell: Cell,
    /// What was measured, or why nothing was.
    pub outcome: Outcome,
    /// Everything that went into the measurement: the resolved model table, recipe, data set
    /// fingerprint, seed, device, protocol.
    pub inputs: serde_json::Value,
    /// Where it was measured.
    pub environment: Environment,
    /// When the stage ended, RFC 3339.
    pub finished: String,
}
