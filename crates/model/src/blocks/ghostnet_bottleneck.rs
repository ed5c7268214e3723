//! GhostNet's bottleneck.

use ablate_kernels::Activation;
use burn::{module::Module, nn::conv::Conv2d};

use super::{
    batch_norm::BatchNorm2d,
    block::{Block, on_maps, only},
    bottleneck::Link,
    conv::{conv_norm_act, conv2d, convolve, convolve_act},
    ghost::{GhostModule, GhostModuleConfig, PlainConv},
    row::RowReader,
};
use crate::{
    fuse::Fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// GhostNet's bottleneck: a Ghost module up, a depthwise convolution if the stride is above 1,
/// squeeze-and-excite if the ratio is above 0, and a Ghost module down without activation, with a
/// residual around them. Row: `[channels, expanded channels, kernel, stride, ratio]`, the ratio
/// that of squeeze-and-excite, 0 for none; expanded channels scale with width, too.
/// Source: Han et al., GhostNet, arXiv:1911.11907, figure 3; Hu et al., Squeeze-and-Excitation
/// Networks, arXiv:1709.01507.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GhostNetBottleneckConfig {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Channels between the two Ghost modules.
    pub expanded: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Channels into which squeeze-and-excite squeezes; 0 for none.
    pub squeezed: usize,
}

/// See [`GhostNetBottleneckConfig`].
#[derive(Module, Debug)]
pub struct GhostNetBottleneck {
    ghost1: GhostModule<Conv2d>,
    conv_dw: Option<Conv2d>,
    bn_dw: Option<BatchNorm2d>,
    se: Option<SqueezeExcite>,
    ghost2: GhostModule<Conv2d>,
    shortcut: Option<(Conv2d, BatchNorm2d, Conv2d, BatchNorm2d)>,
}

impl Fuse for GhostNetBottleneck {
    fn fuse(&mut self) {
        self.ghost1.fuse();
        self.ghost2.fuse();
        if let (Some(conv), Some(bn)) = (&mut self.conv_dw, &self.bn_dw) {
            bn.fold_into(conv);
        }
        if let Some((depthwise, inner, pointwise, outer)) = &mut self.shortcut {
            inner.fold_into(depthwise);
            outer.fold_into(pointwise);
        }
    }
}

/// Weighs channels by what they hold on the whole: two 1×1 convolutions on the pooled map, ReLU
/// between, hard sigmoid after.
#[derive(Module, Debug)]
struct SqueezeExcite {
    conv_reduce: Conv2d,
    conv_expand: Conv2d,
}

impl GhostNetBottleneckConfig {
    fn ghosts(&self) -> [GhostModuleConfig<PlainConv>; 2] {
        let down =
            GhostModuleConfig::new(self.expanded, self.c_out).activation(Activation::Identity);
        [GhostModuleConfig::new(self.c_in, self.expanded), down]
    }

    fn depthwise(&self, channels: usize) -> ConvShape {
        ConvShape::new(channels, channels, self.kernel, self.stride).groups(channels)
    }

    /// Down and up again, both with a bias.
    fn squeeze(&self) -> [ConvShape; 2] {
        [
            ConvShape::new(self.expanded, self.squeezed, 1, 1),
            ConvShape::new(self.squeezed, self.expanded, 1, 1),
        ]
    }

    /// Around the block; None if the input can be added as it is.
    fn shortcut(&self) -> Option<[ConvShape; 2]> {
        let identity = self.c_in == self.c_out && self.stride == 1;
        (!identity).then(|| {
            [
                self.depthwise(self.c_in),
                ConvShape::new(self.c_in, self.c_out, 1, 1),
            ]
        })
    }
}

