//! SimAM.

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

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

    on_maps!(layer: SimAm, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        format!("[{}]", self.lambda)
    }
}

impl SimAm {
    /// `[batch, c, h, w]` to the same shape.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let [_, _, h, w] = x.shape();
        let off = x.clone().minus(x.clone().means());
        let squares = off.clone().times(off);
        let others = (h * w).saturating_sub(1).max(1) as f64;
        // Four times the variance and λ.
        let factor = 4.0 * (h * w) as f64 / others;
        let spread = squares.clone().means().affine(factor, 4.0 * self.lambda);
        let energy = squares.over(spread).affine(1.0, 0.5);
        x.times(energy.activated(Activation::Sigmoid))
    }
}
