//! Batch normalisation as PyTorch has it.

use ablate_kernels::{Activation, RunningStatistics, batch_norm, scale_shift};
use burn::{
    module::{Module, Param, RunningState},
    tensor::Tensor,
};

use super::{
    block::{Block, on_maps, only},
    row::RowReader,
};
use crate::{
    fuse::{Fold, Fuse, fuse},
    inference::FeatureMap,
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// Added to the variance: what the YOLO families set, where PyTorch's default is 1e-5.
pub(crate) const EPSILON: f64 = 1e-3;
/// Weight of the new batch in the running statistics; PyTorch's default is 0.1.
const MOMENTUM: f64 = 0.03;

/// Batch normalisation over `[batch, channels, height, width]` in PyTorch's conventions: on a
/// training device with the batch's own statistics, the running variance being the unbiased one;
/// elsewhere, and where its weight is frozen, with the running ones.
///
/// Burn's own layer keeps the biased variance, and its names are not those of a PyTorch state dict.
#[derive(Module, Debug)]
pub struct BatchNorm2d {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
}

impl BatchNorm2d {
    /// Weight 1, bias 0, running mean 0, running variance 1.
    pub fn new(channels: usize, init: &Initializer) -> Self {
        Self {
            weight: init.constant([channels], 1.0),
            bias: init.constant([channels], 0.0),
            running_mean: RunningState::new(Tensor::zeros([channels], init.device())),
            running_var: RunningState::new(Tensor::ones([channels], init.device())),
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward<M: FeatureMap>(&self, x: M) -> M {
        self.forward_activated(x, Activation::Identity)
    }

    /// The same, and an activation after it.
    pub fn forward_activated<M: FeatureMap>(&self, x: M, activation: Activation) -> M {
        x.normalised(
            |x| self.of_tensor(x, activation),
            || self.affine(),
            activation,
        )
    }

    fn of_tensor(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        if !(x.device().is_autodiff() && self.weight.is_require_grad()) {
            let (scale, shift) = self.affine();
            let [scale, shift] = [scale, shift].map(|values| match values.dtype() == x.dtype() {
                true => values,
                false => values.cast(x.dtype()),
            });
            return scale_shift(x, scale, shift, activation);
        }
        let [mean, variance] =
            [&self.running_mean, &self.running_var].map(|running| running.value_sync().inner());
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let running = RunningStatistics { mean, variance };
        let (y, running) = batch_norm(x, weight, bias, running, EPSILON, MOMENTUM, activation);
        self.running_mean.update(Tensor::from_inner(running.mean));
        self.running_var
            .update(Tensor::from_inner(running.variance));
        y
    }

    /// What the layer does at inference, as `y = scale · x + shift` by channel: both `[channels]`,
    /// in the weights' float format.
    pub fn affine(&self) -> (Tensor<1>, Tensor<1>) {
        let weight = self.weight.val();
        let [mean, variance] = [&self.running_mean, &self.running_var].map(|running| {
            let running = running.value_sync();
            if running.dtype() == weight.dtype() {
                running
            } else {
                running.cast(weight.dtype())
            }
        });
        let scale = weight / (variance + EPSILON).sqrt();
        let shift = self.bias.val() - mean * scale.clone();
        (scale, shift)
    }

    /// Folds the layer into the convolution before it, for inference alone.
    pub(crate) fn fold_into(&self, conv: &mut impl Fold) {
        let (scale, shift) = self.affine();
        conv.fold(scale, shift);
    }
}

impl<C: Fold> Fuse for (C, BatchNorm2d) {
    fn fuse(&mut self) {
        let (conv, bn) = self;
        bn.fold_into(conv);
    }
}

/// [`BatchNorm2d`] as a row, which says nothing more: `[]`, or the input's channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormConfig {
    channels: usize,
}

fuse!(BatchNorm2d:);

impl Block for BatchNormConfig {
    type Layer = BatchNorm2d;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(row.after_channels()?, "the input's channels")?;
        Ok(Self {
            channels: row.channels_in()?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![tally.batch_norm(inputs[0])])
    }

    fn init(&self, init: &Initializer) -> BatchNorm2d {
        BatchNorm2d::new(self.channels, init)
    }

    on_maps!(layer: BatchNorm2d, inputs => vec![layer.forward(only(inputs))]);

    fn arguments(&self) -> String {
        format!("[{}]", self.channels)
    }
}
