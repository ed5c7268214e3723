//! Spatial pyramid pooling.

use burn::{
    module::Module,
    tensor::{Tensor, module::max_pool2d, ops::MaxPoolOptions},
};

use super::{
    block::{Block, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// Spatial pyramid pooling, fast: three max pools one after another, which see as far as three of
/// growing size side by side. Row: `[channels, kernel]`.
/// Source: He et al., SPP-net, arXiv:1406.4729, as YOLOv5 v6 arranges it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SppfConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Side of the kernel.
    pub kernel: usize,
}

/// See [`SppfConfig`].
#[derive(Module, Debug)]
pub struct Sppf {
    cv1: Conv,
    cv2: Conv,
    kernel: usize,
}

fuse!(Sppf: cv1, cv2);

impl SppfConfig {
    fn convs(&self) -> [ConvConfig; 2] {
        let hidden = self.c_in / 2;
        [
            ConvConfig::new(self.c_in, hidden, 1, 1),
            ConvConfig::new(4 * hidden, self.c_out, 1, 1),
        ]
    }
}

impl Block for SppfConfig {
    type Layer = Sppf;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "channels, kernel")?;
        let kernel = row.cells(1, 5, "kernel")?;
        if kernel.is_multiple_of(2) {
            return Err(format!(
                "kernel: expected an odd number, so that pooling keeps the size, found {kernel}"
            ));
        }
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            kernel,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2] = self.convs();
        let x = cv1.trace_one(inputs[0], tally);
        Ok(vec![cv2.trace_one(Shape::new(4 * x.c, x.h, x.w), tally)])
    }

    fn init(&self, init: &Initializer) -> Sppf {
        let [cv1, cv2] = self.convs().map(|conv| Conv::new(&conv, init));
        Sppf {
            cv1,
            cv2,
            kernel: self.kernel,
        }
    }

    fn forward(layer: &Sppf, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn arguments(&self) -> String {
        format!("[{}, {}, {}]", self.c_in, self.c_out, self.kernel)
    }
}

impl Sppf {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let pool = |x: Tensor<4>| {
            max_pool2d(
                x,
                MaxPoolOptions::new([self.kernel; 2])
                    .with_stride([1; 2])
                    .with_padding([self.kernel / 2; 2]),
            )
        };
        let x = self.cv1.forward(x);
        let near = pool(x.clone());
        let wide = pool(near.clone());
        let widest = pool(wide.clone());
        self.cv2
            .forward(Tensor::cat(vec![x, near, wide, widest], 1))
    }
}
