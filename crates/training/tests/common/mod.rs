//! Fixtures that PyTorch computed, and how far off we are.

// Each test file uses a part of it.
#![allow(dead_code, unused_imports)]

#[path = "../../../kernels/tests/support/device.rs"]
mod device;

use std::path::Path;

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use safetensors::SafeTensors;

pub use device::device;

pub struct Fixture(Vec<u8>);

impl Fixture {
    /// `tests/fixtures/losses/NAME.safetensors`.
    pub fn open(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/losses");
        Self(std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap())
    }

    pub fn shape(&self, key: &str) -> Vec<usize> {
        SafeTensors::deserialize(&self.0)
            .unwrap()
            .tensor(key)
            .unwrap()
            .shape()
            .to_vec()
    }

    pub fn bytes(&self, key: &str) -> Vec<u8> {
        SafeTensors::deserialize(&self.0)
            .unwrap()
            .tensor(key)
            .unwrap()
            .data()
            .to_vec()
    }

    pub fn values(&self, key: &str) -> Vec<f32> {
        let bytes = self.bytes(key);
        let (chunks, rest) = bytes.as_chunks::<4>();
        assert!(rest.is_empty());
        chunks
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()
    }

    /// Whose gradient is wanted.
    pub fn tensor<const D: usize>(&self, key: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.values(key), self.shape(key)), device).require_grad()
    }
}

/// The largest difference, as a share of the largest expected magnitude.
pub fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()));
    let scale = expected
        .iter()
        .fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
    let worst = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
        / scale;
    println!("off by {worst:e}");
    worst
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

/// Of the levels, in pixels.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Logits of all positions side by side, channels first, as a head without anchors gives them for
/// an image of this height and width.
pub fn by_level(all: &Tensor<3>, [height, width]: [usize; 2]) -> Vec<Tensor<5>> {
    let mut start = 0;
    let level = |stride: usize| {
        let (height, width) = (height / stride, width / stride);
        let [batch, outputs, _] = all.dims();
        let map = all
            .clone()
            .narrow(2, start, height * width)
            .swap_dims(1, 2)
            .reshape([batch, 1, height, width, outputs]);
        start += height * width;
        map
    };
    STRIDES.map(level).into()
}

/// Ways to assign cells, on the host and on the device; where the device is never asked to, the host alone.
pub fn ways() -> Vec<bool> {
    let device = device();
    match ablate_kernels::is_gpu(&device) && ablate_kernels::cuda_index(&device).is_none() {
        true => vec![false],
        false => vec![false, true],
    }
}
