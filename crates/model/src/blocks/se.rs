//! Squeeze-and-excite.

use ablate_kernels::Activation;
use burn::{module::Module, nn::Relu};

use super::{
    block::{Block, on_maps, only},
    linear::Dense,
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Channels weighed by what they hold on the whole: the mean of each, through two linear layers
/// with a ratio's part of the channels between them. Row: `[ratio]` or `[channels, ratio]`, the
/// channels those of the input; 16 unless it is given, and at least one channel is left.
/// Source: Hu et al., Squeeze-and-Excitation Networks, arXiv:1709.01507, figure 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeConfig {
    channels: usize,
    /// Between the linear layers.
    squeezed: usize,
}

/// See [`SeConfig`].
#[derive(Module, Debug)]
pub struct Se {
    fc: (Dense, Relu, Dense),
}

fuse!(Se:);

/// The paper tries up to 32; a larger number is one of channels that are not the input's.
const MAX_RATIO: usize = 32;

impl Block for SeConfig {
    type Layer = Se;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let (channels, first) = (row.channels_in()?, row.after_channels()?);
        row.at_most(first + 1, "channels, ratio")?;
        match row.positive(first, Some(16), "ratio")? {
            ratio @ 1..=MAX_RATIO => Ok(Self {
                channels,
                squeezed: (channels / ratio).max(1),
            }),
            ratio => Err(format!(
                "ratio: expected 1 to {MAX_RATIO}, or the input's {channels} channels, found {ratio}"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let Self { channels, squeezed } = *self;
        let means = tally.global_pool(inputs[0]);
        let inner = tally.conv(ConvShape::new(channels, squeezed, 1, 1), false, means);
        tally.conv(ConvShape::new(squeezed, channels, 1, 1), false, inner);
        Ok(vec![inputs[0]])
    }

    fn init(&self, init: &Initializer) -> Se {
        let linear = |inputs, outputs| Dense::new(inputs, outputs, false, init);
        let (squeeze, excite) = (
            linear(self.channels, self.squeezed),
            linear(self.squeezed, self.channels),
        );
        Se {
            fc: (squeeze, Relu::new(), excite),
        }
    }

    on_maps!(layer: Se, inputs => {
        let x = only(inputs);
        let (squeeze, _, excite) = &layer.fc;
        let means = FeatureMap::means(x.clone());
        let inner = means.linear(squeeze.weight.val(), None, Activation::Relu);
        let shares = inner.linear(excite.weight.val(), None, Activation::Sigmoid);
        vec![FeatureMap::times(x, shares)]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.channels, self.squeezed)
    }
}
