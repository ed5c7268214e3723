//! How long a forward pass takes, and the protocol for whatever else is timed.
//!
//! Models are measured in turn, slice by slice, so that whatever else the machine does (another
//! load, a clock that drops as it warms) falls on all of them alike: a comparison within one call
//! is paired.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use ablate_detection::dataset::random::{Draw, stream};
use ablate_model::{Detector, graph::Graph};
use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};

use super::{
    memory,
    precision::{Precision, rounding_error},
    statistics::summarize,
};
use crate::guard::guarded;
use ablate_records::{ImageSize, LatencyMeasurement, PeakMemory};

/// How models are timed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    /// Images in a batch.
    pub batch: usize,
    /// Height and width of the images in pixels.
    pub imgsz: ImageSize,
    /// Iterations before the first that is timed.
    pub warmup: usize,
    /// Timed work per model; more if the minimum number of iterations takes longer.
    pub budget: Duration,
    /// Minimum number of timed iterations per model.
    pub min_iterations: usize,
    /// Whether batch normalisation is folded into the convolutions, and RepVGG's branches into one.
    pub fuse: bool,
    /// Number format of weights and activations.
    pub precision: Precision,
}

/// The budget of a model is spent in at least this many slices.
const SLICES: u32 = 10;

/// Work that may still be under way when the call that began it has returned.
pub trait Pending {
    /// Returns when the work is done.
    fn wait(self) -> Result<()>;
}

impl<const D: usize> Pending for Tensor<D> {
    /// Waits for the device and reads the result's bytes: a lazy backend computes them no earlier
    /// than that.
    fn wait(self) -> Result<()> {
        self.device().sync().context("the device failed")?;
        let data = self.try_into_data().context("cannot read the output")?;
        black_box(data.as_bytes().last());
        Ok(())
    }
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
    run: Box<dyn FnMut() -> Result<Duration> + 'a>,
    /// See [`rounding_error`].
    rounding_error: Option<f64>,
}

impl<'a> Iteration<'a> {
    /// `run` runs the work to its end and says how long it took.
    pub fn new(run: impl FnMut() -> Result<Duration> + 'a) -> Self {
        Self {
            run: Box::new(run),
            rounding_error: None,
        }
    }
}

/// A forward pass of a model with random weights on random images, decoded boxes included, without
/// autodiff.
///
/// # Errors
/// Those of [`rounding_error`].
pub fn forward_pass(
    graph: &Graph,
    device: &Device,
    protocol: &Protocol,
) -> Result<Iteration<'static>> {
    let rounding_error = rounding_error(graph, device, protocol)?;
    let detector = Detector::new(graph, 0, device);
    let detector = if protocol.fuse {
        detector.fuse()
    } else {
        detector
    };
    let dtype = protocol.precision.dtype();
    let (detector, images) = match protocol.precision {
        Precision::F32 => (detector, images(graph, device, protocol)),
        _ => (
            detector.cast(dtype),
            images(graph, device, protocol).cast(dtype),
        ),
    };
    images.clone().wait()?;
    let pass = Iteration::new(move || time(|| detector.decode(detector.forward(images.clone()))));
    Ok(Iteration {
        rounding_error,
        ..pass
    })
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

/// Times the iterations, all on one device, in turn, and summarises each. One that fails is left
/// out from there on; the others go on.
///
/// `progress` is called with the share of the work that is done, 0 to 1.
pub fn measure(
    iterations: Vec<Result<Iteration>>,
    device: &Device,
    protocol: &Protocol,
    mut progress: impl FnMut(f64),
) -> Vec<Result<LatencyMeasurement>> {
    let mut subjects: Vec<Subject> = iterations.into_iter().map(Subject::new).collect();
    for subject in &mut subjects {
        memory::begin(device);
        subject.warm_up(protocol.warmup);
        if protocol.warmup > 0 {
            subject.memory = memory::peak(device);
        }
    }
    ablate_kernels::keep_freed_memory();
    // Once more, for what is kept to be there.
    subjects
        .iter_mut()
        .for_each(|subject| subject.warm_up(protocol.warmup.min(1)));
    let slice = protocol.budget / SLICES;
    while subjects.iter().any(|subject| subject.left(protocol) > 0.0) {
        for subject in subjects
            .iter_mut()
            .filter(|subject| subject.left(protocol) > 0.0)
        {
            subject.slice(slice);
        }
        let left: f64 = subjects.iter().map(|subject| subject.left(protocol)).sum();
        progress(1.0 - left / subjects.len() as f64);
    }
    let summary = |subject: Subject| {
        let rounding_error = subject.iteration?.rounding_error;
        let memory = subject.memory;
        Ok(LatencyMeasurement {
            memory,
            rounding_error,
            ..summarize(subject.samples_ms, protocol.batch, protocol.warmup)
        })
    };
    subjects.into_iter().map(summary).collect()
}

struct Subject<'a> {
    iteration: Result<Iteration<'a>>,
    samples_ms: Vec<f64>,
    memory: PeakMemory,
}

impl<'a> Subject<'a> {
    fn new(iteration: Result<Iteration<'a>>) -> Self {
        Self {
            iteration,
            samples_ms: Vec::new(),
            memory: PeakMemory::default(),
        }
    }

    /// Runs work on the iteration; where that fails, the failure takes its place.
    fn advance(&mut self, work: impl FnOnce(&mut Iteration<'a>) -> Result<()>) {
        if let Ok(iteration) = &mut self.iteration
            && let Err(error) = guarded(|| work(iteration))
        {
            self.iteration = Err(error);
        }
    }

    fn warm_up(&mut self, iterations: usize) {
        self.advance(|iteration| (0..iterations).try_for_each(|_| (iteration.run)().map(|_| ())));
    }

    /// Iterates until the slice is over, at least once.
    fn slice(&mut self, slice: Duration) {
        let mut samples = Vec::new();
        self.advance(|iteration| {
            let start = Instant::now();
            loop {
                samples.push((iteration.run)()?.as_secs_f64() * 1e3);
                if start.elapsed() >= slice {
                    return Ok(());
                }
            }
        });
        self.samples_ms.append(&mut samples);
    }

    /// The part of the work that is left, 0 to 1.
    fn left(&self, protocol: &Protocol) -> f64 {
        if self.iteration.is_err() {
            return 0.0;
        }
        let part = |done: f64, whole: f64| {
            if done < whole {
                1.0 - done / whole
            } else {
                0.0
            }
        };
        let spent_ms: f64 = self.samples_ms.iter().sum();
        let iterations = part(
            self.samples_ms.len() as f64,
            protocol.min_iterations.max(1) as f64,
        );
        iterations.max(part(spent_ms, protocol.budget.as_secs_f64() * 1e3))
    }
}
