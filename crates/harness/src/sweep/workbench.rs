//! What the stages of a sweep share: the models and the data.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::ErrorKind,
    path::PathBuf,
};

use ablate_detection::dataset::Split;
use ablate_model::{
    Catalog, Graph, ModelName,
    catalog::{CatalogError, ResolvedModel},
};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::{
    config::{HalvingConfig, SweepConfig},
    data::SweepData,
    plan::{Plan, PlannedCell},
};
use ablate_records::VariantNote;
use ablate_training::Recipe;

/// A sweep's models, recipes, data and first weights, each read once.
pub struct Workbench {
    /// The sweep as written.
    pub config: SweepConfig,
    catalog: Catalog,
    /// In the order in which the sweep has them.
    listed: Vec<ModelName>,
    /// Each resolved once; of one that its variants don't fit, why.
    models: BTreeMap<ModelName, Result<ResolvedModel, CatalogError>>,
    data: Option<SweepData>,
    /// By family.
    recipes: BTreeMap<String, Recipe>,
    /// What is to be said of tables' and recipes' files.
    file_notes: BTreeSet<String>,
    weights: Option<WeightsFile>,
    /// What `singles` and `pairs` leave out, and why.
    pub left_out: Vec<String>,
}

/// Weights that trainings begin with.
pub struct WeightsFile {
    /// Where the file is.
    pub path: PathBuf,
    /// Of its content: another file makes another record, the same file elsewhere does not.
    pub hash: String,
}

/// Classes of the detection head if neither the sweep nor a data set gives them: those of COCO.
const DEFAULT_NC: usize = 80;

impl Workbench {
    /// How many models of the sweep are compared with a baseline, scale by scale.
    pub fn comparisons(&self) -> usize {
        let variants = self
            .models
            .keys()
            .filter(|model| !model.variants.is_empty());
        variants.count()
    }

    /// Reads what the sweep names: the user's tables, the recipe, the description of the data set
    /// and first weights.
    ///
    /// # Errors
    /// If a file can't be read or is wrong, or a family, scale or variant of a model is unknown.
    pub fn new(config: SweepConfig) -> Result<Self> {
        let mut catalog = Catalog::builtin();
        let mut file_notes = BTreeSet::new();
        for table in &config.tables {
            file_notes.extend(catalog.add_file(table).context("key `tables`")?);
        }
        let data = config
            .train
            .as_ref()
            .map(|train| SweepData::load(&train.data, train.imgsz))
            .transpose()
            .context("key `train.data`")?;
        let listed = config.listed(&catalog, maskless(data.as_ref()));
        config.check_scales(&listed.models)?;
        let (mut recipes, mut models) = (BTreeMap::new(), BTreeMap::new());
        for model in listed.models.clone() {
            if let Some(train) = &config.train
                && !recipes.contains_key(&model.family)
            {
                let (recipe, notes) = train.recipe(&model.family).context("key `train`")?;
                recipes.insert(model.family.clone(), recipe);
                file_notes.extend(notes);
            }
            let resolved = match catalog.resolve(&model) {
                Ok(resolved) => Ok(resolved),
                // A variant that does not fit one of the models is that cell's failure; the others
                // can run.
                Err(error @ CatalogError::Patch { .. }) => Err(error),
                Err(error) => return Err(error.into()),
            };
            models.insert(model, resolved);
        }
        let weights = config
            .train
            .as_ref()
            .and_then(|train| train.weights.clone());
        let weights = weights
            .map(WeightsFile::open)
            .transpose()
            .context("key `train.weights`")?;
        Ok(Self {
            config,
            catalog,
            listed: listed.models,
            models,
            data,
            recipes,
            file_notes,
            weights,
            left_out: listed.left_out,
        })
    }

    /// Number of classes of the networks whose cost and latency are measured.
    fn nc(&self) -> Result<usize> {
        Ok(match (self.config.nc, &self.data) {
            (Some(nc), _) => nc,
            (None, Some(data)) => data.split(Split::Train)?.classes.len(),
            (None, None) => DEFAULT_NC,
        })
    }

    /// The sweep's cells.
    ///
    /// # Errors
    /// If the number of classes is the data set's and that can't be opened.
    pub fn plan(&self) -> Result<Plan> {
        Plan::of(
            &self.config,
            &self.listed,
            self.nc()?,
            self.data.as_ref().map(SweepData::name),
        )
    }

    /// What the variants of a plan's models are, each once, in the order of their names.
    pub fn variants(&self, plan: &Plan) -> Vec<VariantNote> {
        let called = plan.cells.iter().flat_map(|cell| &cell.model.variants);
        let called: BTreeSet<&str> = called.map(|call| call.name.as_str()).collect();
        let known = self.catalog.variants();
        known
            .filter(|variant| called.contains(variant.name.as_str()))
            .map(|variant| VariantNote {
                name: variant.name.clone(),
                title: variant.title.clone(),
                summary: variant.summary.clone(),
                source: variant.source.clone(),
            })
            .collect()
    }

