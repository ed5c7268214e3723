//! GPUs, and how LibTorch uses NVIDIA's.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::libtorch;

/// Whether a device works on its own while the program goes on: all but the CPUs of Flex and of LibTorch.
pub fn is_gpu(device: &Device) -> bool {
    let device = device.clone().inner();
    #[cfg(feature = "tch")]
    #[allow(deprecated, reason = "burn-tch is deprecated as a whole")]
    if device == Device::libtorch() {
        return false;
    }
    device != Device::flex()
}

/// Whether it is LibTorch's CPU, or an NVIDIA GPU by it.
pub fn is_libtorch(device: &Device) -> bool {
    libtorch::is_libtorch(device)
}

/// LibTorch's index of an NVIDIA GPU; None for another device.
pub fn cuda_index(device: &Device) -> Option<usize> {
    libtorch::cuda_index(device)
}

/// Whether LibTorch's products of 32-bit numbers may be rounded to TF32's 10 bits on NVIDIA's GPUs, in convolutions
/// (cuDNN) and matrix products (cuBLAS). By itself LibTorch does so in convolutions. It holds for the process.
pub fn allow_tf32(allow: bool) {
    libtorch::allow_tf32(allow);
}

/// Forgets the most memory that LibTorch held of a GPU, after it gave back what it keeps for reuse. Does nothing on
/// other devices.
pub fn forget_peak_memory(device: &Device) {
    libtorch::forget_peak_memory(device);
}

/// The most memory, in bytes, that LibTorch's allocator held of a GPU at once since it was told to forget; None for other
/// devices.
pub fn peak_memory(device: &Device) -> Option<usize> {
    libtorch::peak_memory(device)
}

/// The version of LibTorch that this was built against: `2.9.0`; None without it.
pub fn libtorch_version() -> Option<String> {
    libtorch::libtorch_version()
}

/// Values as a tensor of a device. Where the device is LibTorch's GPU, nothing waits for it: the work that reads the tensor comes
/// after the upload, and the caller goes on meanwhile.
///
/// # Panics
/// If the shape has another number of values.
pub fn uploaded<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    match libtorch::upload(&values, shape, device) {
        Some(tensor) if device.is_autodiff() => Tensor::from_inner(tensor),
        Some(tensor) => tensor,
        None => Tensor::from_data(TensorData::new(values, shape), device),
    }
}

/// The same of integers.
///
/// # Panics
/// If the shape has another number of values.
pub fn uploaded_integers<const D: usize>(
    values: Vec<i32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D, Int> {
    match libtorch::upload_integers(&values, shape, device) {
        Some(tensor) if device.is_autodiff() => Tensor::from_inner(tensor),
        Some(tensor) => tensor,
        None => Tensor::from_data(TensorData::new(values, shape), device),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_no_gpu() {
        assert!(!is_gpu(&Device::flex()));
        assert!(!is_gpu(&Device::flex().autodiff()));
    }

    #[cfg(feature = "tch")]
    #[test]
    #[allow(deprecated, reason = "burn-tch is deprecated as a whole")]
    fn libtorchs_cpu_is_none_either() {
        assert!(!is_gpu(&Device::libtorch().autodiff()));
        assert!(is_gpu(&Device::libtorch_cuda(0).autodiff()));
    }

    #[cfg(feature = "wgpu")]
    #[test]
    fn what_wgpu_has_is_one() {
        assert!(is_gpu(&Device::wgpu(Default::default()).autodiff()));
    }
}
