//! Steps of optimizers over many parameters at once.

use std::{ffi::c_char, ptr};

use burn::{
    backend::{LibTorch, libtorch::TchTensor},
    tensor::{DType, Tensor},
};
use torch_sys::C_tensor;

use super::{called::called, recorded::untracked};
use crate::{Adam, Clip, Sgd};

/// Tensors of LibTorch, of any ranks. Each comes with its storage, so that Burn sees it in use and changes nothing in place.
#[derive(Default)]
pub struct Tensors(Vec<TchTensor>);

impl Tensors {
    /// The tensor as one of these; None if it is not LibTorch's, or of other numbers than 32 bits.
    pub fn hold<const D: usize>(tensor: &Tensor<D>) -> Option<Held> {
        (tensor.dtype() == DType::F32)
            .then(|| untracked(tensor))
            .flatten()
            .map(Held)
    }

    pub fn push(&mut self, Held(tensor): Held) {
        self.0.push(tensor);
    }

    /// Gives the tensors back, one by one.
    pub fn into_each(self) -> std::vec::IntoIter<Held> {
        let each: Vec<Held> = self.0.into_iter().map(Held).collect();
        each.into_iter()
    }

    fn pointers(&self) -> Vec<*const C_tensor> {
        self.0.iter().map(|held| held.tensor.as_ptr()).collect()
    }

    /// So many that a call makes.
    ///
    /// # Panics
    /// If LibTorch fails, as its operations do elsewhere.
    fn made<const N: usize>(
        count: usize,
        call: impl FnOnce([*mut *mut C_tensor; N], *mut c_char, usize) -> bool,
    ) -> [Self; N] {
        let mut found = [(); N].map(|()| vec![ptr::null_mut(); count]);
        let room = found.each_mut().map(|found| found.as_mut_ptr());
        if let Err(error) = called(|error, length| call(room, error, length)) {
            panic!("LibTorch's step failed: {error}");
        }
        // SAFETY: where the call worked, each is a new tensor that nothing else owns.
        #[allow(unsafe_code)]
        let owned = |found: Vec<*mut C_tensor>| unsafe {
            let tensors = found
                .into_iter()
                .map(|found| TchTensor::new(tch::Tensor::from_ptr(found)));
            Self(tensors.collect())
        };
        found.map(owned)
    }
}

/// A tensor of LibTorch.
pub struct Held(TchTensor);

impl Held {
    pub fn tensor<const D: usize>(self) -> Tensor<D> {
        Tensor::from_primitive::<LibTorch>(self.0)
    }
}

/// As [`crate::sgd`] of each.
pub fn sgd(
    values: &Tensors,
    gradients: &Tensors,
    buffers: Option<&Tensors>,
    by: Sgd,
) -> [Tensors; 2] {
    let [values, gradients] = [values, gradients].map(Tensors::pointers);
    let buffers = buffers.map(Tensors::pointers);
    Tensors::made(values.len(), |[new_values, new_buffers], error, room| {
        // SAFETY: the pointers are to tensors that live until the return; there is room for as
        // many as there are values, and for the text as much as is said.
        #[allow(unsafe_code)]
        unsafe {
            ablate_sgd(
                values.as_ptr(),
                gradients.as_ptr(),
                start(buffers.as_ref()),
                values.len(),
                by.weight_decay,
                by.momentum,
                by.lr,
                new_values,
                new_buffers,
                error,
                room,
            )
        }
    })
}

/// As [`crate::adam`] of each.
pub fn adam(
    values: &Tensors,
    gradients: &Tensors,
    averages: Option<[&Tensors; 2]>,
    by: Adam,
) -> [Tensors; 3] {
    let [values, gradients] = [values, gradients].map(Tensors::pointers);
    let averages = averages.map(|averages| averages.map(Tensors::pointers));
    let [average, square] = match &averages {
        Some([average, square]) => [average.as_ptr(), square.as_ptr()],
        None => [ptr::null(); 2],
    };
    let [correction1, correction2] = by.corrections();
    Tensors::made(
        values.len(),
        |[new_values, new_averages, new_squares], error, room| {
            // SAFETY: as in `sgd`.
            #[allow(unsafe_code)]
            unsafe {
                ablate_adam(
                    values.as_ptr(),
                    gradients.as_ptr(),
                    average,
                    square,
                    values.len(),
                    by.weight_decay,
                    by.shrink,
                    by.betas[0],
                    by.betas[1],
                    by.epsilon,
                    correction2.sqrt(),
                    by.lr / correction1,
                    new_values,
                    new_averages,
                    new_squares,
                    error,
                    room,
                )
            }
        },
    )
}

/// As [`crate::moving_average`] of each.
pub fn moving_average(averages: &Tensors, values: &Tensors, decay: f64) -> Tensors {
    let [averages, values] = [averages, values].map(Tensors::pointers);
    let [found] = Tensors::made(values.len(), |[found], error, room| {
        // SAFETY: as in `sgd`.
        #[allow(unsafe_code)]
        unsafe {
            ablate_moving_average(
                averages.as_ptr(),
                values.as_ptr(),
                values.len(),
                decay,
                found,
                error,
                room,
            )
        }
    });
    found
}

/// As [`crate::Clip`] has it: the gradients, and their norm before.
pub fn clip(gradients: &Tensors, Clip { most, scale }: Clip) -> (Tensors, Held) {
    let pointers = gradients.pointers();
    let mut norm = ptr::null_mut();
    let [found] = Tensors::made(pointers.len(), |[found], error, room| {
        // SAFETY: as in `sgd`, and there is room for the norm.
        #[allow(unsafe_code)]
        unsafe {
            ablate_clip(
                pointers.as_ptr(),
                pointers.len(),
                most,
                scale,
                found,
                &mut norm,
                error,
                room,
            )
        }
    });
    // SAFETY: the call worked, and nothing else owns it.
    #[allow(unsafe_code)]
    let norm = unsafe { tch::Tensor::from_ptr(norm) };
    (found, Held(TchTensor::new(norm)))
}

fn start(pointers: Option<&Vec<*const C_tensor>>) -> *const *const C_tensor {
    pointers.map_or(ptr::null(), |pointers| pointers.as_ptr())
}

#[allow(unsafe_code)]
unsafe extern "C" {
    // See `update.cpp`.
    fn ablate_sgd(
        values: *const *const C_tensor,
        gradients: *const *const C_tensor,
        buffers: *const *const C_tensor,
        count: usize,
        weight_decay: f64,
        momentum: f64,
        lr: f64,
        new_values: *mut *mut C_tensor,
        new_buffers: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_adam(
        values: *const *const C_tensor,
        gradients: *const *const C_tensor,
        averages: *const *const C_tensor,
        squares: *const *const C_tensor,
        count: usize,
        weight_decay: f64,
        shrink: f64,
        beta1: f64,
        beta2: f64,
        epsilon: f64,
        root2: f64,
        rate: f64,
        new_values: *mut *mut C_tensor,
        new_averages: *mut *mut C_tensor,
        new_squares: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_moving_average(
        averages: *const *const C_tensor,
        values: *const *const C_tensor,
        count: usize,
        decay: f64,
        found: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
    fn ablate_clip(
        gradients: *const *const C_tensor,
        count: usize,
        most: f64,
        scale: f64,
        found: *mut *mut C_tensor,
        norm: *mut *mut C_tensor,
        error: *mut c_char,
        room: usize,
    ) -> bool;
}
