//! YOLOv9's downsampling in two halves.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    pool::{max_pool, smoothed},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// The mean of each 2×2 window, then half of the channels by a 3×3 convolution of stride 2, and
/// half by a max pool and a 1×1 convolution. Row: `[channels]`.
/// Source: Wang et al., YOLOv9, arXiv:2402.13616.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ADownConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
}

/// See [`ADownConfig`].
#[derive(Module, Debug)]
pub struct ADown {
    cv1: Conv,
    cv2: Conv,
}

fuse!(ADown: cv1, cv2);

impl ADownConfig {
    fn convs(&self) -> [ConvConfig; 2] {
        let (c_in, c_out) = (self.c_in / 2, self.c_out / 2);
        [
            ConvConfig::new(c_in, c_out, 3, 2),
            ConvConfig::new(c_in, c_out, 1, 1),
        ]
    }
}

impl Block for ADownConfig {
    type Layer = ADown;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(1, "channels")?;
        let (c_in, c_out) = (row.channels_in()?, row.channels_out()?);
        match c_in.is_multiple_of(2) && c_out.is_multiple_of(2) {
            true => Ok(Self { c_in, c_out }),
            false => Err(format!(
                "expected even numbers of input and output channels, found {c_in} and {c_out}"
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.convs();
        let half = Shape {
            c: self.c_in / 2,
            ..smoothed(inputs[0])
        };
        let y = cv1.trace_one(half, tally);
        // The max pool has the convolution's window.
        cv2.trace_one(Shape { c: half.c, ..y }, tally);
        Ok(vec![Shape { c: self.c_out, ..y }])
    }

    fn init(&self, init: &Initializer) -> ADown {
        let [cv1, cv2] = self.convs().map(|conv| Conv::new(&conv, init));
        ADown { cv1, cv2 }
    }

    on_maps!(layer: ADown, inputs => {
        let x = only(inputs).smoothed();
        let half = x.shape()[1] / 2;
        let convolved = layer.cv1.forward(x.clone().channels(0, half));
        let pooled = layer.cv2.forward(max_pool(x.channels(half, half), 3, 2));
        vec![FeatureMap::concatenated(vec![convolved, pooled])]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}]", self.c_in, self.c_out)
    }
}
