//! GSConv without a shuffle.

use ablate_kernels::Activation;
use burn::{module::Module, nn::conv::Conv2d};

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, conv2d, convolve},
    gsconv::GsConvConfig,
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// GSConv with a 1×1 convolution and ReLU in place of the shuffle, for hardware on which shuffling
/// is slow. Row: as of Conv.
/// Source: Li et al., Slim-neck by GSConv, arXiv:2206.02424, as its authors' code has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GsConvNsConfig {
    /// What comes before the 1×1 convolution.
    pub gsconv: GsConvConfig,
}

/// See [`GsConvNsConfig`].
#[derive(Module, Debug)]
pub struct GsConvNs {
    cv1: Conv,
    cv2: Conv,
    shuf: Conv2d,
}

fuse!(GsConvNs: cv1, cv2);

impl GsConvNsConfig {
    /// In place of the shuffle.
    fn mix(&self) -> ConvShape {
        let channels = 2 * self.gsconv.dense.conv.c_out;
        ConvShape::new(channels, channels, 1, 1)
    }
}

impl Block for GsConvNsConfig {
    type Layer = GsConvNs;

    fn read(row: &RowReader) -> Result<Self, String> {
        Ok(Self {
            gsconv: Block::read(row)?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let both = self.gsconv.trace_one(inputs[0], tally);
        Ok(vec![tally.conv(self.mix(), false, both)])
    }

    fn init(&self, init: &Initializer) -> GsConvNs {
        let [cv1, cv2] = self.gsconv.convs().map(|conv| Conv::new(&conv, init));
        GsConvNs {
            cv1,
            cv2,
            shuf: conv2d(self.mix(), false, init),
        }
    }

    on_maps!(layer: GsConvNs, inputs => {
        let dense = layer.cv1.forward(only(inputs));
        let cheap = layer.cv2.forward(dense.clone());
        let both = FeatureMap::concatenated(vec![dense, cheap]);
        vec![convolve(&layer.shuf, both).activated(Activation::Relu)]
    });

    fn arguments(&self) -> String {
        self.gsconv.arguments()
    }
}
