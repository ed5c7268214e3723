//! Ghost modules.

use ablate_kernels::Activation;
use burn::{
    module::{Module, ModuleDisplay},
    nn::conv::Conv2d,
};

use super::{
    batch_norm::BatchNorm2d,
    block::on_map,
    bottleneck::{BottleneckConfig, Link},
    conv::{conv_norm_act, conv2d},
    dynamic_conv::{DynamicConv, DynamicConvConfig},
};
use crate::{
    fuse::{Fold, Fuse},
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// Half of the channels by a 1×1 convolution, the other half from those by a 3×3 depthwise one,
/// each under batch normalisation and ReLU; either of plain convolutions, as in the paper, or of
/// dynamic ones. An odd number of output channels is cut from the even one above it.
/// Source: Han et al., GhostNet, arXiv:1911.11907, figure 2b.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GhostModuleConfig<K = PlainConv> {
    c_in: usize,
    c_out: usize,
    activation: Activation,
    kind: K,
}

/// See [`GhostModuleConfig`].
#[derive(Module, Debug)]
pub struct GhostModule<C: Module> {
    primary_conv: (C, BatchNorm2d),
    cheap_operation: (C, BatchNorm2d),
    c_out: usize,
    #[module(skip)]
    activation: Activation,
}

impl<C: Module + Fold> Fuse for GhostModule<C> {
    fn fuse(&mut self) {
        self.primary_conv.fuse();
        self.cheap_operation.fuse();
    }
}

/// A kind of convolution that Ghost modules can be made of.
pub trait GhostKind: Copy + Default + std::fmt::Debug + PartialEq {
    /// The burn module.
    type Layer: Module + ModuleDisplay;

    /// Output shape; the cost goes to the tally.
    fn trace_one(conv: ConvShape, x: Shape, tally: &mut Tally) -> Shape;

    /// The module with fresh weights.
    fn init(conv: ConvShape, init: &Initializer) -> Self::Layer;

    /// The convolution, normalised and under an activation: `[batch, c_in, h, w]` to
    /// `[batch, c_out, h, w]`.
    fn forward<M: FeatureMap>(
        layer: &Self::Layer,
        bn: &BatchNorm2d,
        activation: Activation,
        x: M,
    ) -> M;
}

/// One kernel for all images.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlainConv;

/// A kernel for each image: see [`DynamicConv`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerImageConv;

impl GhostKind for PlainConv {
    /// The burn module.
    type Layer = Conv2d;

    fn trace_one(conv: ConvShape, x: Shape, tally: &mut Tally) -> Shape {
        tally.conv(conv, false, x)
    }

    fn init(conv: ConvShape, init: &Initializer) -> Conv2d {
        conv2d(conv, false, init)
    }

    fn forward<M: FeatureMap>(layer: &Conv2d, bn: &BatchNorm2d, activation: Activation, x: M) -> M {
        conv_norm_act(layer, bn, activation, x)
    }
}

impl GhostKind for PerImageConv {
    /// The burn module.
    type Layer = DynamicConv;

    fn trace_one(conv: ConvShape, x: Shape, tally: &mut Tally) -> Shape {
        DynamicConvConfig { conv }.trace_one(x, tally)
    }

    fn init(conv: ConvShape, init: &Initializer) -> DynamicConv {
        DynamicConv::new(&DynamicConvConfig { conv }, init)
    }

    fn forward<M: FeatureMap>(
        layer: &DynamicConv,
        bn: &BatchNorm2d,
        activation: Activation,
        x: M,
    ) -> M {
        match layer.is_folded() {
            true => layer.forward(activation, x),
            false => bn.forward_activated(layer.forward(Activation::Identity, x), activation),
        }
    }
}

impl<K: GhostKind> GhostModuleConfig<K> {
    /// With ReLU.
    pub fn new(c_in: usize, c_out: usize) -> Self {
        Self {
            c_in,
            c_out,
            activation: Activation::Relu,
            kind: K::default(),
        }
    }

    /// The same with another activation.
    pub fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// The primary and the cheap convolution.
    fn convs(&self) -> [ConvShape; 2] {
        let half = self.c_out.div_ceil(2);
        [
            ConvShape::new(self.c_in, half, 1, 1),
            ConvShape::new(half, half, 3, 1).groups(half),
        ]
    }
}

/// In place of a bottleneck, whose kernels, shortcut and groups have no meaning here.
impl<K: GhostKind> Link for GhostModuleConfig<K> {
    /// The burn module.
    type Layer = GhostModule<K::Layer>;

    fn new(bottleneck: BottleneckConfig) -> Self {
        Self::new(bottleneck.c_in, bottleneck.c_out)
    }

    fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let y = self.convs().into_iter().fold(x, |x, conv| {
            let y = K::trace_one(conv, x, tally);
            tally.batch_norm(y)
        });
        Shape::new(self.c_out, y.h, y.w)
    }

    fn init(&self, init: &Initializer) -> GhostModule<K::Layer> {
        let [primary_conv, cheap_operation] = self
            .convs()
            .map(|conv| (K::init(conv, init), BatchNorm2d::new(conv.c_out, init)));
        GhostModule {
            primary_conv,
            cheap_operation,
            c_out: self.c_out,
            activation: self.activation,
        }
    }

    on_map!(layer: GhostModule<K::Layer>, x => layer.forward_with::<K, _>(x));
}

impl<C: Module> GhostModule<C> {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward_with<K: GhostKind<Layer = C>, M: FeatureMap>(&self, x: M) -> M {
        let step = |(conv, bn): &(C, BatchNorm2d), x| K::forward(conv, bn, self.activation, x);
        let primary = step(&self.primary_conv, x);
        let cheap = step(&self.cheap_operation, primary.clone());
        let both = M::concatenated(vec![primary, cheap]);
        // An odd number of channels is one less than both have.
        match both.shape()[1] > self.c_out {
            true => both.channels(0, self.c_out),
            false => both,
        }
    }
}
