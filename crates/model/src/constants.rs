//! Tensors that are the same in each pass: made once for a device of LibTorch, and kept.
//!
//! To make one anew is an upload, for which a GPU's pass would wait, and which no pass that is captured may have.

use std::sync::Mutex;

use burn::tensor::{Device, Int, Tensor, TensorData};

/// What was made, as a flat tensor. Nothing is taken away: a graph may read it, and there are as many as shapes of images.
static MADE: Mutex<Vec<(Device, Key, Tensor<1>)>> = Mutex::new(Vec::new());

#[derive(Clone, PartialEq)]
enum Key {
    Values(Vec<u32>),
    /// Height and width, and what is added.
    Grid([usize; 2], u32),
}

/// A tensor of these values, in the order of its memory.
pub fn constant<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    let key = || Key::Values(values.iter().map(|value| value.to_bits()).collect());
    kept(device, key, || {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
    })
    .reshape(shape)
}

/// The column and row of every cell, moved by a part of a cell, `[1, 1, height, width, 2]`.
pub fn grid(height: usize, width: usize, by: f32, device: &Device) -> Tensor<5> {
    let make = || {
        let range = |n: usize| Tensor::<1, Int>::arange(0..n as i64, device).float();
        let x = range(width)
            .reshape([1, width, 1])
            .expand([height, width, 1]);
        let y = range(height)
            .reshape([height, 1, 1])
            .expand([height, width, 1]);
        Tensor::cat(vec![x, y], 2)
            .add_scalar(by)
            .reshape([height * width * 2])
    };
    kept(device, || Key::Grid([height, width], by.to_bits()), make)
        .reshape([1, 1, height, width, 2])
}

fn kept(device: &Device, key: impl FnOnce() -> Key, make: impl FnOnce() -> Tensor<1>) -> Tensor<1> {
    if !ablate_kernels::is_libtorch(device) {
        return make();
    }
    let key = key();
    let mut made = MADE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let is_it = |(on, of, _): &&(Device, Key, _)| {
        *of == key && on == device && on.is_autodiff() == device.is_autodiff()
    };
    if let Some((_, _, tensor)) = made.iter().find(is_it) {
        return tensor.clone();
    }
    let tensor = make();
    made.push((device.clone(), key, tensor.clone()));
    tensor
}
