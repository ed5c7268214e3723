//! A map on the host.

use burn::tensor::{Device, Tensor, TensorData};

/// See the module.
pub(crate) struct Map {
    /// `[batch, channels, height, width]`, in whatever order the numbers are.
    pub shape: [usize; 4],
    /// By planes or by pixels.
    pub values: Vec<f32>,
}

impl Map {
    /// Of a map by planes.
    pub fn tensor(&self, device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.values.clone(), self.shape), device)
    }
}
