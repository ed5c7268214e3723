//! Efficient channel attention.

use ablate_kernels::Activation;
use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use super::{
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::FeatureMap,
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

    on_maps!(layer: Eca, inputs => {
        let x = only(inputs);
        let filter: Tensor<1> = layer.conv.weight.val().flatten(0, 2);
        let shares = FeatureMap::means(x.clone()).along_channels(filter);
        vec![FeatureMap::times(x, shares.activated(Activation::Sigmoid))]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.channels, self.kernel)
    }
}

/// (log₂ c + 1) / 2 without its fraction, or the odd number above it.
fn adaptive(channels: usize) -> usize {
    let kernel = (((channels as f64).log2() + 1.0) / 2.0) as usize;
    kernel | 1
}
