//! What the stages of a sweep share: the models and the data.

use std::cell::OnceCell;

use ablate_detection::dataset::{DataSpec, Dataset, Split};
use ablate_model::{
    Catalog, Graph, ModelName,
    spec::CatalogError,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{config::SweepConfig, plan::Plan};

pub struct Workbench {
    pub config: SweepConfig,
    catalog: Catalog,
    data: Option<DataSpec>,
    train_split: OnceCell<Dataset>,
}

/// Classes of the detection head where neither the sweep nor a data set says: those of COCO.
const DEFAULT_NC: usize = 80;

impl Workbench {
    /// Reads what the sweep names: the reader's tables and the description of the data set.
    ///
    /// # Errors
    /// Where a file can't be read, or a model is of a family, scale or variant that there is not.
    pub fn new(config: SweepConfig) -> Result<Self> {
        let mut catalog = Catalog::builtin();
        for table in &config.tables {
            catalog.add_file(table)?;
        }
        for model in config.models() {
            match catalog.resolve(&model) {
                // A variant that does not fit one of the models is that cell's failure; the others can run.
                Ok(_) | Err(CatalogError::Patch { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let data = config.train.as_ref().map(|train| DataSpec::load(&train.data)).transpose()?;
        Ok(Self { config, catalog, data, train_split: OnceCell::new() })
    }

    /// The sweep's cells.
    ///
    /// # Errors
    /// Where the number of classes is the data set's and that can't be opened.
    pub fn plan(&self) -> Result<Plan> {
        let nc = match (self.config.nc, &self.data) {
            (Some(nc), _) => nc,
            (None, Some(_)) => self.train_split()?.classes.len(),
            (None, None) => DEFAULT_NC,
        };
        Plan::new(&self.config, nc, self.data.as_ref().map(|data| data.name.as_str()))
    }

    /// The graph of a model.
    pub fn graph(&self, model: &ModelName, nc: usize) -> Result<Graph> {
        Ok(self.catalog.resolve(model)?.graph(Some(nc))?)
    }

    /// A model as its table says it, resolved: what a record keeps of it. Where the table was read from is no part of it.
    pub fn table(&self, model: &ModelName) -> Result<Value> {
        let resolved = self.catalog.resolve(model)?;
        let mut table = serde_json::to_value(&resolved.table)?;
        if let Some(table) = table.as_object_mut() {
            table.retain(|key, _| !["source", "scales", "nc"].contains(&key.as_str()));
        }
        Ok(json!({ "scaling": resolved.scaling, "table": table }))
    }

    fn train_split(&self) -> Result<&Dataset> {
        if let Some(split) = self.train_split.get() {
            return Ok(split);
        }
        let split = self.open(Split::Train)?;
        Ok(self.train_split.get_or_init(|| split))
    }

    fn open(&self, split: Split) -> Result<Dataset> {
        let data = self.data.as_ref().context("the sweep names no data set")?;
        let dataset = Dataset::open(data, split)?;
        Ok(dataset)
    }
}
