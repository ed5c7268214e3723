//! YOLOv9's links between its backbones: the branching side.

use burn::{module::Module, nn::conv::Conv2d};

use super::{
    block::{Block, on_maps, only},
    conv::{auto_padding, conv2d, convolve},
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// A convolution with bias alone, whose output is cut into several maps by channel. Row:
/// `[[channels, …], kernel, stride, padding, groups]`, the channels of each map, which are as they
/// are at every width.
/// Source: Wang et al., YOLOv9, arXiv:2402.13616, after CBNet, arXiv:1909.03625.
#[derive(Clone, Debug, PartialEq)]
pub struct CbLinearConfig {
    conv: ConvShape,
    /// Channels of each output.
    channels: Vec<usize>,
}

/// See [`CbLinearConfig`].
#[derive(Module, Debug)]
pub struct CbLinear {
    conv: Conv2d,
    #[module(skip)]
    channels: Vec<usize>,
}

fuse!(CbLinear:);

impl Block for CbLinearConfig {
    type Layer = CbLinear;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "[channels, …], kernel, stride, padding, groups")?;
        let channels = row.list(0, 1, "channels")?;
        let kernel = row.cells(1, 1, "kernel")?;
        let groups = row.positive(4, Some(1), "groups")?;
        let padding = row.optional(3, "padding")?;
        let (c_in, c_out) = (row.channels_in()?, channels.iter().sum::<usize>());
        if channels.is_empty() || ![c_in, c_out].iter().all(|c| c.is_multiple_of(groups)) {
            return Err(format!(
                "expected {c_in} input and {c_out} output channels to divide into {groups} groups"
            ));
        }
        let stride = row.cells(2, 1, "stride")?;
        let conv = ConvShape::new(c_in, c_out, kernel, stride)
            .padding(padding.unwrap_or(auto_padding(kernel, 1)))
            .groups(groups);
        Ok(Self { conv, channels })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let y = tally.conv(self.conv, true, inputs[0]);
        Ok(self.channels.iter().map(|c| Shape { c: *c, ..y }).collect())
    }

    fn init(&self, init: &Initializer) -> CbLinear {
        CbLinear {
            conv: conv2d(self.conv, true, init),
            channels: self.channels.clone(),
        }
    }

    on_maps!(layer: CbLinear, inputs => {
        let y = convolve(&layer.conv, only(inputs));
        let mut first = 0;
        let part = |count: &usize| {
            first += count;
            FeatureMap::channels(y.clone(), first - count, *count)
        };
        layer.channels.iter().map(part).collect()
    });

    fn arguments(&self) -> String {
        format!("[{}, {:?}]", self.conv.c_in, self.channels)
    }
}
