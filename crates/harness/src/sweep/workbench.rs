//! What the stages of a sweep share: the models and the data.

use std::{fs::File, path::PathBuf};

use ablate_detection::dataset::Split;
use ablate_model::{Catalog, Graph, ModelName, spec::CatalogError};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    config::{HalvingConfig, SweepConfig},
    data::SweepData,
    plan::Plan,
};
use crate::train::Recipe;

pub struct Workbench {
    pub config: SweepConfig,
    catalog: Catalog,
    training: Option<(SweepData, Recipe)>,
    weights: Option<WeightsFile>,
}

/// Weights that trainings begin with.
pub struct WeightsFile {
    pub path: PathBuf,
    /// Of its content: another file makes another record, the same file elsewhere does not.
    pub hash: String,
}

/// Classes of the detection head where neither the sweep nor a data set says: those of COCO.
const DEFAULT_NC: usize = 80;

impl Workbench {
    /// Reads what the sweep names: the reader's tables, the recipe, the description of the data set and first weights.
    ///
    /// # Errors
    /// Where a file can't be read or is wrong, or a model is of a family, scale or variant that there is not.
    pub fn new(config: SweepConfig) -> Result<Self> {
        let mut catalog = Catalog::builtin();
        for table in &config.tables {
            catalog.add_file(table)?;
        }
        for model in config.models(&catalog) {
            match catalog.resolve(&model) {
                // A variant that does not fit one of the models is that cell's failure; the others can run.
                Ok(_) | Err(CatalogError::Patch { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let training = match &config.train {
            Some(train) => Some((SweepData::load(&train.data, train.imgsz)?, train.recipe().context("key `train`")?)),
            None => None,
        };
        let weights = config.train.as_ref().and_then(|train| train.weights.clone());
        let weights = weights.map(WeightsFile::open).transpose().context("key `train.weights`")?;
        Ok(Self { config, catalog, training, weights })
    }

    /// The sweep's cells.
    ///
    /// # Errors
    /// Where the number of classes is the data set's and that can't be opened.
    pub fn plan(&self) -> Result<Plan> {
        let nc = match (self.config.nc, &self.training) {
            (Some(nc), _) => nc,
            (None, Some((data, _))) => data.split(Split::Train)?.classes.len(),
            (None, None) => DEFAULT_NC,
        };
        Plan::new(&self.config, &self.catalog, nc, self.training.as_ref().map(|(data, _)| data.name()))
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

    /// The data set and the recipe of the sweep's trainings.
    pub fn training(&self) -> Result<(&SweepData, &Recipe)> {
        let (data, recipe) = self.training.as_ref().context("the sweep trains nothing")?;
        Ok((data, recipe))
    }

    /// By which rule the sweep stops trainings early; none where it does not.
    ///
    /// # Errors
    /// Where the data set has no validation split to rank models by. One that can't be opened fails cell by cell.
    pub fn halving(&self) -> Result<Option<HalvingConfig>> {
        let halving = self.config.train.as_ref().and_then(|train| train.halving);
        if let (Some(_), Some((data, _))) = (halving, &self.training) {
            ensure!(data.has(Split::Val).unwrap_or(true), "key `train.halving`: {} has no split `val` to rank models by", data.name());
        }
        Ok(halving)
    }

    /// What the sweep's trainings begin with; none where that is random.
    pub fn weights(&self) -> Option<&WeightsFile> {
        self.weights.as_ref()
    }
}

impl WeightsFile {
    fn open(path: PathBuf) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&path).and_then(|file| hasher.update_reader(file).map(|_| ()));
        read.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { path, hash: hasher.finalize().to_hex().to_string() })
    }
}