impl Block for GhostNetBottleneckConfig {
    type Layer = GhostNetBottleneck;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "channels, expanded channels, kernel, stride, ratio")?;
        let (expanded, kernel) = (
            row.scaled(1, "expanded channels")?,
            row.cells(2, 3, "kernel")?,
        );
        if kernel.is_multiple_of(2) {
            return Err(format!("kernel: expected an odd number, found {kernel}"));
        }
        let squeezed = match row.optional(4, "ratio") {
            Ok(None | Some(0)) => 0,
            // To a multiple of four, and not down by more than a tenth.
            _ => divisible(expanded as f64 * row.number(4, 0.25, "ratio")?, 4),
        };
        let stride = row.cells(3, 1, "stride")?;
        Ok(Self {
            c_in: row.channels_in()?,
            c_out: row.channels_out()?,
            expanded,
            kernel,
            stride,
            squeezed,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [up, down] = self.ghosts();
        let mut x = up.trace_one(inputs[0], tally);
        if self.stride > 1 {
            x = tally.conv(self.depthwise(self.expanded), false, x);
            tally.batch_norm(x);
        }
        if self.squeezed > 0 {
            self.squeeze()
                .into_iter()
                .fold(Shape::new(x.c, 1, 1), |x, conv| tally.conv(conv, true, x));
        }
        let y = down.trace_one(x, tally);
        let around = self.shortcut().into_iter().flatten();
        around.fold(inputs[0], |x, conv| {
            let y = tally.conv(conv, false, x);
            tally.batch_norm(y)
        });
        Ok(vec![y])
    }

    fn init(&self, init: &Initializer) -> GhostNetBottleneck {
        let [ghost1, ghost2] = self.ghosts().map(|ghost| ghost.init(init));
        let strided = self.stride > 1;
        GhostNetBottleneck {
            ghost1,
            conv_dw: strided.then(|| conv2d(self.depthwise(self.expanded), false, init)),
            bn_dw: strided.then(|| BatchNorm2d::new(self.expanded, init)),
            se: (self.squeezed > 0).then(|| {
                let [conv_reduce, conv_expand] =
                    self.squeeze().map(|conv| conv2d(conv, true, init));
                SqueezeExcite {
                    conv_reduce,
                    conv_expand,
                }
            }),
            ghost2,
            shortcut: self.shortcut().map(|[depthwise, pointwise]| {
                let (inner, outer) = (
                    BatchNorm2d::new(self.c_in, init),
                    BatchNorm2d::new(self.c_out, init),
                );
                (
                    conv2d(depthwise, false, init),
                    inner,
                    conv2d(pointwise, false, init),
                    outer,
                )
            }),
        }
    }

    on_maps!(layer: GhostNetBottleneck, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        let Self {
            c_in,
            c_out,
            expanded,
            kernel,
            stride,
            squeezed,
        } = self;
        format!("[{c_in}, {c_out}, {expanded}, {kernel}, {stride}, {squeezed}]")
    }
}

impl GhostNetBottleneck {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h / stride, w / stride]`.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        let mut y = self.ghost1.forward_with::<PlainConv, _>(x.clone());
        if let (Some(conv), Some(bn)) = (&self.conv_dw, &self.bn_dw) {
            y = conv_norm_act(conv, bn, Activation::Identity, y);
        }
        if let Some(se) = &self.se {
            y = se.forward(y);
        }
        let y = self.ghost2.forward_with::<PlainConv, _>(y);
        match &self.shortcut {
            None => x + y,
            Some((depthwise, inner, pointwise, outer)) => {
                let x = conv_norm_act(depthwise, inner, Activation::Identity, x);
                y + conv_norm_act(pointwise, outer, Activation::Identity, x)
            }
        }
    }
}

impl SqueezeExcite {
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        let inner = convolve_act(&self.conv_reduce, Activation::Relu, x.clone().means());
        // The hard sigmoid, min(max(x + 3, 0), 6) / 6.
        let shares = convolve(&self.conv_expand, inner).affine(1.0, 3.0);
        x.times(shares.activated(Activation::Relu6).affine(1.0 / 6.0, 0.0))
    }
}

/// The multiple of `divisor` nearest to `value`, the next one where that is more than a tenth below
/// it.
fn divisible(value: f64, divisor: usize) -> usize {
    let nearest = ((value + divisor as f64 / 2.0) as usize / divisor * divisor).max(divisor);
    if (nearest as f64) < 0.9 * value {
        nearest + divisor
    } else {
        nearest
    }
}
