//! Time of a forward pass. All variants of a scale are timed in turn, in one go, so that they can
//! be compared.

use std::time::Duration;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde_json::{Value, json};

use super::{Job, Work, Workbench, all_failed, time_in_rounds};
use crate::{
    environment,
    guard::guarded,
    measure::{
        forward::{ForwardPass, forward_passes},
        mode::Mode,
        precision::Precision,
        timing::{Aim, Protocol},
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

    fn protocol(&self, cell: &PlannedCell) -> Result<Protocol> {
        let config = self.config()?;
        Ok(Protocol {
            batch: config.batch,
            imgsz: config.imgsz,
            warmup: config.warmup,
            budget: Duration::from_secs_f64(config.budget_s),
            min_iterations: config.min_iterations,
            min_rounds: 0,
            aim: Aim::new(config.within, config.limit_s(), self.0.comparisons()),
            fuse: true,
            precision: cell.dtype,
            mode: cell.mode,
        })
    }

    fn pass(
        &self,
        cell: &PlannedCell,
        device: &Device,
        protocol: &Protocol,
    ) -> Result<ForwardPass> {
        let graph = self.0.graph(&cell.model, cell.cell.nc)?;
        ForwardPass::new(&graph, device, protocol)
    }

    /// Of one scale of a family, in one format and mode on one device.
    fn group(&self, jobs: &[Job], steps: &Steps) -> Result<Vec<Result<Measurement>>> {
        let Some(Job { cell: first, .. }) = jobs.first() else {
            return Ok(Vec::new());
        };
        let protocol = self.protocol(first)?;
        let device = first.device.open()?;
        let _precision = first.dtype.hold();
        let pass = |job: &Job<'_>| guarded(|| self.pass(job.cell, &device, &protocol));
        let passes = jobs
            .iter()
            .map(|job| (job.cell.cell.model.as_str(), pass(job)));
        let iterations = forward_passes(passes.collect());
        let measured = time_in_rounds(jobs, iterations, &device, &protocol, steps);
        let measurements = measured.into_iter();
        Ok(measurements
            .map(|latency| latency.map(Measurement::Latency))
            .collect())
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
        if cell.mode != Mode::Eager {
            inputs["mode"] = cell.mode.name().into();
        }
        Ok(inputs)
    }

    fn together(&self, a: &PlannedCell, b: &PlannedCell) -> bool {
        a.device == b.device
            && a.dtype == b.dtype
            && a.mode == b.mode
            && a.model.family == b.model.family
            && a.model.scale == b.model.scale
    }

    fn measure(&self, jobs: &[Job], steps: &Steps) -> Vec<Result<Measurement>> {
        self.group(jobs, steps)
            .unwrap_or_else(|error| all_failed(jobs, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::config::SweepConfig;

    /// Records of versions that knew one mode are found.
    #[test]
    fn of_the_modes_only_graph_is_in_the_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sweep.yaml");
        let sweep = "name: modes\nmodels: [yolov5n]\ndevices: ['tch:cuda:0']\nlatency: {mode: [eager, graph]}\n";
        std::fs::write(&file, sweep).unwrap();
        let bench = Workbench::new(SweepConfig::read(&file).unwrap()).unwrap();
        let plan = bench.plan().unwrap();
        let stage = Latency(&bench);
        let [eager, graph] = &plan.cells[..] else {
            panic!("{:?}", plan.cells);
        };
        let [of_eager, mut of_graph] = [eager, graph].map(|cell| stage.inputs(cell).unwrap());
        let mut keys: Vec<&String> = of_eager.as_object().unwrap().keys().collect();
        keys.retain(|key| *key != "adapter");
        let words = "model nc imgsz batch budget_s within limit_s warmup min_iterations fused device cpu threads";
        assert_eq!(keys, Vec::from_iter(words.split(' ')));
        let mode = of_graph.as_object_mut().unwrap().remove("mode");
        assert_eq!(mode, Some("graph".into()));
        assert_eq!(of_graph, of_eager);
        assert!(stage.together(eager, eager) && !stage.together(eager, graph));
    }
}
