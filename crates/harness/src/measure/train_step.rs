//! How long a training step takes: forward, loss, backward, optimizer.

use ablate_model::{Detector, graph::Graph};
use ablate_training::loss::DetectionLoss;
use anyhow::{Context, Result};
use burn::{
    optim::GradientsParams,
    tensor::{Device, Tensor},
};

use super::{
    precision::Precision,
    timing::{Iteration, Pending, Protocol, images, time},
};
use ablate_training::{LossScale, Rates, Recipe, Sgd, TrainableDetector, half_outputs, loss_of};

/// So small that the network stays much the same however many steps are timed, and with it what the
/// loss has to do.
const LR: f64 = 1e-4;

/// Boxes on each image.
const BOXES: usize = 8;

/// A network that is trained on one batch again and again: random images, boxes that are always the
/// same.
pub struct TrainStep {
    /// None while a step changes it in place, and after one that failed.
    network: Option<Detector>,
    loss: Box<dyn DetectionLoss>,
    sgd: Sgd,
    rates: Rates,
    images: Tensor<4>,
    boxes: Vec<[f32; 6]>,
    /// Of mixed precision; None in 32 bits.
    scale: Option<LossScale>,
}

impl TrainStep {
    /// Random weights and the default recipe's loss and optimizer.
    ///
    /// # Errors
    /// A head that the loss doesn't fit, a device that fails.
    pub fn new(graph: &Graph, device: &Device, protocol: &Protocol) -> Result<Self> {
        let device = device.clone().autodiff();
        let recipe = Recipe::default();
        let network = Detector::new(graph, 0, &device);
        let images = images(graph, &device, protocol);
        images.clone().wait()?;
        Ok(Self {
            loss: loss_of(graph.detect(), &recipe, protocol.imgsz)?,
            sgd: Sgd::new(&network, recipe.weight_decay),
            rates: Rates {
                bias_lr: LR,
                lr: LR,
                momentum: recipe.momentum,
            },
            network: Some(network),
            scale: (protocol.precision == Precision::F16).then(LossScale::default),
            images,
            boxes: boxes(protocol.batch, graph.nc),
        })
    }

    /// One step; the parts of the loss before it. The work may go on after the return.
    ///
    /// # Errors
    /// Those of the loss: a head that makes masks has none here to learn from.
    pub fn run(&mut self) -> Result<Tensor<1>> {
        let network = self.network.take().context("an earlier step failed")?;
        let images = self.images.clone();
        let outputs = match self.scale {
            Some(_) => half_outputs(&network, images),
            None => TrainableDetector::forward(&network, images),
        };
        let loss = self.loss.forward(outputs, self.boxes.as_slice().into())?;
        let total = match self.scale {
            Some(scale) => scale.scaled(loss.total),
            None => loss.total,
        };
        let mut gradients = GradientsParams::from_grads(total.backward(), &network);
        let finite = match &mut self.scale {
            Some(scale) => scale.take_out(&network, &mut gradients, f64::INFINITY)?,
            None => true,
        };
        self.network = Some(match finite {
            true => self.sgd.step(network, gradients, self.rates),
            false => network,
        });
        Ok(Tensor::cat(loss.items, 0))
    }
}

/// A step of a network of its own, timed to its end.
///
/// # Errors
/// Those of [`TrainStep::new`].
pub fn train_step(
    graph: &Graph,
    device: &Device,
    protocol: &Protocol,
) -> Result<Iteration<'static>> {
    let mut step = TrainStep::new(graph, device, protocol)?;
    Ok(Iteration::new(move || time(|| step.run())))
}

/// Rows of image, class, centre and size, image by image, spread over place, size and class without
/// chance: `benches/peers` makes the same.
fn boxes(batch: usize, nc: usize) -> Vec<[f32; 6]> {
    let row = |i: usize| {
        let spread = |factor: usize| (i * factor % 97) as f32 / 97.0;
        let [x, y] = [31, 17].map(|factor| 0.1 + 0.8 * spread(factor));
        let [w, h] = [13, 7].map(|factor| 0.05 + 0.4 * spread(factor));
        [(i / BOXES) as f32, (i % nc) as f32, x, y, w, h]
    };
    (0..batch * BOXES).map(row).collect()
}
