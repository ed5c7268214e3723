//! The plans of a network, for the shapes of images that it has met last.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use burn::tensor::{DType, Device, Tensor};

use super::{
    graph::{Compiled, Traced},
    map::Map,
};

/// Plans that are kept: a plan holds a copy of the weights.
const KEPT: usize = 2;

/// The plans of a fused network. Copies of the network share them.
#[derive(Clone, Default)]
pub(crate) struct Plans(Arc<Mutex<Vec<Kept>>>);

/// How a network runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Execution {
    /// By a plan of the engine.
    Plan,
    /// Operation by operation.
    Operations {
        /// The block that has no form for a plan, `row 10, C2PSA`; None if plans are not for the
        /// device or the number format, or the network is not fused.
        lacks: Option<String>,
    },
}

/// What a plan computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The head's raw maps.
    Raw,
    /// Maps that predictions are decoded from.
    Likely,
}

struct Kept {
    /// Of the images.
    shape: [usize; 4],
    target: Target,
    /// The error is why there is none.
    plan: Result<Compiled, String>,
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Plans")
    }
}

impl Plans {
    /// What `use_maps` makes of the network's outputs by a plan; None if it has none: on another
    /// device than the CPU, in another number format than f32, or with an operation that the engine
    /// lacks. `forward` is the network on the input of a graph, which it traces once for each shape of
    /// images.
    pub fn run<T>(
        &self,
        images: &Tensor<4>,
        target: Target,
        forward: impl FnOnce(Traced) -> Result<Vec<Traced>, String>,
        use_maps: impl FnOnce(&[Map]) -> T,
    ) -> Option<T> {
        let run = |compiled: &mut Compiled| {
            let images = images.clone().into_data();
            let images = images.as_slice().map_err(|error| format!("{error:?}"))?;
            // The same memory in each run: new memory would have to be cleared.
            let maps = compiled.maps.iter_mut();
            let mut outputs: Vec<&mut [f32]> = maps.map(|map| &mut map.values[..]).collect();
            compiled.plan.run_into(images, &mut outputs)?;
            ablate_kernels::count_multiply_accumulates(|| compiled.multiply_accumulates);
            Ok(use_maps(&compiled.maps))
        };
        self.with(images, target, forward, run).ok()
    }

    /// Makes the plan that [`Self::run`] will take, without running it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn make(
        &self,
        images: &Tensor<4>,
        target: Target,
        forward: impl FnOnce(Traced) -> Result<Vec<Traced>, String>,
    ) -> Result<(), String> {
        self.with(images, target, forward, |_| Ok(()))
    }

    /// Moves the plans to other memory.
    pub fn relocate(&self) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let plans = kept.iter_mut().filter_map(|kept| kept.plan.as_mut().ok());
        plans.for_each(|compiled| compiled.plan.relocate());
    }

    /// Whether plans are for images of this device and number format.
    pub fn suit(images: &Tensor<4>) -> bool {
        let device = images.device();
        device == Device::flex() && !device.is_autodiff() && images.dtype() == DType::F32
    }

    /// What `work` makes of the plan, which is found or made.
    fn with<T>(
        &self,
        images: &Tensor<4>,
        target: Target,
        forward: impl FnOnce(Traced) -> Result<Vec<Traced>, String>,
        work: impl FnOnce(&mut Compiled) -> Result<T, String>,
    ) -> Result<T, String> {
        if !Self::suit(images) {
            return Err("plans are for the device flex and the number format f32".into());
        }
        let shape = images.dims();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &Kept| kept.shape == shape && kept.target == target;
        // The one that was used last comes last.
        let used = match kept.iter().position(is_it) {
            Some(place) => kept.remove(place),
            None => {
                if kept.len() == KEPT {
                    kept.remove(0);
                }
                let outputs = forward(Traced::input(shape));
                Kept {
                    shape,
                    target,
                    plan: outputs.and_then(|outputs| Traced::compile(&outputs)),
                }
            }
        };
        kept.push(used);
        let plan = &mut kept.last_mut().expect("pushed above").plan;
        work(plan.as_mut().map_err(|error| error.clone())?)
    }
}