    fn resolved(&self, model: &ModelName) -> Result<&ResolvedModel> {
        let resolved = self
            .models
            .get(model)
            .with_context(|| format!("the sweep has no model {model}"))?;
        resolved
            .as_ref()
            .map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Why models of these cells can't be made: a variant does not fit, or a row of a table.
    pub fn misfits(&self, cells: &[&PlannedCell]) -> BTreeSet<String> {
        let nc = self.nc().ok();
        let reason = |cell: &&PlannedCell| {
            let name = &cell.model;
            let model = match self.models.get(name)? {
                Ok(model) => model,
                Err(error) => return Some(error.to_string()),
            };
            let error = model.graph(nc).err()?;
            Some(format!("{name}: {error}"))
        };
        cells.iter().filter_map(reason).collect()
    }

    /// Variants as the sweep's cells have them: `singles` and `pairs` are those that they stand for.
    ///
    /// # Errors
    /// A word that is no variant's name.
    pub fn variants_called(&self, words: &[String]) -> Result<Vec<String>> {
        let mut called = Vec::new();
        for word in words {
            let of =
                (self.config).variants_called(word, &self.catalog, maskless(self.data.as_ref()))?;
            called.extend(
                of.into_iter()
                    .filter(|of| !called.contains(of))
                    .collect::<Vec<_>>(),
            );
        }
        Ok(called)
    }

    /// The graph of a model.
    pub fn graph(&self, model: &ModelName, nc: usize) -> Result<Graph> {
        Ok(self.resolved(model)?.graph(Some(nc))?)
    }

    /// A model's resolved table, as its record keeps it: without the place that it was read from.
    pub fn table(&self, model: &ModelName) -> Result<Value> {
        let resolved = self.resolved(model)?;
        let mut table = serde_json::to_value(&resolved.table)?;
        if let Some(table) = table.as_object_mut() {
            table.retain(|key, _| !["source", "scales", "scale", "nc"].contains(&key.as_str()));
        }
        Ok(json!({ "scaling": resolved.scaling, "table": table }))
    }

    /// What was read of the families' tables and of recipes otherwise than written, each once.
    pub fn notes(&self) -> BTreeSet<String> {
        let nc = self.nc().ok();
        let notes = |(name, model): (&ModelName, &Result<ResolvedModel, CatalogError>)| {
            let graph = model.as_ref().ok()?.graph(nc).ok()?;
            // What is of a table is the same for all models of a family; what is of rows is not.
            let of = |note: &String| match note.starts_with("row") {
                true => format!("{name}: {note}"),
                false => format!("{}: {note}", name.family),
            };
            Some(graph.notes.iter().map(of).collect::<Vec<_>>())
        };
        let tables = self.models.iter().filter_map(notes).flatten();
        let files = self.file_notes.iter().cloned();
        tables.chain(files).chain(self.recipe_cautions()).collect()
    }

    /// Of recipes that are not a family's own.
    fn recipe_cautions(&self) -> impl Iterator<Item = String> {
        let train = self.config.train.as_ref();
        let is_given = train.is_some_and(|train| train.recipe.is_some());
        let of_model = move |(name, model): (&ModelName, &Result<ResolvedModel, CatalogError>)| {
            let recipe = self.recipes.get(&name.family)?;
            let graph = model.as_ref().ok()?.graph(None).ok()?;
            Some(recipe.cautions(&name.family, graph.detect(), is_given))
        };
        self.models.iter().filter_map(of_model).flatten()
    }

    /// The data set of the sweep's trainings.
    pub fn data(&self) -> Result<&SweepData> {
        self.data.as_ref().context("the sweep trains nothing")
    }

    /// The recipe of a model's trainings.
    pub fn recipe(&self, model: &ModelName) -> Result<&Recipe> {
        self.recipes
            .get(&model.family)
            .context("the sweep trains nothing")
    }

    /// The rule by which the sweep stops trainings early; None if it does not.
    ///
    /// # Errors
    /// If the data set has no validation split to rank models by. One that can't be opened is for
    /// [`Self::check_data`] to say.
    pub fn halving(&self) -> Result<Option<HalvingConfig>> {
        let halving = self.config.train.as_ref().and_then(|train| train.halving);
        if let (Some(_), Some(data)) = (halving, &self.data) {
            ensure!(
                data.has(Split::Val).unwrap_or(true),
                "key `train.halving`: requires a split `val` to rank models by, and {} has none",
                data.name()
            );
        }
        Ok(halving)
    }

    /// Epochs of the sweep's trainings; with halving, all have the same.
    pub fn epochs(&self) -> Result<usize> {
        self.recipes
            .values()
            .next()
            .map(|recipe| recipe.epochs)
            .context("the sweep trains nothing")
    }

    /// The file of first weights; None if they are random.
    pub fn weights(&self) -> Option<&WeightsFile> {
        self.weights.as_ref()
    }
}

/// The name of a data set that can't teach masks.
fn maskless(data: Option<&SweepData>) -> Option<&str> {
    data.filter(|data| data.lacks_masks()).map(SweepData::name)
}

impl WeightsFile {
    /// # Errors
    /// A file that can't be read.
    pub fn open(path: PathBuf) -> Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&path).and_then(|file| hasher.update_reader(file).map(|_| ()));
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow!("{}: no such file", path.display()),
            _ => anyhow!("{}: {error}", path.display()),
        })?;
        Ok(Self {
            path,
            hash: hasher.finalize().to_hex().to_string(),
        })
    }
}
