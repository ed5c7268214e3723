//! How LibTorch uses a GPU.

use std::ffi::{CStr, c_char, c_void};

use burn::{
    backend::{LibTorch, libtorch::TchTensor},
    tensor::{Device, Int, Tensor},
};
use torch_sys::C_tensor;

use super::called::called;

/// See [`crate::is_libtorch`].
pub fn is_libtorch(device: &Device) -> bool {
    device.clone().inner() == Device::libtorch() || cuda_index(device).is_some()
}

/// LibTorch's index of an NVIDIA GPU; None for another device.
pub fn cuda_index(device: &Device) -> Option<usize> {
    let device = device.clone().inner();
    (0..tch::Cuda::device_count() as usize).find(|index| device == Device::libtorch_cuda(*index))
}

/// See [`crate::allow_tf32`].
pub fn allow_tf32(allow: bool) {
    // SAFETY: the text has the room that is said.
    #[allow(unsafe_code)]
    let set = called(|error, room| unsafe { ablate_allow_tf32(allow, error, room) });
    set.expect("LibTorch knows TF32");
}

/// See [`crate::forget_peak_memory`].
pub fn forget_peak_memory(device: &Device) {
    let Some(index) = cuda_index(device) else {
        return;
    };
    // SAFETY: the text has the room that is said.
    #[allow(unsafe_code)]
    let forgot =
        called(|error, room| unsafe { ablate_forget_peak_memory(index as i32, error, room) });
    // Then the peak is of more than was asked for.
    let _ = forgot;
}

/// See [`crate::peak_memory`].
pub fn peak_memory(device: &Device) -> Option<usize> {
    let index = cuda_index(device)?;
    let mut bytes = 0;
    // SAFETY: there is room for the number, and for the text as much as is said.
    #[allow(unsafe_code)]
    called(|error, room| unsafe { ablate_peak_memory(index as i32, &mut bytes, error, room) })
        .ok()?;
    Some(bytes)
}

/// See [`crate::uploaded`]; None for another device.
pub fn upload<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    device: &Device,
) -> Option<Tensor<D>> {
    // SAFETY: they are floats, as is said.
    #[allow(unsafe_code)]
    let found = unsafe { copied(values, true, shape, device)? };
    Some(Tensor::from_primitive::<LibTorch>(TchTensor::new(found)))
}

/// See [`crate::uploaded_integers`]; None for another device.
pub fn upload_integers<const D: usize>(
    values: &[i32],
    shape: [usize; D],
    device: &Device,
) -> Option<Tensor<D, Int>> {
    cuda_index(device)?;
    // As Burn has them on LibTorch.
    let values: Vec<i64> = values.iter().map(|value| i64::from(*value)).collect();
    // SAFETY: they are integers, as is said.
    #[allow(unsafe_code)]
    let found = unsafe { copied(&values, false, shape, device)? };
    Some(Tensor::from_primitive::<LibTorch>(TchTensor::new(found)))
}

/// # Safety
/// The values are 32-bit floats or 64-bit integers, whichever is said.
#[allow(unsafe_code)]
unsafe fn copied<T, const D: usize>(
    values: &[T],
    floats: bool,
    shape: [usize; D],
    device: &Device,
) -> Option<tch::Tensor> {
    let index = cuda_index(device)?;
    assert_eq!(
        values.len(),
        shape.iter().product::<usize>(),
        "values of the shape"
    );
    let shape = shape.map(|side| side as i64);
    let mut found = std::ptr::null_mut();
    let copied = called(|error, room| {
        // SAFETY: there are as many values as the shape has, room for the tensor, and for the text
        // as much as is said.
        unsafe {
            ablate_upload(
                values.as_ptr().cast(),
                floats,
                shape.as_ptr(),
                D,
                index as i32,
                &mut found,
                error,
                room,
            )
        }
    });
    copied.unwrap_or_else(|error| panic!("LibTorch's upload failed: {error}"));
    // SAFETY: it worked, and nothing else owns the tensor.
    Some(unsafe { tch::Tensor::from_ptr(found) })
}

/// See [`crate::libtorch_version`].
pub fn libtorch_version() -> Option<String> {
    // SAFETY: it is a constant text that ends with a zero.
    #[allow(unsafe_code)]
    let text = unsafe { CStr::from_ptr(ablate_libtorch_version()) };
    Some(text.to_string_lossy().into_owned())
}

#[allow(unsafe_code)]
unsafe extern "C" {
    // See `gpu.cpp`.
    fn ablate_allow_tf32(allow: bool, error: *mut c_char, room: usize) -> bool;
    fn ablate_forget_peak_memory(index: i32, error: *mut c_char, room: usize) -> bool;
    fn ablate_peak_memory(index: i32, bytes: *mut usize, error: *mut c_char, room: usize) -> bool;
    fn ablate_upload(
        values: *const c_void,
        floats: bool,
        shape: *const i64,
        rank: usize,
        index: i32,
        found: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_libtorch_version() -> *const c_char;
}
