//! The order in memory of kernels, and with them of maps: channels last, on a CPU.
//!
//! A convolution keeps the order that its input or its kernel has, and what stands between
//! convolutions keeps its input's. oneDNN's convolutions read and write this order as it is;
//! PyTorch's usual one, channel by channel, they rearrange before and after.

use burn::backend::{LibTorch, libtorch::TchTensor};
use burn::tensor::Tensor;

use super::recorded::untracked;

/// The same weight in the order that LibTorch's convolutions are fastest with; any tensor but a
/// kernel of LibTorch's CPU as it is.
pub fn arranged<const D: usize>(weight: Tensor<D>) -> Tensor<D> {
    let learns = weight.is_require_grad();
    match untracked(&weight.clone().inner()) {
        Some(found) if D == 4 => {
            let arranged =
                Tensor::from_primitive::<LibTorch>(TchTensor::new(channels_last(&found.tensor)));
            if weight.is_autodiff() {
                Tensor::from_inner(arranged).set_require_grad(learns)
            } else {
                arranged
            }
        }
        _ => weight,
    }
}

/// A kernel `[channels out, channels in, height, width]` with its channels side by side in memory.
/// A kernel that is already, and one on another device than a CPU, is not copied.
pub fn channels_last(kernel: &tch::Tensor) -> tch::Tensor {
    let (_, channels, height, width) = kernel.size4().expect("a kernel has four sides");
    let strides = [channels * height * width, 1, channels * width, channels];
    // Of one number or one channel only, both orders are the same.
    if kernel.device() != tch::Device::Cpu
        || channels == 1
        || height * width == 1
        || kernel.stride() == strides
    {
        return kernel.shallow_clone();
    }
    kernel
        .permute([0, 2, 3, 1])
        .contiguous()
        .permute([0, 3, 1, 2])
}
