//! CBAM.

use ablate_kernels::Activation;
use burn::{module::Module, nn::conv::Conv2d};

use super::{
    block::{Block, on_maps, only},
    conv::{conv2d, convolve_act},
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Channels weighed by what they hold on the whole, then places by the mean and the largest value
/// of their channels. Row: `[kernel]` or `[channels, kernel]`, the channels those of the input, the
/// kernel that of the attention to places, 3 or 7; 7 unless it is given.
/// Source: Woo et al., CBAM, arXiv:1807.06521, as Ultralytics has it: one 1×1 convolution over the
/// means stands for the two layers over means and maxima.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CbamConfig {
    channels: usize,
    kernel: usize,
}

/// See [`CbamConfig`].
#[derive(Module, Debug)]
pub struct Cbam {
    channel_attention: ChannelAttention,
    spatial_attention: SpatialAttention,
}

#[derive(Module, Debug)]
struct ChannelAttention {
    fc: Conv2d,
}

#[derive(Module, Debug)]
struct SpatialAttention {
    cv1: Conv2d,
}

fuse!(Cbam:);

impl CbamConfig {
    /// Over the means of the channels, with a bias; over the places, without.
    fn convs(&self) -> [ConvShape; 2] {
        [
            ConvShape::new(self.channels, self.channels, 1, 1),
            ConvShape::new(2, 1, self.kernel, 1),
        ]
    }
}

impl Block for CbamConfig {
    type Layer = Cbam;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        let (channels, first) = (row.channels_in()?, row.after_channels()?);
        row.at_most(first + 1, "channels, kernel")?;
        match row.positive(first, Some(7), "kernel")? {
            kernel @ (3 | 7) => Ok(Self { channels, kernel }),
            kernel => Err(format!(
                "kernel: expected 3 or 7, or the input's {channels} channels, found {kernel}"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let (x, [channels, places]) = (inputs[0], self.convs());
        let means = tally.global_pool(x);
        tally.conv(channels, true, means);
        tally.conv(places, false, Shape::new(2, x.h, x.w));
        Ok(vec![x])
    }

    fn init(&self, init: &Initializer) -> Cbam {
        let [channels, places] = self.convs();
        Cbam {
            channel_attention: ChannelAttention {
                fc: conv2d(channels, true, init),
            },
            spatial_attention: SpatialAttention {
                cv1: conv2d(places, false, init),
            },
        }
    }

    on_maps!(layer: Cbam, inputs => {
        let x = layer.channel_attention.forward(only(inputs));
        vec![layer.spatial_attention.forward(x)]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.channels, self.kernel)
    }
}

impl ChannelAttention {
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        let shares = convolve_act(&self.fc, Activation::Sigmoid, x.clone().means());
        x.times(shares)
    }
}

impl SpatialAttention {
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        let shares = convolve_act(&self.cv1, Activation::Sigmoid, x.clone().summary());
        x.times(shares)
    }
}
