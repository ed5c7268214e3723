//! Number formats of a forward pass, and what rounding to them does to the outputs.

use std::sync::atomic::{AtomicBool, Ordering};

use ablate_model::{Detector, graph::Graph};
use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{DType, Device, Tensor};
use clap::ValueEnum;

use super::timing::{Protocol, images};
use crate::libraries::TF32 as OVERRIDE;

/// Number format of weights and activations: 32 bits, the same with products rounded to TF32's 10
/// bits, IEEE half precision, or the upper half of 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "clap would print them beside each value, which lengthens the help"
)]
pub enum Precision {
    #[default]
    F32,
    Tf32,
    F16,
    Bf16,
}

/// Whether LibTorch rounds to TF32 at the moment; the program begins without.
static TF32: AtomicBool = AtomicBool::new(false);

/// Holds LibTorch to a [`Precision`]; after it, to what was before.
pub struct Hold {
    before: bool,
}

impl Hold {
    fn set(tf32: bool) -> Self {
        let before = TF32.swap(tf32, Ordering::Relaxed);
        ablate_kernels::allow_tf32(tf32);
        Self { before }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        TF32.store(self.before, Ordering::Relaxed);
        ablate_kernels::allow_tf32(self.before);
    }
}

impl Precision {
    /// As the user writes it: `f32`, `tf32`, `f16`, `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tf32 => "tf32",
            other => other.dtype().name(),
        }
    }

    /// Has LibTorch round products to TF32, or not, as long as what it gives lives. Of a device that is open.
    #[must_use]
    pub fn hold(self) -> Hold {
        Hold::set(self == Self::Tf32)
    }

    /// As Burn names it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }

    /// # Errors
    /// If the device can't compute in it.
    pub fn check(self, device: &Device) -> Result<()> {
        ensure!(
            self != Self::Tf32 || ablate_kernels::cuda_index(device).is_some(),
            "the device does not support tf32, which LibTorch has on NVIDIA's GPUs (tch:cuda:0); use f32"
        );
        if let (Self::Tf32, Some(value)) = (self, std::env::var_os(OVERRIDE)) {
            bail!(
                "{OVERRIDE} is {}, which keeps tf32 off: unset it",
                value.display()
            );
        }
        ensure!(
            device.supports_dtype(self.dtype()),
            "the device does not support {}; use f32",
            self.name()
        );
        Ok(())
    }
}

/// Values of a prediction that are its box.
const BOX: usize = 4;

/// The largest difference that rounding makes to a decoded output of a model with random weights on
/// random images: of boxes as a share of the largest coordinate, of all else as a share of the
/// largest probability, whichever is more; None for 32 bits.
///
/// # Errors
/// A device that can't compute in the format, an output that is no number in it.
pub fn rounding_error(graph: &Graph, device: &Device, protocol: &Protocol) -> Result<Option<f64>> {
    if protocol.precision == Precision::F32 {
        return Ok(None);
    }
    protocol.precision.check(device)?;
    let detector = Detector::new(graph, 0, device).fuse();
    let images = images(graph, device, protocol);
    let outputs = |detector: &Detector, dtype: DType| -> Result<[Vec<f32>; 2]> {
        let decoded: Tensor<3> = detector.decode(detector.forward(images.clone().cast(dtype)));
        let channels = decoded.dims()[2];
        let read = |from: usize, to: usize| {
            decoded
                .clone()
                .narrow(2, from, to - from)
                .try_into_vec_as::<f32>()
        };
        Ok([
            read(0, BOX).context("cannot read the output")?,
            read(BOX, channels).context("cannot read the output")?,
        ])
    };
    let exact = {
        let _exact = Precision::F32.hold();
        outputs(&detector, DType::F32)?
    };
    let dtype = protocol.precision.dtype();
    let rounded = outputs(&detector.cast(dtype), dtype)?;
    let finite = rounded.iter().flatten().all(|value| value.is_finite());
    ensure!(
        finite,
        "an output is not finite in {}",
        protocol.precision.name()
    );
    let [boxes, rest] = [0, 1].map(|part| difference(&exact[part], &rounded[part]));
    Ok(Some(boxes.max(rest)))
}

/// The largest, as a share of the largest value.
fn difference(exact: &[f32], rounded: &[f32]) -> f64 {
    let largest = exact
        .iter()
        .fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let error = exact
        .iter()
        .zip(rounded)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    f64::from(error / largest)
}
