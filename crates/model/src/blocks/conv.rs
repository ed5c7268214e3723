use burn::{
    module::Module,
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Tensor, module, ops::ConvOptions},
};

use super::{Activation, BatchNorm2d, Block, RowReader, only};
use crate::{
    Initializer,
    cost::{ConvShape, Shape, Tally},
    cpu,
};

/// A convolution without bias, batch normalisation and an activation (SiLU unless the row says otherwise).
/// Row: `[channels, kernel, stride, padding, groups, dilation, activation]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvConfig {
    pub conv: ConvShape,
    pub activation: Activation,
}

/// See [`ConvConfig`].
#[derive(Module, Debug)]
pub struct Conv {
    conv: Conv2d,
    bn: BatchNorm2d,
    #[module(skip)]
    activation: Activation,
    padding: usize,
}

/// A bare convolution with PyTorch's default initial weights, uniform within ±1/√(fan in).
pub fn conv2d(shape: ConvShape, bias: bool, init: &Initializer) -> Conv2d {
    let mut conv = Conv2dConfig::new([shape.c_in, shape.c_out], [shape.kernel; 2])
        .with_stride([shape.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(shape.padding, shape.padding, shape.padding, shape.padding))
        .with_groups(shape.groups)
        .with_dilation([shape.dilation; 2])
        .with_bias(false)
        .init(init.device());
    conv.weight = init.uniform([shape.c_out, shape.c_in / shape.groups, shape.kernel, shape.kernel], shape.fan_in());
    conv.bias = bias.then(|| init.uniform([shape.c_out], shape.fan_in()));
    conv
}

/// A bare convolution's forward pass: [`Conv2d::forward`], or on a CPU that trains, the same by [`cpu::conv2d`].
pub fn convolve(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let fused = match conv.padding {
        PaddingConfig2d::Explicit(padding, left, bottom, right)
            if [left, bottom, right] == [padding; 3] && conv.stride[0] == conv.stride[1] && conv.dilation == [1, 1] =>
        {
            cpu::conv2d(&x, &conv.weight.val(), conv.stride[0], padding, conv.groups)
        }
        _ => None,
    };
    match (fused, &conv.bias) {
        (Some(y), Some(bias)) => y + bias.val().reshape([1, -1, 1, 1]),
        (Some(y), None) => y,
        (None, _) => conv.forward(x),
    }
}

impl ConvConfig {
    /// Square kernel, padded to keep the size at stride 1, SiLU.
    pub fn new(c_in: usize, c_out: usize, kernel: usize, stride: usize) -> Self {
        Self { conv: ConvShape::new(c_in, c_out, kernel, stride), activation: Activation::Silu }
    }

    /// One filter for each channel.
    pub fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        Self::new(channels, channels, kernel, stride).groups(channels)
    }

    pub fn groups(self, groups: usize) -> Self {
        Self { conv: self.conv.groups(groups), ..self }
    }

    pub fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// The row's arguments after the channels, as every block that is shaped like a Conv has them.
    pub(super) fn read_geometry(row: &RowReader, c_in: usize, c_out: usize) -> Result<Self, String> {
        row.at_most(7, "channels, kernel, stride, padding, groups, dilation, activation")?;
        let kernel = row.positive(1, Some(1), "kernel")?;
        let dilation = row.positive(5, Some(1), "dilation")?;
        let groups = row.positive(4, Some(1), "groups")?;
        if !c_in.is_multiple_of(groups) || !c_out.is_multiple_of(groups) {
            return Err(format!("{c_in} input and {c_out} output channels don't divide into {groups} groups"));
        }
        Ok(Self {
            conv: ConvShape {
                c_in,
                c_out,
                kernel,
                stride: row.positive(2, Some(1), "stride")?,
                padding: row.optional(3, "padding")?.unwrap_or(dilation * (kernel - 1) / 2),
                groups,
                dilation,
            },
            activation: row.activation(6, Activation::Silu)?,
        })
    }

    /// Output shape; the cost goes to the tally.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let y = tally.conv(self.conv, false, x);
        tally.batch_norm(y)
    }
}

impl Block for ConvConfig {
    type Layer = Conv;

    fn read(row: &RowReader) -> Result<Self, String> {
        Self::read_geometry(row, row.channels_in()?, row.channels_out()?)
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.trace_one(inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> Conv {
        Conv::new(self, init)
    }

    fn forward(layer: &Conv, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn arguments(&self) -> String {
        let ConvShape { c_in, c_out, kernel, stride, groups, .. } = self.conv;
        match groups {
            1 => format!("[{c_in}, {c_out}, {kernel}, {stride}]"),
            _ => format!("[{c_in}, {c_out}, {kernel}, {stride}, groups={groups}]"),
        }
    }
}

impl Conv {
    pub fn new(config: &ConvConfig, init: &Initializer) -> Self {
        Self {
            conv: conv2d(config.conv, false, init),
            bn: BatchNorm2d::new(config.conv.c_out, init),
            activation: config.activation,
            padding: config.conv.padding,
        }
    }

    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match x.device().is_autodiff() {
            true => self.bn.forward_activated(convolve(&self.conv, x), self.activation),
            false => self.activation.forward(self.forward_folded(x)),
        }
    }

    /// Convolution and normalisation in one: at inference the latter is `scale · y + shift` by channel, and scaling a few
    /// thousand weights is cheaper than going over the feature map twice more.
    fn forward_folded(&self, x: Tensor<4>) -> Tensor<4> {
        let (scale, shift) = self.bn.affine();
        let channels = scale.dims()[0];
        let weight = self.conv.weight.val() * scale.reshape([channels, 1, 1, 1]);
        let Conv2d { stride, dilation, groups, .. } = self.conv;
        module::conv2d(x, weight, Some(shift), ConvOptions::new(stride, [self.padding; 2], dilation, groups))
    }
}
