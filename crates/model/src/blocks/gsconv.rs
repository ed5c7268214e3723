//! GSConv.

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Half of the channels by a convolution, the other half from those by a 5×5 depthwise one, then
/// shuffled. Row: as of Conv.
/// Source: Li et al., Slim-neck by GSConv, arXiv:2206.02424, figure 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GsConvConfig {
    /// The dense half.
    pub dense: ConvConfig,
}

/// See [`GsConvConfig`].
#[derive(Module, Debug)]
pub struct GsConv {
    cv1: Conv,
    cv2: Conv,
}

fuse!(GsConv: cv1, cv2);

impl GsConvConfig {
    /// Of as many channels, with the padding that keeps the size at stride 1.
    pub fn new(c_in: usize, c_out: usize, kernel: usize, stride: usize) -> Self {
        Self {
            dense: ConvConfig::new(c_in, c_out / 2, kernel, stride),
        }
    }

    /// The same with another activation.
    pub fn activation(self, activation: Activation) -> Self {
        Self {
            dense: self.dense.activation(activation),
        }
    }

    /// The dense half and the depthwise one.
    pub(super) fn convs(&self) -> [ConvConfig; 2] {
        let depthwise = ConvConfig {
            activation: self.dense.activation,
            ..ConvConfig::depthwise(self.dense.conv.c_out, 5, 1)
        };
        [self.dense, depthwise]
    }

    /// Output shape; the cost goes to the tally.
    pub(super) fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let Shape { c, h, w } = self
            .convs()
            .iter()
            .fold(x, |x, conv| conv.trace_one(x, tally));
        Shape::new(2 * c, h, w)
    }
}

impl Block for GsConvConfig {
    type Layer = GsConv;

    fn read(row: &RowReader) -> Result<Self, String> {
        let c_out = row.channels_out()?;
        if !c_out.is_multiple_of(2) {
            return Err(format!(
                "expected an even number of output channels, found {c_out}"
            ));
        }
        Ok(Self {
            dense: ConvConfig::read_geometry(row, row.channels_in()?, c_out / 2)?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> GsConv {
        GsConv::new(self, init)
    }

    on_maps!(layer: GsConv, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        let conv = self.dense.conv;
        format!(
            "[{}, {}, {}, {}]",
            conv.c_in,
            2 * conv.c_out,
            conv.kernel_text(),
            conv.stride
        )
    }
}

impl GsConv {
    /// Fresh weights.
    pub fn new(config: &GsConvConfig, init: &Initializer) -> Self {
        let [cv1, cv2] = config.convs().map(|conv| Conv::new(&conv, init));
        Self { cv1, cv2 }
    }

    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let dense = self.cv1.forward(x);
        let cheap = self.cv2.forward(dense.clone());
        M::concatenated(vec![dense, cheap]).shuffled()
    }
}
