//! A convolution alone.

use burn::nn::conv::Conv2d;

use super::{
    block::{Block, on_maps, only},
    conv::{ConvConfig, conv2d, convolve},
    row::RowReader,
};
use crate::{
    fuse::fuse,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    spec::Arg,
    tally::Tally,
};

/// PyTorch's convolution, without normalisation and activation. Row: `[channels, kernel, stride,
/// padding, dilation, groups, bias]`, channels as in every row: those of the input are known, and
/// width scales them. YOLOv5's first tables have it so.
///
/// Today's packages hand a row to PyTorch as it stands,
/// `[channels in, channels out, kernel, stride, padding, dilation, groups, bias]`, and take it that
/// the channels stay. A row that begins with the input's channels twice is read in that way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BareConvConfig {
    conv: ConvShape,
    bias: bool,
}

fuse!(Conv2d:);

impl Block for BareConvConfig {
    type Layer = Conv2d;

    fn read(row: &RowReader) -> Result<Self, String> {
        let c_in = row.channels_in()?;
        let channels = |i| row.arg(i) == Some(&Arg::Int(c_in as i64));
        let as_it_stands = channels(0) && channels(1);
        // Place of the kernel.
        let first = if as_it_stands { 2 } else { 1 };
        row.at_most(
            first + 6,
            "channels, kernel, stride, padding, dilation, groups, bias",
        )?;
        let c_out = match as_it_stands {
            true => c_in,
            false => row.channels_out()?,
        };
        let kernel = row.side(first, "kernel")?;
        let stride = row.cells(first + 1, 1, "stride")?;
        let padding = row.optional(first + 2, "padding")?.unwrap_or(0);
        Ok(Self {
            conv: ConvShape {
                dilation: row.cells(first + 3, 1, "dilation")?,
                ..ConvShape::new(c_in, c_out, kernel, stride)
                    .padding(padding)
                    .groups(row.groups(first + 4, c_in, c_out)?)
            },
            bias: row.flag(first + 5, true, "bias")?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![tally.conv(self.conv, self.bias, inputs[0])])
    }

    fn init(&self, init: &Initializer) -> Conv2d {
        conv2d(self.conv, self.bias, init)
    }

    on_maps!(layer: Conv2d, inputs => vec![convolve(layer, only(inputs))]);

    fn arguments(&self) -> String {
        ConvConfig::of(self.conv).arguments()
    }
}
