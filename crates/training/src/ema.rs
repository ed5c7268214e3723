//! Exponential moving average of a network: what is evaluated and kept.

use ablate_kernels::{Average, Stepped, Steps, moving_average};
use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};

use crate::tensors::{Tensors, values};

/// The average of parameters and of running statistics, off the training device.
pub struct Ema<M> {
    /// None only while an update changes it in place.
    average: Option<M>,
    updates: u64,
    decay: f64,
    tau: f64,
}

impl<M: Module> Ema<M> {
    /// Goes on from `average` after so many updates; a new one starts as a copy of the network,
    /// `network.valid()`, after 0. With `decay` 0 it stays a copy.
    pub fn new(average: M, updates: u64, decay: f64, tau: f64) -> Self {
        Self {
            average: Some(average),
            updates,
            decay,
            tau,
        }
    }

    /// The average network, for inference.
    pub fn module(&self) -> &M {
        self.average
            .as_ref()
            .expect("there is an average between updates")
    }

    /// Number of updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Takes the network after a step of the optimizer into the average.
    ///
    /// The decay rises from 0, `decay · (1 - exp(-updates / tau))`, so that the first weights are
    /// soon forgotten.
    pub fn update(&mut self, network: &M) {
        self.updates += 1;
        let decay = self.decay * (1.0 - (-(self.updates as f64) / self.tau).exp());
        // A snapshot: running statistics are up to date in it, and not shared with the network.
        let now = network.valid();
        if decay == 0.0 {
            self.average = Some(now);
            return;
        }
        let values = values(&now);
        let suits = now.devices().iter().all(Steps::<Average>::suit);
        self.average = self.average.take().map(|average| match suits {
            true => blended_together(average, &values, Average { decay }),
            false => average.map(&mut Blend { values, decay }),
        });
    }
}

fn blended_together<M: Module>(average: M, values: &Tensors, by: Average) -> M {
    let mut adder = Adder {
        values,
        by,
        steps: Steps::default(),
    };
    average.visit(&mut adder);
    let stepped = adder.steps.take();
    average.map(&mut Taker { values, stepped })
}

struct Adder<'a> {
    values: &'a Tensors,
    by: Average,
    steps: Steps<Average>,
}

impl ModuleVisitor for Adder<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(value) = self.values.get::<D>(param.id) {
            self.steps.add(self.by, &[&param.val(), &value]);
        }
    }
}

struct Taker<'a> {
    values: &'a Tensors,
    stepped: Stepped,
}

impl ModuleMapper for Taker<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.values.get::<D>(param.id).is_none() {
            return param;
        }
        let [average] = self.stepped.give();
        param.map(|_| average)
    }
}

struct Blend {
    values: Tensors,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(value) = self.values.remove::<D>(param.id) else {
            return param;
        };
        param.map(|average| moving_average(average, value, self.decay))
    }
}
