//! SimAM.

use burn::{
    module::Module,
    tensor::{Tensor, activation::sigmoid},
};

use super::{
    block::{Block, only},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// Every value weighed by how far it stands out of its channel, without parameters. Row: `[λ]` or
/// `[channels, λ]`, the channels those of the input; λ, which is added to the variance, is 0.0001
/// unless it is given.
/// Source: Yang et al., SimAM, ICML 2021, equations 5 and 6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimAmConfig {
    /// Added to the variance.
    lambda: f64,
}

/// See [`SimAmConfig`].
#[derive(Module, Debug)]
pub struct SimAm {
    lambda: f64,
}

fuse!(SimAm:);

impl Block for SimAmConfig {
    type Layer = SimAm;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let first = row.after_channels()?;
        row.at_most(first + 1, "channels, λ")?;
        match row.number(first, 1e-4, "λ")? {
            lambda if lambda < 1.0 => Ok(Self { lambda }),
            lambda => Err(format!(
                "λ: expected a number below 1, or the input's {} channels, found {lambda}",
                row.channels_in()?
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn init(&self, _: &Initializer) -> SimAm {
        SimAm {
            lambda: self.lambda,
        }
    }

    fn forward(layer: &SimAm, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn arguments(&self) -> String {
        format!("[{}]", self.lambda)
    }
}

impl SimAm {
    /// `[batch, c, h, w]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, c, h, w] = x.dims();
        let flat = x.reshape([batch, c, h * w]);
        let squares = (flat.clone() - flat.clone().mean_dim(2)).powi_scalar(2);
        let others = (h * w).saturating_sub(1).max(1) as f64;
        let variance = squares.clone().sum_dim(2).div_scalar(others);
        let energy = squares / variance.add_scalar(self.lambda).mul_scalar(4.0);
        (flat * sigmoid(energy.add_scalar(0.5))).reshape([batch, c, h, w])
    }
}
