//! What a graph says of a convolution.

use std::sync::Arc;

use crate::activation::Activation;

/// A convolution with bias and activation: what a folded Conv of a network is.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `[channels out, channels in / groups, kernel height, kernel width]`, row-major.
    pub weights: Arc<[f32]>,
    /// The weights' shape.
    pub shape: [usize; 4],
    /// One for each output channel.
    pub bias: Arc<[f32]>,
    /// Step of the kernel.
    pub stride: usize,
    /// Zeros above and below, and left and right.
    pub padding: [usize; 2],
    /// Step between the kernel's elements.
    pub dilation: usize,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
    /// Applied to what the convolution gives.
    pub activation: Activation,
}

impl Conv2d {
    /// Stride 1, no padding, no dilation, one group, no activation.
    pub fn new(weights: Vec<f32>, shape: [usize; 4], bias: Vec<f32>) -> Self {
        Self {
            weights: weights.into(),
            shape,
            bias: bias.into(),
            stride: 1,
            padding: [0; 2],
            dilation: 1,
            groups: 1,
            activation: Activation::Identity,
        }
    }

    /// Zero between channels of different groups, and for an output that only fills a block.
    pub(crate) fn weight(&self, out: usize, channel: usize, tap: usize) -> f32 {
        let [c_out, c_in, tall, wide] = self.shape;
        if out >= c_out || out / (c_out / self.groups) != channel / c_in {
            return 0.0;
        }
        self.weights[(out * c_in + channel % c_in) * tall * wide + tap]
    }

    /// Convolutions that differ in their weights alone: the kernels of one that has so many.
    pub(crate) fn kernels(&self, count: usize) -> Vec<Self> {
        let each = self.weights.len() / count;
        let kernels = self.weights.chunks_exact(each).map(|weights| Self {
            weights: weights.into(),
            ..self.clone()
        });
        kernels.collect()
    }

    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.shape[1] == 1 && self.shape[0] == self.groups
    }

    /// The output's shape, of a convolution with so many kernels.
    pub(crate) fn output(
        &self,
        [batch, channels, height, width]: [usize; 4],
        kernels: usize,
    ) -> Result<[usize; 4], String> {
        let [c_out, c_in, tall, wide] = self.shape;
        let groups = self.groups;
        if [c_out, c_in, tall, wide, groups, self.stride, self.dilation].contains(&0) {
            return Err("expected sides, channels, groups, stride and dilation above 0".into());
        }
        if !c_out.is_multiple_of(groups) || c_in * groups != channels {
            return Err(format!(
                "expected {c_in} channels in each of {groups} groups, and {c_out} outputs to divide \
                 into them, found {channels} channels"
            ));
        }
        let found = [self.weights.len(), self.bias.len()];
        let expected = [kernels * c_out * c_in * tall * wide, c_out];
        if found != expected {
            return Err(format!(
                "expected {} weights and {} biases, found {} and {}",
                expected[0], expected[1], found[0], found[1]
            ));
        }
        let side = |side: usize, padding: usize, kernel: usize| {
            let reach = (kernel - 1) * self.dilation + 1;
            (side + 2 * padding)
                .checked_sub(reach)
                .map(|rest| rest / self.stride + 1)
                .ok_or_else(|| format!("expected a side of at least {reach}, found {side}"))
        };
        Ok([
            batch,
            c_out,
            side(height, self.padding[0], tall)?,
            side(width, self.padding[1], wide)?,
        ])
    }
}
