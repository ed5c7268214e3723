//! Transposed convolution.

use burn::tensor::{
    Tensor, module::conv_transpose2d as burn_conv_transpose2d, ops::ConvTransposeOptions,
};

use crate::count;

/// A transposed convolution's geometry, the same in both directions. The kernel's side is that of
/// its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose2d {
    /// Step of the kernel over the output.
    pub stride: usize,
    /// Rows and columns cut from each side of the output.
    pub padding: usize,
    /// Rows and columns added at the output's end; fewer than the stride or the dilation.
    pub output_padding: usize,
    /// Step between the kernel's elements.
    pub dilation: usize,
    /// Groups of channels that are convolved apart.
    pub groups: usize,
}

impl ConvTranspose2d {
    /// Nothing cut, added or dilated, one group.
    pub fn new(stride: usize) -> Self {
        Self {
            stride,
            padding: 0,
            output_padding: 0,
            dilation: 1,
            groups: 1,
        }
    }
}

/// The convolution's transpose: each element of the input times the kernel, added up where they
/// overlap.
///
/// `x` is `[batch, channels in, height, width]`, `weight`
/// `[channels in, channels out / groups, kernel, kernel]`, `bias` `[channels out]`; gives
/// `[batch, channels out, …, …]` with sides of
/// `(side - 1) · stride - 2 · padding + dilation · (kernel - 1) + output padding + 1`.
/// Differentiable on a training device.
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: ConvTranspose2d,
) -> Tensor<4> {
    let [_, c_out, height, width] = weight.dims();
    // Each element of the input meets the whole kernel.
    count::add(|| (x.shape().num_elements() * c_out * height * width) as u64);
    let options = ConvTransposeOptions::new(
        [geometry.stride; 2],
        [geometry.padding; 2],
        [geometry.output_padding; 2],
        [geometry.dilation; 2],
        geometry.groups,
    );
    burn_conv_transpose2d(x, weight, bias, options)
}
