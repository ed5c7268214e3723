//! Whether a device is a GPU, for which reading back and many small uploads are dear.

use burn::tensor::Device;

/// Whether tensors of a device are computed elsewhere than on the CPU.
pub(super) fn on_gpu(device: &Device) -> bool {
    let device = device.clone().inner();
    #[cfg(feature = "tch")]
    #[allow(deprecated, reason = "burn-tch is deprecated as a whole")]
    if device == Device::libtorch() {
        return false;
    }
    device != Device::flex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_no_gpu() {
        assert!(!on_gpu(&Device::flex()));
        assert!(!on_gpu(&Device::flex().autodiff()));
    }

    #[cfg(feature = "tch")]
    #[allow(deprecated, reason = "burn-tch is deprecated as a whole")]
    #[test]
    fn libtorch_has_both() {
        assert!(!on_gpu(&Device::libtorch().autodiff()));
        assert!(on_gpu(&Device::libtorch_cuda(0).autodiff()));
    }

    #[cfg(feature = "wgpu")]
    #[test]
    fn wgpu_is_a_gpu() {
        assert!(on_gpu(&Device::wgpu(Default::default()).autodiff()));
    }
}
