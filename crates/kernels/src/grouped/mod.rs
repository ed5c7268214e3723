//! Grouped convolutions in training on the backends that run by CubeCL, the weight gradient of all
//! groups taken at once.
//!
//! Burn takes it group by group, which is a handful of launches for each channel of a depthwise
//! convolution.

#[cfg(any(test, feature = "wgpu", feature = "cuda"))]
mod gradient;

use burn::tensor::Tensor;

/// A convolution of several groups without bias or dilation; None if this module does not cover
/// it. `x` is `[batch, channels, height, width]`, `weight`
/// `[channels out, channels / groups, kernel, kernel]`.
pub fn conv2d(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    [stride, padding, groups]: [usize; 3],
) -> Option<Tensor<4>> {
    if groups == 1 {
        return None;
    }
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    {
        gradient::conv2d::<burn::backend::Cube>(x, weight, [stride, padding, groups])
    }
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    {
        let _ = (x, weight, stride, padding);
        None
    }
}
