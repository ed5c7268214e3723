//! The Ghost module as the YOLO packages have it.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// Half of the channels by a Conv, the other half from those by a 5×5 depthwise one. Row:
/// `[channels, kernel, stride, groups, activation]`, all but the first those of the first Conv; an
/// activation is that of both.
/// Source: Han et al., GhostNet, arXiv:1911.11907, figure 2b, as YOLOv5 has it: GhostNet's own
/// module is [`ghost`](super::ghost).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GhostConvConfig {
    primary: ConvConfig,
}

/// See [`GhostConvConfig`].
#[derive(Module, Debug)]
pub struct GhostConv {
    cv1: Conv,
    cv2: Conv,
}

fuse!(GhostConv: cv1, cv2);

impl GhostConvConfig {
    /// 1×1, under the table's activation. Half of an even number of output channels is of either
    /// convolution.
    pub fn new(c_in: usize, c_out: usize) -> Self {
        Self {
            primary: ConvConfig::new(c_in, c_out / 2, 1, 1),
        }
    }

    /// The same without activation.
    pub fn linear(self) -> Self {
        Self {
            primary: self.primary.linear(),
        }
    }

    fn convs(&self) -> [ConvConfig; 2] {
        let cheap = ConvConfig {
            activation: self.primary.activation,
            ..ConvConfig::depthwise(self.primary.conv.c_out, 5, 1)
        };
        [self.primary, cheap]
    }

    /// Output shape; the cost goes to the tally.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let [cv1, cv2] = self.convs();
        let y = cv2.trace_one(cv1.trace_one(x, tally), tally);
        Shape::new(2 * y.c, y.h, y.w)
    }
}

impl Block for GhostConvConfig {
    type Layer = GhostConv;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "channels, kernel, stride, groups, activation")?;
        let (c_in, c_out) = (row.channels_in()?, row.channels_out()?);
        let (kernel, stride) = (row.cells(1, 1, "kernel")?, row.cells(2, 1, "stride")?);
        if !c_out.is_multiple_of(2) {
            return Err(format!(
                "expected an even number of channels, found {c_out}"
            ));
        }
        let half = c_out / 2;
        let primary = ConvConfig {
            activation: row.activation(4)?,
            ..ConvConfig::new(c_in, half, kernel, stride)
        };
        Ok(Self {
            primary: primary.groups(row.groups(3, c_in, half)?),
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> GhostConv {
        GhostConv::new(self, init)
    }

    on_maps!(layer: GhostConv, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        let mut whole = self.primary;
        whole.conv.c_out *= 2;
        whole.arguments()
    }
}

impl GhostConv {
    /// Fresh weights.
    pub fn new(config: &GhostConvConfig, init: &Initializer) -> Self {
        let [cv1, cv2] = config.convs().map(|conv| Conv::new(&conv, init));
        Self { cv1, cv2 }
    }

    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let primary = self.cv1.forward(x);
        let cheap = self.cv2.forward(primary.clone());
        M::concatenated(vec![primary, cheap])
    }
}
