//! Convolution, batch normalisation, activation.

use ablate_kernels::Activation;
use burn::{
    module::Module,
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
};

use super::{
    batch_norm::BatchNorm2d,
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{
    fuse::Fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// A convolution without bias, batch normalisation and an activation (the table's unless the row
/// says otherwise). Row: `[channels, kernel, stride, padding, groups, dilation, activation]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvConfig {
    /// The convolution's geometry.
    pub conv: ConvShape,
    /// The activation after it; None for the table's, SiLU unless it names another.
    pub activation: Option<Activation>,
}

/// See [`ConvConfig`].
#[derive(Module, Debug)]
pub struct Conv {
    pub(super) conv: Conv2d,
    bn: BatchNorm2d,
    #[module(skip)]
    pub(super) activation: Activation,
}

impl Fuse for Conv {
    fn fuse(&mut self) {
        self.bn.fold_into(&mut self.conv);
    }
}

/// A block and a convolution after it.
impl<M: Fuse> Fuse for (M, Conv) {
    fn fuse(&mut self) {
        self.0.fuse();
        self.1.fuse();
    }
}

/// A bare convolution with PyTorch's default initial weights, uniform within ±1/√(fan in).
pub fn conv2d(shape: ConvShape, bias: bool, init: &Initializer) -> Conv2d {
    let [vertical, horizontal] = shape.padding;
    let [height, width] = shape.kernel;
    let mut conv = Conv2dConfig::new([shape.c_in, shape.c_out], shape.kernel)
        .with_stride([shape.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(
            vertical, horizontal, vertical, horizontal,
        ))
        .with_groups(shape.groups)
        .with_dilation([shape.dilation; 2])
        .with_bias(false)
        .init(init.device());
    conv.weight = init.uniform(
        [shape.c_out, shape.c_in / shape.groups, height, width],
        shape.fan_in(),
    );
    conv.bias = bias.then(|| init.uniform([shape.c_out], shape.fan_in()));
    conv
}

/// A bare convolution's forward pass: [`Conv2d::forward`], by the fastest kernels of its device.
pub fn convolve<M: FeatureMap>(conv: &Conv2d, x: M) -> M {
    x.convolved(conv, Activation::Identity)
}

/// The same, and an activation after it.
pub(super) fn convolve_act<M: FeatureMap>(conv: &Conv2d, activation: Activation, x: M) -> M {
    x.convolved(conv, activation)
}

/// A convolution without bias, batch normalisation and an activation; or, if the normalisation
/// is folded into the convolution, which has a bias then, that and the activation.
pub fn conv_norm_act<M: FeatureMap>(
    conv: &Conv2d,
    bn: &BatchNorm2d,
    activation: Activation,
    x: M,
) -> M {
    match conv.bias {
        Some(_) => convolve_act(conv, activation, x),
        None => bn.forward_activated(convolve(conv, x), activation),
    }
}

impl ConvConfig {
    /// Of that geometry, under the table's activation.
    pub fn of(conv: ConvShape) -> Self {
        Self {
            conv,
            activation: None,
        }
    }

    /// Square kernel, padded to keep the size at stride 1, under the table's activation.
    pub fn new(c_in: usize, c_out: usize, kernel: usize, stride: usize) -> Self {
        Self::of(ConvShape::new(c_in, c_out, kernel, stride))
    }

    /// One filter for each channel.
    pub fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        Self::new(channels, channels, kernel, stride).groups(channels)
    }

    /// The same in groups of channels.
    pub fn groups(self, groups: usize) -> Self {
        Self {
            conv: self.conv.groups(groups),
            ..self
        }
    }

    /// The same with an activation of its own.
    pub fn activation(self, activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }

    /// The same without activation.
    pub fn linear(self) -> Self {
        self.activation(Activation::Identity)
    }

    /// The row's arguments after the channels, as every block that is shaped like a Conv has them.
    pub(super) fn read_geometry(
        row: &RowReader,
        c_in: usize,
        c_out: usize,
    ) -> Result<Self, String> {
        row.at_most(
            7,
            "channels, kernel, stride, padding, groups, dilation, activation",
        )?;
        let kernel = row.cells(1, 1, "kernel")?;
        let dilation = row.cells(5, 1, "dilation")?;
        let padding = row
            .optional(3, "padding")?
            .unwrap_or(auto_padding(kernel, dilation));
        let groups = row.groups(4, c_in, c_out)?;
        Ok(Self {
            conv: ConvShape {
                c_in,
                c_out,
                kernel: [kernel; 2],
                stride: row.cells(2, 1, "stride")?,
                padding: [padding; 2],
                groups,
                dilation,
            },
            activation: row.activation(6)?,
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

    on_maps!(layer: Conv, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        let ConvShape {
            c_in,
            c_out,
            stride,
            groups,
            ..
        } = self.conv;
        let kernel = self.conv.kernel_text();
        match groups {
            1 => format!("[{c_in}, {c_out}, {kernel}, {stride}]"),
            _ => format!("[{c_in}, {c_out}, {kernel}, {stride}, groups={groups}]"),
        }
    }
}

/// Half of the kernel's reach, rounded down, as both packages pad: an odd kernel keeps the size at
/// stride 1.
pub(super) fn auto_padding(kernel: usize, dilation: usize) -> usize {
    (dilation * (kernel - 1)).div_ceil(2)
}

impl Conv {
    /// Fresh weights.
    pub fn new(config: &ConvConfig, init: &Initializer) -> Self {
        Self {
            conv: conv2d(config.conv, false, init),
            bn: BatchNorm2d::new(config.conv.c_out, init),
            activation: config.activation.unwrap_or(init.activation()),
        }
    }

    /// The same with normal weights.
    pub(super) fn normal(config: &ConvConfig, std: f32, init: &Initializer) -> Self {
        let mut conv = Self::new(config, init);
        conv.conv.weight = init.normal(conv.conv.weight.dims(), std);
        conv
    }

    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        conv_norm_act(&self.conv, &self.bn, self.activation, x)
    }
}
