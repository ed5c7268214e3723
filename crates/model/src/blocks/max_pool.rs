//! Max pooling.

use burn::{
    module::Module,
    tensor::{Tensor, module::max_pool2d, ops::MaxPoolOptions},
};

use super::{
    block::{Block, only},
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// The largest value under a kernel, channel by channel. Row: `[kernel, stride, padding,
/// dilation]`, the stride that of the kernel unless it is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxPoolConfig {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

/// See [`MaxPoolConfig`].
#[derive(Module, Debug)]
pub struct MaxPool {
    #[module(skip)]
    config: MaxPoolConfig,
}

fuse!(MaxPool:);

impl MaxPoolConfig {
    fn side(&self, side: usize) -> usize {
        let reach = self.dilation * (self.kernel - 1) + 1;
        let steps = (side + 2 * self.padding).checked_sub(reach);
        steps.map_or(0, |steps| steps / self.stride + 1)
    }
}

impl Block for MaxPoolConfig {
    type Layer = MaxPool;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(4, "kernel, stride, padding, dilation")?;
        row.channels_in()?;
        let kernel = row.side(0, "kernel")?;
        let padding = row.optional(2, "padding")?.unwrap_or(0);
        match padding <= kernel / 2 {
            true => Ok(Self {
                kernel,
                stride: row.cells(1, kernel, "stride")?,
                padding,
                dilation: row.cells(3, 1, "dilation")?,
            }),
            false => Err(format!(
                "padding: expected at most half of the kernel, {}, found {padding}",
                kernel / 2
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], _: &mut Tally) -> Result<Vec<Shape>, String> {
        let Shape { c, h, w } = inputs[0];
        Ok(vec![Shape::new(c, self.side(h), self.side(w))])
    }

    fn init(&self, _: &Initializer) -> MaxPool {
        MaxPool { config: *self }
    }

    fn forward(layer: &MaxPool, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let MaxPoolConfig {
            kernel,
            stride,
            padding,
            dilation,
        } = layer.config;
        let options = MaxPoolOptions::new([kernel; 2])
            .with_stride([stride; 2])
            .with_padding([padding; 2])
            .with_dilation([dilation; 2]);
        let x = only(inputs);
        vec![match dilation {
            1 => x.max_pooled(kernel, stride, padding),
            _ => max_pool2d(x, options),
        }]
    }

    fn lower(layer: &MaxPool, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        let config = layer.config;
        let pool = |x: Traced| x.max_pooled(config.kernel, config.stride, config.padding);
        (config.dilation == 1).then(|| vec![pool(only(inputs))])
    }

    fn arguments(&self) -> String {
        format!("[{}, {}, {}]", self.kernel, self.stride, self.padding)
    }
}
