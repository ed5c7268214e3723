//! A forward pass as TorchScript.

use std::ffi::c_char;

use burn::{
    backend::{LibTorch, libtorch::TchTensor},
    tensor::{DType, Tensor},
};
use torch_sys::C_tensor;

use super::{called::called, recorded::untracked};

/// A pass that was recorded.
pub struct Captured {
    script: Script,
    images: TchTensor,
}

/// Runs before the first replay: in these LibTorch looks at shapes, and compiles.
const COMPILED: usize = 3;

/// Share of the largest value by which the pass's and the script's may differ.
const TOLERANCE: f64 = 1e-3;

/// Why this build can't record; None where it can.
pub fn refused() -> Option<String> {
    // SAFETY: it reads nothing.
    #[allow(unsafe_code)]
    let is_built = unsafe { ablate_script_is_built() };
    (!is_built)
        .then(|| "this LibTorch has no oneDNN Graph: those for Linux on x86-64 have it".into())
}

impl Captured {
    pub fn new(
        images: &Tensor<4>,
        mut pass: impl FnMut(Tensor<4>) -> Tensor<3>,
    ) -> Result<Self, String> {
        if images.dtype() == DType::F16 {
            return Err("oneDNN Graph computes f32 and bf16, not f16".into());
        }
        let found = untracked(images).ok_or("expected images outside of training")?;
        let expected = pass(images.clone());
        let recording = Recording::begin(&found.tensor)?;
        let output = untracked(&pass(images.clone())).ok_or("expected an output of LibTorch")?;
        let captured = Self {
            script: recording.end(&output.tensor)?,
            images: found,
        };
        for _ in 0..COMPILED {
            captured.replay()?;
        }
        captured.check(&expected)?;
        Ok(captured)
    }

    /// # Errors
    /// A script that computes something else than the pass: what it did besides LibTorch's operations
    /// was not recorded.
    fn check(&self, expected: &Tensor<3>) -> Result<(), String> {
        let largest = |tensor: Tensor<3>| tensor.abs().max().into_scalar::<f64>();
        let difference = largest(self.replay()? - expected.clone());
        let size = largest(expected.clone());
        // A NaN is no match either.
        if difference <= TOLERANCE * size {
            return Ok(());
        }
        Err(format!(
            "the recorded pass gives other values than the pass: they differ by {difference:.3e}, the largest is {size:.3e}"
        ))
    }

    pub fn replay(&self) -> Result<Tensor<3>, String> {
        let found = self.script.run(&self.images.tensor)?;
        Ok(Tensor::from_primitive::<LibTorch>(TchTensor::new(found)))
    }
}

/// Operations of this thread are being recorded; no longer once it is dropped.
struct Recording(());

impl Recording {
    fn begin(input: &tch::Tensor) -> Result<Self, String> {
        // SAFETY: the tensor is one, and the text has the room that is said.
        #[allow(unsafe_code)]
        called(|error, room| unsafe { ablate_script_begin(input.as_ptr(), error, room) })?;
        Ok(Self(()))
    }

    fn end(self, output: &tch::Tensor) -> Result<Script, String> {
        let mut found = std::ptr::null_mut();
        // SAFETY: as before, with room for the pointer.
        #[allow(unsafe_code)]
        called(|error, room| unsafe {
            ablate_script_end(output.as_ptr(), &mut found, error, room)
        })?;
        Ok(Script(found))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // SAFETY: it reads nothing; of an ended recording it leaves nothing to do.
        #[allow(unsafe_code)]
        unsafe {
            ablate_script_abandon();
        }
    }
}

/// Owns the object of `script.cpp`.
struct Script(*mut Opaque);

#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

impl Script {
    fn run(&self, input: &tch::Tensor) -> Result<tch::Tensor, String> {
        let mut found = std::ptr::null_mut();
        // SAFETY: the object lives as long as this one; there is room for the tensor, and for the text
        // as much as is said.
        #[allow(unsafe_code)]
        called(|error, room| unsafe {
            ablate_script_run(self.0, input.as_ptr(), &mut found, error, room)
        })?;
        // SAFETY: it worked, and nothing else owns the tensor.
        #[allow(unsafe_code)]
        Ok(unsafe { tch::Tensor::from_ptr(found) })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // SAFETY: nobody else has the object.
        #[allow(unsafe_code)]
        unsafe {
            ablate_script_free(self.0);
        }
    }
}

#[allow(unsafe_code)]
unsafe extern "C" {
    // See `script.cpp`.
    fn ablate_script_is_built() -> bool;
    fn ablate_script_begin(input: *const C_tensor, error: *mut c_char, room: usize) -> bool;
    fn ablate_script_abandon();
    fn ablate_script_end(
        output: *const C_tensor,
        found: *mut *mut Opaque,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_script_run(
        script: *mut Opaque,
        input: *const C_tensor,
        output: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_script_free(script: *mut Opaque);
}
