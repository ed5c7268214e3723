//! The protocol of whatever is timed, and one iteration of it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use ablate_detection::dataset::random::{Draw, stream};
use ablate_kernels::{cuda_index, is_gpu};
use ablate_model::graph::Graph;
use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};

use super::{forward::Way, mode::Mode, precision::Precision};
use ablate_records::ImageSize;

/// How models are timed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    /// Images in a batch.
    pub batch: usize,
    /// Height and width of the images in pixels.
    pub imgsz: ImageSize,
    /// Iterations before the first that is timed.
    pub warmup: usize,
    /// Least timed work per model; more if the minimum number of iterations takes longer.
    pub budget: Duration,
    /// Minimum number of timed iterations per model.
    pub min_iterations: usize,
    /// Minimum number of rounds, [`MIN_ROUNDS`] at least.
    pub min_rounds: usize,
    /// How precisely ratios to the first model are to be known; None: as the budget allows.
    pub aim: Option<Aim>,
    /// Whether batch normalisation is folded into the convolutions, and RepVGG's branches into one.
    pub fuse: bool,
    /// Number format of weights and activations.
    pub precision: Precision,
    /// How a forward pass is launched.
    pub mode: Mode,
}

/// Fewer rounds tell nothing of many models at once.
pub const MIN_ROUNDS: usize = 10;

/// How precisely ratios of times are to be known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aim {
    /// Half the width of a ratio's interval, in percent.
    pub within: f64,
    /// Timed work per model after which it ends even so.
    pub limit: Duration,
    /// How many ratios are claimed at once, here and elsewhere in the sweep.
    pub claims: usize,
}

impl Aim {
    /// Within ± so many percent; 0 aims at nothing. The limit is in seconds.
    pub fn new(within: f64, limit_s: f64, claims: usize) -> Option<Self> {
        (within > 0.0).then(|| Self {
            within,
            limit: Duration::from_secs_f64(limit_s),
            claims,
        })
    }

    /// The limit, in seconds, as it was asked for, or else by the budget.
    pub fn limit_s(asked: Option<f64>, budget_s: f64) -> f64 {
        asked.unwrap_or(4.0 * budget_s).max(budget_s)
    }
}

impl Protocol {
    /// The least number of rounds.
    pub fn rounds(&self) -> usize {
        self.min_rounds.max(MIN_ROUNDS)
    }
}

/// Work that may still be under way when the call that began it has returned.
pub trait Pending {
    /// Returns when the work is done.
    fn wait(self) -> Result<()>;
}

impl<const D: usize> Pending for Tensor<D> {
    /// Waits for the device. Nothing is copied from it: a batch's output is a hundred megabytes, and
    /// the copy would be timed in place of the network. Only of a GPU whose backend computes no
    /// earlier than it must are four bytes read, which depend on all of the output.
    fn wait(self) -> Result<()> {
        let device = self.device();
        if is_lazy(&device) {
            let sum = self.sum().try_into_vec_as::<f32>();
            black_box(sum.context("cannot read the output")?);
            return Ok(());
        }
        device.sync().context("the device failed")?;
        black_box(&self);
        Ok(())
    }
}

/// Whether a device's backend puts work off until something is read: all do but the CPU's and LibTorch's,
/// which compute, or launch, as they are called.
fn is_lazy(device: &Device) -> bool {
    is_gpu(device) && cuda_index(device).is_none()
}

/// Work that may fail before it is under way.
impl<P: Pending> Pending for Result<P> {
    fn wait(self) -> Result<()> {
        self?.wait()
    }
}

/// Time from the call to the end of the work that it began.
pub fn time<P: Pending>(work: impl FnOnce() -> P) -> Result<Duration> {
    let start = Instant::now();
    work().wait()?;
    Ok(start.elapsed())
}

/// What is timed again and again.
pub struct Iteration<'a> {
    /// Runs the work to its end and says how long it took.
    pub run: Box<dyn FnMut() -> Result<Duration> + 'a>,
    /// Told the number of each round, from 0, before it begins.
    pub begin_round: Box<dyn FnMut(usize) + 'a>,
    /// See [`rounding_error`](super::precision::rounding_error).
    pub rounding_error: Option<f64>,
    /// How the network runs; None if nothing is said of it.
    pub way: Option<Way>,
}

impl<'a> Iteration<'a> {
    /// `run` runs the work to its end and says how long it took; it is the same in all rounds.
    pub fn new(run: impl FnMut() -> Result<Duration> + 'a) -> Self {
        Self {
            run: Box::new(run),
            begin_round: Box::new(|_| ()),
            rounding_error: None,
            way: None,
        }
    }
}

/// A batch of random images for a model, always the same ones.
pub fn images(graph: &Graph, device: &Device, protocol: &Protocol) -> Tensor<4> {
    let ImageSize { height, width } = protocol.imgsz;
    let shape = [protocol.batch, graph.channels, height, width];
    let mut rng = stream(0, 0x0069_6d61_6765, 0, 0);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_: usize| rng.unit() as f32)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
