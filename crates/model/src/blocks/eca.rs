//! Efficient channel attention.

use ablate_kernels::matmul;
use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::sigmoid},
};

use super::{
    block::{Block, only},
    channel_means::{channel_means, weigh_channels},
    row::RowReader,
};
use crate::{
    fuse::fuse,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Channels weighed by what they and their neighbours hold on the whole: the mean of each, under a
/// convolution along the channels. Row: `[kernel]` or `[channels, kernel]`, the channels those of
/// the input; without a kernel it grows with the logarithm of the channels.
/// Source: Wang et al., ECA-Net, arXiv:1910.03151, equation 12 for the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EcaConfig {
    channels: usize,
    kernel: usize,
}

/// See [`EcaConfig`].
#[derive(Module, Debug)]
pub struct Eca {
    conv: Conv1d,
}

/// One filter along the channels.
#[derive(Module, Debug)]
struct Conv1d {
    /// `[1, 1, kernel]`
    weight: Param<Tensor<3>>,
}

fuse!(Eca:);

impl Block for EcaConfig {
    type Layer = Eca;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let (channels, first) = (row.channels_in()?, row.after_channels()?);
        row.at_most(first + 1, "channels, kernel")?;
        match row.cells(first, adaptive(channels), "kernel")? {
            kernel if kernel.is_multiple_of(2) => Err(format!(
                "kernel: expected an odd number, or the input's {channels} channels, found {kernel}"
            )),
            kernel => Ok(Self { channels, kernel }),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        tally.global_pool(inputs[0]);
        // Each of the means is an output.
        let taps = ConvShape::new(self.kernel, 1, 1, 1);
        tally.conv(taps, false, Shape::new(self.kernel, 1, self.channels));
        Ok(vec![inputs[0]])
    }

    fn init(&self, init: &Initializer) -> Eca {
        let weight = init.uniform([1, 1, self.kernel], self.kernel);
        Eca {
            conv: Conv1d { weight },
        }
    }

    fn forward(layer: &Eca, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let x = only(inputs);
        let shares = sigmoid(layer.conv.forward(channel_means(&x)));
        vec![weigh_channels(x, shares)]
    }

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.channels, self.kernel)
    }
}

impl Conv1d {
    /// `[batch, c]` to the same shape, zeros beyond its ends.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let ([batch, c], kernel) = (x.dims(), self.weight.val().dims()[2]);
        let padded = x.pad((kernel / 2, kernel / 2, 0, 0), 0.0);
        let taps = (0..kernel).map(|tap| padded.clone().narrow(1, tap, c));
        let taps: Tensor<3> = Tensor::stack(taps.collect(), 2);
        matmul(taps, self.weight.val().reshape([1, kernel, 1])).reshape([batch, c])
    }
}

/// (log₂ c + 1) / 2 without its fraction, or the odd number above it.
fn adaptive(channels: usize) -> usize {
    let kernel = (((channels as f64).log2() + 1.0) / 2.0) as usize;
    kernel | 1
}
