//! The device of the tests that compare with PyTorch's figures: the CPU's own, or what
//! `ABLATE_TEST_DEVICE` names.

use burn::tensor::Device;

/// # Panics
/// Where this build lacks the device's backend.
#[allow(deprecated, reason = "burn-tch is deprecated as a whole")]
pub fn device() -> Device {
    match std::env::var("ABLATE_TEST_DEVICE")
        .as_deref()
        .unwrap_or("flex")
    {
        "flex" => Device::flex(),
        #[cfg(feature = "tch")]
        "tch" => Device::libtorch(),
        #[cfg(feature = "tch")]
        "tch:cuda:0" => {
            ablate_kernels::allow_tf32(false);
            Device::libtorch_cuda(0)
        }
        #[cfg(feature = "wgpu")]
        "wgpu" | "wgpu:0" => Device::wgpu(Default::default()),
        #[cfg(feature = "vulkan")]
        "vulkan" | "vulkan:0" => Device::vulkan(Default::default()),
        #[cfg(feature = "metal")]
        "metal" | "metal:0" => Device::metal(Default::default()),
        #[cfg(feature = "cuda")]
        "cuda" | "cuda:0" => Device::cuda(0),
        name => panic!("ABLATE_TEST_DEVICE={name}: this build of the tests has no such device"),
    }
}
