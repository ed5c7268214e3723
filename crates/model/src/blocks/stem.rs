//! ShuffleNetV2's stem.

use ablate_kernels::Activation;
use burn::{module::Module, nn::conv::Conv2d};

use super::{
    batch_norm::BatchNorm2d,
    block::{Block, on_maps, only},
    conv::{conv_norm_act, conv2d},
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// The stem of ShuffleNetV2 and its kin: a 3×3 convolution of stride 2 under batch normalisation
/// and ReLU, then a 3×3 max pool of stride 2. Row: `[channels]`.
/// Source: Ma et al., ShuffleNet V2, arXiv:1807.11164, table 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StemConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
}

/// See [`StemConfig`].
#[derive(Module, Debug)]
pub struct Stem {
    conv: (Conv2d, BatchNorm2d),
}

fuse!(Stem: conv);

impl StemConfig {
    fn conv(&self) -> ConvShape {
        ConvShape::new(self.c_in, self.c_out, 3, 2)
    }
}

impl Block for StemConfig {
    type Layer = Stem;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "channels")?;
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let y = tally.conv(self.conv(), false, inputs[0]);
        let Shape { c, h, w } = tally.batch_norm(y);
        Ok(vec![Shape::new(c, h.div_ceil(2), w.div_ceil(2))])
    }

    fn init(&self, init: &Initializer) -> Stem {
        Stem {
            conv: (
                conv2d(self.conv(), false, init),
                BatchNorm2d::new(self.c_out, init),
            ),
        }
    }

    on_maps!(layer: Stem, inputs => {
        let (conv, bn) = &layer.conv;
        let y = conv_norm_act(conv, bn, Activation::Relu, only(inputs));
        vec![y.max_pooled(3, 2, 1)]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.c_in, self.c_out)
    }
}
