//! YOLOv5's anchor-based head.

use burn::{
    module::{Module, Param},
    nn::conv::Conv2d,
    tensor::Tensor,
};

use crate::{
    blocks::conv::{conv2d, convolve},
    coding::DetectConfig,
    fuse::fuse,
    inference::FeatureMap,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// YOLOv5's anchor-based head: a 1×1 convolution for each level, to (classes + 5) numbers for each
/// anchor: centre, size, objectness, classes.
#[derive(Module, Debug)]
pub struct AnchorDetect {
    pub(super) m: Vec<Conv2d>,
}

fuse!(AnchorDetect:);

impl DetectConfig {
    fn anchor_conv(&self, level: usize) -> ConvShape {
        ConvShape::new(
            self.channels[level],
            self.boxes_per_cell() * self.outputs(),
            1,
            1,
        )
    }

    pub(super) fn trace_anchors(&self, inputs: &[Shape], tally: &mut Tally) -> Vec<Shape> {
        inputs
            .iter()
            .enumerate()
            .map(|(level, x)| tally.conv(self.anchor_conv(level), true, *x))
            .collect()
    }
}

impl AnchorDetect {
    /// Fresh weights, with the bias that says what is likely before anything is learnt: eight
    /// objects in an image of 640 pixels, and each class with 0.6 of an even chance. Source: Lin et
    /// al., Focal Loss, arXiv:1708.02002, 3.3.
    pub(super) fn new(config: &DetectConfig, init: &Initializer) -> Self {
        let level = |level: usize| {
            let mut conv = conv2d(config.anchor_conv(level), true, init);
            let cells = (640.0 / config.strides[level] as f64).powi(2);
            let mut prior = vec![0.0; config.outputs()];
            prior[4] = (8.0 / cells).ln();
            prior[5..5 + config.nc].fill((0.6 / (config.nc as f64 - 0.99999)).ln());
            add_prior(&mut conv, &prior.repeat(config.boxes_per_cell()));
            conv
        };
        Self {
            m: (0..config.channels.len()).map(level).collect(),
        }
    }

    /// A map `[batch, c, h, w]` for each level to its raw outputs,
    /// `[batch, anchors · (classes + 5), h, w]`.
    pub(super) fn forward<M: FeatureMap>(&self, levels: Vec<M>) -> Vec<M> {
        self.m
            .iter()
            .zip(levels)
            .map(|(conv, x)| convolve(conv, x))
            .collect()
    }
}

/// Adds a prior to a convolution's bias, one value for each output channel.
fn add_prior(conv: &mut Conv2d, prior: &[f64]) {
    if let Some(bias) = conv.bias.take() {
        let prior: Vec<f32> = prior.iter().map(|p| *p as f32).collect();
        let prior = Tensor::from_floats(prior.as_slice(), &bias.device());
        conv.bias = Some(Param::from_tensor((bias.val() + prior).detach()));
    }
}
