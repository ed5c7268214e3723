//! Transposed convolutions as rows.

use ablate_kernels::ConvTranspose2d;
use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use super::{
    block::{Block, only},
    dwconv::gcd,
    row::RowReader,
};
use crate::{
    fuse::fuse,
    inference::{FeatureMap, Traced},
    initializer::Initializer,
    shape::{Shape, TransposedShape},
    tally::Tally,
};

/// PyTorch's transposed convolution. Row:
/// `[channels, kernel, stride, padding, output padding, groups, bias, dilation]`.
/// Source: Zeiler et al., Deconvolutional Networks, 2010.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvTransposeConfig {
    conv: TransposedShape,
    bias: bool,
}

/// The same in as many groups as divide input and output. Row:
/// `[channels, kernel, stride, padding, output padding]`. Profilers don't know it: the published
/// GFLOPs are without it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DwConvTransposeConfig(ConvTransposeConfig);

/// See [`ConvTransposeConfig`].
#[derive(Module, Debug)]
pub struct ConvTranspose {
    /// `[channels in, channels out / groups, kernel, kernel]`
    weight: Param<Tensor<4>>,
    /// `[channels out]`
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    conv: TransposedShape,
}

fuse!(ConvTranspose:);

impl ConvTransposeConfig {
    /// The arguments that both modules have; what is added at the end has to be less than a step.
    fn read_geometry(row: &RowReader, kernel: usize) -> Result<Self, String> {
        let conv = TransposedShape {
            padding: row.optional(3, "padding")?.unwrap_or(0),
            output_padding: row.optional(4, "output padding")?.unwrap_or(0),
            ..TransposedShape::new(
                row.channels_in()?,
                row.channels_out()?,
                kernel,
                row.cells(2, 1, "stride")?,
            )
        };
        Ok(Self { conv, bias: true })
    }

    fn checked(self) -> Result<Self, String> {
        let TransposedShape {
            stride,
            output_padding,
            dilation,
            ..
        } = self.conv;
        match output_padding < stride.max(dilation) {
            true => Ok(self),
            false => Err(format!(
                "output padding: expected less than the stride, {stride}, or the dilation, {dilation}, found {output_padding}"
            )),
        }
    }

    fn printed(&self) -> String {
        let TransposedShape {
            c_in,
            c_out,
            kernel,
            stride,
            padding,
            groups,
            ..
        } = self.conv;
        match groups {
            1 => format!("[{c_in}, {c_out}, {kernel}, {stride}, {padding}]"),
            _ => format!("[{c_in}, {c_out}, {kernel}, {stride}, {padding}, groups={groups}]"),
        }
    }
}

impl Block for ConvTransposeConfig {
    type Layer = ConvTranspose;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(
            8,
            "channels, kernel, stride, padding, output padding, groups, bias, dilation",
        )?;
        let mut config = Self::read_geometry(row, row.side(1, "kernel")?)?;
        let conv = &mut config.conv;
        conv.groups = row.groups(5, conv.c_in, conv.c_out)?;
        conv.dilation = row.cells(7, 1, "dilation")?;
        config.bias = row.flag(6, true, "bias")?;
        config.checked()
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![tally.transposed_conv(self.conv, self.bias, inputs[0])])
    }

    /// PyTorch draws by the fan of the transposed kernel, the output's channels.
    fn init(&self, init: &Initializer) -> ConvTranspose {
        let TransposedShape {
            c_in,
            c_out,
            kernel,
            groups,
            ..
        } = self.conv;
        let fan = self.conv.fan_out();
        ConvTranspose {
            weight: init.uniform([c_in, c_out / groups, kernel, kernel], fan),
            bias: self.bias.then(|| init.uniform([c_out], fan)),
            conv: self.conv,
        }
    }

    fn forward(layer: &ConvTranspose, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn lower(layer: &ConvTranspose, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        layer.lower(only(inputs)).map(|y| vec![y])
    }

    fn arguments(&self) -> String {
        self.printed()
    }
}

impl ConvTranspose {
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        x.transposed(self.weight.val(), bias, self.conv.geometry())
    }

    /// None of squares that overlap or lie apart, and of groups: the engine has none of them.
    fn lower(&self, x: Traced) -> Option<Traced> {
        let side_by_side = ConvTranspose2d::new(self.conv.kernel);
        (self.conv.geometry() == side_by_side).then(|| self.forward(x))
    }
}

impl Block for DwConvTransposeConfig {
    type Layer = ConvTranspose;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "channels, kernel, stride, padding, output padding")?;
        let kernel = row.cells(1, 1, "kernel")?;
        let mut config = ConvTransposeConfig::read_geometry(row, kernel)?;
        config.conv.groups = gcd(config.conv.c_in, config.conv.c_out);
        config.checked().map(Self)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let ConvTransposeConfig { conv, bias } = self.0;
        Ok(vec![tally.unseen_transposed_conv(conv, bias, inputs[0])])
    }

    fn init(&self, init: &Initializer) -> ConvTranspose {
        Block::init(&self.0, init)
    }

    fn forward(layer: &ConvTranspose, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn lower(layer: &ConvTranspose, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        layer.lower(only(inputs)).map(|y| vec![y])
    }

    fn arguments(&self) -> String {
        self.0.printed()
    }
}
