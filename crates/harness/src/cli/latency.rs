//! The command line of `ablate latency`.

use clap::Args;

use super::{Format, Models};
use crate::{
    device::DeviceName,
    measure::{mode::Mode, precision::Precision},
};
use ablate_records::ImageSize;

/// Arguments of `ablate latency`.
#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// The models.
    #[command(flatten)]
    pub models: Models,
    /// Number of classes [default: as in the tables].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nc: Option<u32>,
    /// Height and width of the images, in pixels; one number for squares.
    #[arg(long, value_name = "SIZE", default_value = "640")]
    pub imgsz: ImageSize,
    /// Images per batch.
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// Time a training step instead: forward, loss, backward, optimizer.
    #[arg(long)]
    pub train_step: bool,
    /// Least timed work per model, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub budget: f64,
    /// Go on until each ratio is known within ± so many percent; 0: end with the budget.
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0)]
    pub within: f64,
    /// Timed work per model at most, in seconds [default: 4 × the budget].
    #[arg(long, value_name = "SECONDS")]
    pub limit: Option<f64>,
    /// Number of untimed iterations per model.
    #[arg(long, default_value_t = 3)]
    pub warmup: usize,
    /// Minimum number of timed iterations per model.
    #[arg(long, default_value_t = 10)]
    pub min_iterations: usize,
    /// Do not fold batch normalisation and RepVGG's branches into convolutions.
    #[arg(long)]
    pub no_fuse: bool,
    /// Number format of weights and activations, f32 strictly; for the others the rounding error of
    /// the outputs is measured too. With --train-step f16 is mixed precision.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub dtype: Precision,
    /// How a forward pass runs: eager, operation by operation, or graph, captured once and replayed
    /// (of LibTorch: a CUDA graph on tch:cuda:N, oneDNN's fused operations on tch).
    #[arg(long, value_enum, default_value_t = Mode::Eager)]
    pub mode: Mode,
    /// Device to time on; `ablate devices` lists them.
    #[arg(long, default_value = "flex")]
    pub device: DeviceName,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
