//! Parameters and GFLOPs, by arithmetic.

use ablate_model::Cost as GraphCost;
use anyhow::Result;
use serde_json::{Value, json};

use super::{Job, Work, Workbench};
use crate::{progress::Steps, sweep::plan::PlannedCell};
use ablate_records::{CostMeasurement, Measurement};

/// The cost stage.
pub struct Cost<'b>(pub &'b Workbench);

impl Cost<'_> {
    fn measure_one(&self, cell: &PlannedCell) -> Result<Measurement> {
        let imgsz = self.0.config.cost.imgsz;
        let graph = self.0.graph(&cell.model, cell.cell.nc)?;
        let cost = GraphCost::of(&graph, imgsz.height, imgsz.width)?;
        Ok(Measurement::Cost(CostMeasurement {
            params: cost.params(),
            gflops: cost.gflops(),
            gflops_exact: cost.gflops_exact(),
            layers: graph.nodes.len(),
        }))
    }
}

impl Work for Cost<'_> {
    fn inputs(&self, cell: &PlannedCell) -> Result<Value> {
        Ok(json!({
            "model": self.0.table(&cell.model)?,
            "nc": cell.cell.nc,
            "imgsz": self.0.config.cost.imgsz,
        }))
    }

    fn measure(&self, jobs: &[Job], _: &Steps) -> Vec<Result<Measurement>> {
        jobs.iter().map(|job| self.measure_one(job.cell)).collect()
    }
}
