//! Time of a forward pass. All variants of a scale are timed in turn, in one go, so that they can
//! be compared.

use std::time::Duration;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde_json::{Value, json};

use super::{Job, Work, Workbench};
use crate::{
    environment,
    guard::guarded,
    measure::{
        precision::Precision,
        rounds::measure,
        timing::{Aim, Iteration, Protocol, forward_pass},
    },
    progress::Steps,
    sweep::{config::LatencyConfig, plan::PlannedCell},
};
use ablate_records::Measurement;

/// The latency stage.
pub struct Latency<'b>(pub &'b Workbench);

impl Latency<'_> {
    fn config(&self) -> Result<&LatencyConfig> {
        self.0
            .config
            .latency
            .as_ref()
            .context("the sweep measures no latency")
    }

    fn protocol(&self, precision: Precision) -> Result<Protocol> {
        let config = self.config()?;
        Ok(Protocol {
            batch: config.batch,
            imgsz: config.imgsz,
            warmup: config.warmup,
            budget: Duration::from_secs_f64(config.budget_s),
            min_iterations: config.min_iterations,
            min_rounds: 0,
            aim: (config.within > 0.0).then(|| Aim {
                within: config.within,
                limit: Duration::from_secs_f64(config.limit_s()),
                claims: self.0.comparisons(),
            }),
            fuse: true,
            precision,
        })
    }

    fn iteration(
        &self,
        cell: &PlannedCell,
        device: &Device,
        protocol: &Protocol,
    ) -> Result<Iteration<'static>> {
        forward_pass(&self.0.graph(&cell.model, cell.cell.nc)?, device, protocol)
    }
}

impl Work for Latency<'_> {
    fn inputs(&self, cell: &PlannedCell) -> Result<Value> {
        let config = self.config()?;
        let environment = environment::current();
        let mut inputs = json!({
            "model": self.0.table(&cell.model)?,
            "nc": cell.cell.nc,
            "imgsz": config.imgsz,
            "batch": config.batch,
            "budget_s": config.budget_s,
            "within": config.within,
            "limit_s": config.limit_s(),
            "warmup": config.warmup,
            "min_iterations": config.min_iterations,
            "fused": true,
            "device": cell.device,
            // A time is of a machine; another one measures its own.
            "cpu": environment.cpu,
            "threads": environment.threads,
        });
        if let Some(adapter) = cell.device.adapter() {
            inputs["adapter"] = adapter.into();
        }
        if cell.dtype != Precision::F32 {
            inputs["dtype"] = cell.dtype.name().into();
        }
        Ok(inputs)
    }

    fn together(&self, a: &PlannedCell, b: &PlannedCell) -> bool {
        a.device == b.device
            && a.dtype == b.dtype
            && a.model.family == b.model.family
            && a.model.scale == b.model.scale
    }

    fn measure(&self, jobs: &[Job], steps: &Steps) -> Vec<Result<Measurement>> {
        let Some(Job { cell: first, .. }) = jobs.first() else {
            return Vec::new();
        };
        let protocol = match self.protocol(first.dtype) {
            Ok(protocol) => protocol,
            Err(error) => {
                return jobs
                    .iter()
                    .map(|_| Err(anyhow::anyhow!("{error:#}")))
                    .collect();
            }
        };
        let device = match first.device.open() {
            Ok(device) => device,
            Err(error) => return jobs.iter().map(|_| Err(error.clone().into())).collect(),
        };
        let iterations = jobs
            .iter()
            .map(|job| guarded(|| self.iteration(job.cell, &device, &protocol)))
            .collect();
        let bar = steps.parts(1000);
        let is_baseline = |job: &Job| job.cell.model.variants.is_empty();
        let baseline = jobs.iter().position(is_baseline).unwrap_or(0);
        let measured = measure(iterations, baseline, &device, &protocol, |done| {
            bar.set_position((done * 1000.0) as u64)
        });
        bar.finish_and_clear();
        measured
            .into_iter()
            .map(|latency| latency.map(Measurement::Latency))
            .collect()
    }
}
