//! Number formats of a forward pass, and what rounding to them does to the outputs.

use ablate_model::{Detector, graph::Graph};
use anyhow::{Context, Result, ensure};
use burn::tensor::{DType, Device, Tensor};
use clap::ValueEnum;

use super::latency::{Protocol, images};

/// The format of weights and maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    #[default]
    F32,
    F16,
    Bf16,
}

impl Precision {
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }

    /// # Errors
    /// Where the device can't compute in it.
    pub fn check(self, device: &Device) -> Result<()> {
        ensure!(device.supports_dtype(self.dtype()), "the device can't compute in {:?}; f32 would be right", self.dtype());
        Ok(())
    }
}

/// The largest difference that rounding makes to a decoded output of a model with random weights on random images, as a share of the
/// largest output.
pub fn rounding_error(graph: &Graph, device: &Device, protocol: &Protocol) -> Result<f64> {
    protocol.precision.check(device)?;
    let detector = Detector::new(graph, 0, device).fuse();
    let images = images(device, protocol);
    let outputs = |detector: &Detector, dtype: DType| -> Result<Vec<f32>> {
        let decoded: Tensor<3> = detector.decode(detector.forward(images.clone().cast(dtype)));
        decoded.try_into_vec_as::<f32>().context("the output can't be read")
    };
    let exact = outputs(&detector, DType::F32)?;
    let dtype = protocol.precision.dtype();
    let rounded = outputs(&detector.cast(dtype), dtype)?;
    let largest = exact.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let error = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    ensure!(rounded.iter().all(|value| value.is_finite()), "an output is no number in {dtype:?}");
    Ok(f64::from(error / largest))
}
