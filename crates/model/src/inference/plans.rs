//! The plans of a network, for the shapes of images that it has met last.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::traced::{Compiled, Traced};

/// Plans that are kept: a plan holds a copy of the weights.
const KEPT: usize = 2;

/// The plans of a fused network. Copies of the network share them.
#[derive(Clone, Default)]
pub(crate) struct Plans(Arc<Mutex<Vec<Kept>>>);

/// What a plan computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The head's raw maps.
    Raw,
    /// Maps that predictions are decoded from.
    Likely,
}

/// A map on the host.
pub(crate) struct Map {
    /// `[batch, channels, height, width]`.
    pub shape: [usize; 4],
    /// Row-major.
    pub values: Vec<f32>,
}

impl Map {
    pub fn tensor(self, device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.values, self.shape), device)
    }
}

struct Kept {
    /// Of the images.
    shape: [usize; 4],
    target: Target,
    /// None if the engine lacks an operation of the network.
    plan: Option<Compiled>,
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Plans")
    }
}

impl Plans {
    /// The network's outputs, by a plan; None if it has none: on another device than the CPU, in
    /// another number format than f32, or with an operation that the engine lacks. `forward` is the
    /// network on the input of a graph, which it traces once for each shape of images.
    pub fn run(
        &self,
        images: &Tensor<4>,
        target: Target,
        forward: impl FnOnce(Traced) -> Option<Vec<Traced>>,
    ) -> Option<Vec<Map>> {
        self.with(images, target, forward, |compiled| {
            let images = images.clone().into_data();
            let outputs = compiled.plan.run(images.as_slice().ok()?).ok()?;
            ablate_kernels::count_multiply_accumulates(|| compiled.multiply_accumulates);
            let maps = outputs.into_iter().zip(&compiled.shapes);
            let map = |(values, &shape): (Vec<f32>, &[usize; 4])| Map { shape, values };
            Some(maps.map(map).collect())
        })
    }

    /// Whether [`Self::run`] has a plan, which it then keeps; without running it.
    pub fn has(
        &self,
        images: &Tensor<4>,
        target: Target,
        forward: impl FnOnce(Traced) -> Option<Vec<Traced>>,
    ) -> bool {
        self.with(images, target, forward, |_| Some(())).is_some()
    }

    /// What `work` makes of the plan, which is found or made.
    fn with<T>(
        &self,
        images: &Tensor<4>,
        target: Target,
        forward: impl FnOnce(Traced) -> Option<Vec<Traced>>,
        work: impl FnOnce(&mut Compiled) -> Option<T>,
    ) -> Option<T> {
        let device = images.device();
        let is_cpu = device == Device::flex() && !device.is_autodiff();
        if !is_cpu || images.dtype() != DType::F32 {
            return None;
        }
        let shape = images.dims();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &Kept| kept.shape == shape && kept.target == target;
        match kept.iter().position(is_it) {
            // The one that was used last comes last.
            Some(place) => {
                let used = kept.remove(place);
                kept.push(used);
            }
            None => {
                let outputs = forward(Traced::input(shape));
                let plan = outputs.and_then(|outputs| Traced::compile(&outputs).ok());
                if kept.len() == KEPT {
                    kept.remove(0);
                }
                kept.push(Kept {
                    shape,
                    target,
                    plan,
                });
            }
        }
        work(kept.last_mut()?.plan.as_mut()?)
    }
}
