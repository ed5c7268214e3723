//! The families and variants that there are: those built in, and the reader's own.

use std::{collections::BTreeMap, fs, path::Path};

use super::{ModelName, Scaling, Table, Variant, VariantCall, table::listed};
use crate::graph::{Graph, GraphError};

macro_rules! embedded {
    ($folder:literal: $($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../configs/models/", $folder, "/", $name, ".yaml")))),*]
    };
}

/// Families and variants by name.
#[derive(Clone, Debug)]
pub struct Catalog {
    families: BTreeMap<String, Table>,
    variants: BTreeMap<String, Variant>,
}

/// A model's table with its variants applied, at its scale.
#[derive(Clone, Debug)]
pub struct ResolvedModel {
    pub name: ModelName,
    pub table: Table,
    pub scaling: Scaling,
}

/// Why a model can't be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("no family '{name}'; there are: {known}")]
    UnknownFamily { name: String, known: String },
    #[error("{model}: family {family} has no scale '{scale}'; there are: {known}")]
    UnknownScale {
        model: String,
        family: String,
        scale: String,
        known: String,
    },
    #[error("{model}: no variant '{name}'; there are: baseline, {known}")]
    UnknownVariant {
        model: String,
        name: String,
        known: String,
    },
    #[error(transparent)]
    Table(#[from] super::TableError),
    #[error("{model}: {error}")]
    Patch {
        model: String,
        error: super::PatchError,
    },
    #[error("{path}: {error}")]
    Read { path: String, error: std::io::Error },
}

impl Catalog {
    /// The families and variants that come with the program.
    pub fn builtin() -> Self {
        let families = embedded!("families": "yolov5", "yolov8");
        let variants = embedded!("variants": "gsconv", "gsconvns", "slimneck", "asff", "mobilenetv2", "fasternet", "ghost", "ghost-static", "repvgg", "segment");
        let mut catalog = Self {
            families: BTreeMap::new(),
            variants: BTreeMap::new(),
        };
        for (name, text) in families {
            let table = Table::from_yaml(text, name)
                .expect("the program's own tables are read by its tests");
            catalog.families.insert(name.into(), table);
        }
        for (name, text) in variants {
            let variant = Variant::from_yaml(text, name)
                .expect("the program's own variants are read by its tests");
            catalog.variants.insert(name.into(), variant);
        }
        catalog
    }

    /// Adds a table file, or a patch file (one with the key `patch`), under its file's name without the ending.
    pub fn add_file(&mut self, path: &Path) -> Result<(), CatalogError> {
        let text = fs::read_to_string(path).map_err(|error| CatalogError::Read {
            path: path.display().to_string(),
            error,
        })?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let source = path.display().to_string();
        if text.lines().any(|line| line.starts_with("patch:")) {
            let variant =
                Variant::from_yaml(&text, &name).map_err(|error| CatalogError::Patch {
                    model: source,
                    error,
                })?;
            self.variants.insert(name, variant);
        } else {
            self.families
                .insert(name, Table::from_yaml(&text, &source)?);
        }
        Ok(())
    }

    /// Family names, sorted.
    pub fn families(&self) -> impl Iterator<Item = &String> {
        self.families.keys()
    }

    /// Variants, sorted by name.
    pub fn variants(&self) -> impl Iterator<Item = &Variant> {
        self.variants.values()
    }

    /// The model's table with its variants applied: one that swaps the backbone first, the others in the order of its name.
    pub fn resolve(&self, name: &ModelName) -> Result<ResolvedModel, CatalogError> {
        let family = self.family(name)?;
        let scaling = family
            .scaling(&name.scale)
            .ok_or_else(|| CatalogError::UnknownScale {
                model: name.to_string(),
                family: name.family.clone(),
                scale: name.scale.clone(),
                known: listed(family.scales.iter().map(|(name, _)| name)),
            })?;
        let table = self.patched(name, scaling)?;
        Ok(ResolvedModel {
            name: name.clone(),
            table,
            scaling,
        })
    }

    /// The same at a scaling of one's own; the name's scale then only chooses the defaults of the variants' arguments.
    pub fn patched(&self, name: &ModelName, scaling: Scaling) -> Result<Table, CatalogError> {
        let mut table = self.family(name)?.clone();
        let called = name
            .variants
            .iter()
            .map(|call| Ok((self.variant(name, call)?, call)));
        let mut called: Vec<(&Variant, &VariantCall)> =
            called.collect::<Result<_, CatalogError>>()?;
        let fail = |error| CatalogError::Patch {
            model: name.to_string(),
            error,
        };
        // What changes rows of a backbone has to find the one that stays.
        called.sort_by_key(|(variant, _)| !variant.swaps_backbone());
        if let [(first, _), (second, _), ..] = called[..]
            && second.swaps_backbone()
        {
            return Err(fail(second.misfit(format!(
                "{} has swapped the backbone already",
                first.name
            ))));
        }
        for (variant, call) in called {
            table = variant
                .apply(&table, &name.scale, scaling, call)
                .map_err(fail)?;
        }
        Ok(table)
    }

    fn variant(&self, name: &ModelName, call: &VariantCall) -> Result<&Variant, CatalogError> {
        self.variants
            .get(&call.name)
            .ok_or_else(|| CatalogError::UnknownVariant {
                model: name.to_string(),
                name: call.name.clone(),
                known: listed(self.variants.keys()),
            })
    }

    fn family(&self, name: &ModelName) -> Result<&Table, CatalogError> {
        let unknown = || CatalogError::UnknownFamily {
            name: name.family.clone(),
            known: listed(self.families.keys()),
        };
        self.families.get(&name.family).ok_or_else(unknown)
    }
}

impl ResolvedModel {
    /// The graph for `nc` classes; the table's own number where none is given.
    pub fn graph(&self, nc: Option<usize>) -> Result<Graph, GraphError> {
        Graph::resolve(&self.table, self.scaling, nc.unwrap_or(self.table.nc))
    }
}
