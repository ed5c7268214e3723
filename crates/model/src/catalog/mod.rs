//! Families and variants by name, and models resolved: those built in, and the user's own.

mod apply;
mod backbone;
mod edit;
mod patch;
mod select;

use std::{collections::BTreeMap, path::Path};

use crate::{
    graph::{Graph, GraphError},
    spec::{ModelName, PatchError, Scaling, Table, TableError, Variant, VariantCall},
};

macro_rules! embedded {
    ($folder:literal: $($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../configs/models/", $folder, "/", $name, ".yaml")))),*]
    };
}

/// Families and variants by name.
///
/// ```
/// use ablate_model::{Catalog, ModelName};
///
/// let name: ModelName = "yolov5n+gsconv".parse()?;
/// let model = Catalog::builtin().resolve(&name)?;
/// let graph = model.graph(Some(20))?;
/// assert_eq!(graph.detect().strides, [8, 16, 32]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Catalog {
    families: BTreeMap<String, Family>,
    variants: BTreeMap<String, Variant>,
}

/// The tables of a family: one, or one for some of its scales each.
#[derive(Clone, Debug, Default)]
struct Family(Vec<Table>);

impl Family {
    fn scales(&self) -> impl Iterator<Item = &String> {
        self.0
            .iter()
            .flat_map(|table| table.scales.iter().map(|(name, _)| name))
    }

    fn is_scaleless(&self) -> bool {
        self.scales().eq([""])
    }

    /// The table that lists a scale.
    fn table(&self, scale: &str) -> Option<(&Table, Scaling)> {
        self.0
            .iter()
            .find_map(|table| Some((table, table.scaling(scale)?)))
    }

    /// For a message.
    fn known(&self) -> String {
        match joined(self.scales()) {
            none if none.is_empty() => "none, the table has no scales".into(),
            known => known,
        }
    }
}

/// A model's table with its variants applied, and its scaling.
#[derive(Clone, Debug)]
pub struct ResolvedModel {
    /// The model's name.
    pub name: ModelName,
    /// The family's table, changed by the variants.
    pub table: Table,
    /// The scaling of the name's scale.
    pub scaling: Scaling,
}

/// Error while adding to a catalog or resolving a model.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No family of that name.
    #[error("unknown family '{name}'{hint}; known: {known}")]
    UnknownFamily {
        /// The family asked for.
        name: String,
        /// What may be meant, with a semicolon before it; empty if nothing comes to mind.
        hint: String,
        /// The catalog's families.
        known: String,
    },
    /// The family's table does not list the scale.
    #[error("{model}: unknown scale '{scale}' of family {family}; known: {known}")]
    UnknownScale {
        /// The model's name.
        model: String,
        /// Its family.
        family: String,
        /// The scale asked for.
        scale: String,
        /// The family's scales.
        known: String,
    },
    /// The family has several scales, and the name none.
    #[error("{model}: expected a scale, as in {example}; known: {known}")]
    NoScale {
        /// The model's name.
        model: String,
        /// A name with a scale.
        example: String,
        /// The family's scales.
        known: String,
    },
    /// No variant of that name.
    #[error(
        "{model}: unknown variant '{name}'{}; known: baseline, {known}",
        if name.contains('=') { "; in a list, quote a variant with several arguments" } else { "" }
    )]
    UnknownVariant {
        /// The model's name.
        model: String,
        /// The variant asked for.
        name: String,
        /// The catalog's variants.
        known: String,
    },
    /// An argument of a variant that it does not have, or a value that it can't be.
    #[error("{model}: {error}")]
    Argument {
        /// The model's name.
        model: String,
        /// What is wrong.
        error: PatchError,
    },
    /// A table that can't be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A variant that can't be read or does not fit the family.
    #[error("{model}: {error}")]
    Patch {
        /// The model's name, or the variant's file.
        model: String,
        /// What is wrong.
        error: PatchError,
    },
    /// A file that can't be read.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// What is wrong.
        error: std::io::Error,
    },
}

impl Catalog {
    /// The built-in families and variants.
    pub fn builtin() -> Self {
        // Those of a family in the order of its scales.
        let families = embedded!("families":
            "yolov3", "yolov3-spp", "yolov3-tiny", "yolov5", "yolov6", "yolov8",
            "yolov9t", "yolov9s", "yolov9m", "yolov9c", "yolov9e",
            "yolov10n", "yolov10s", "yolov10m", "yolov10b", "yolov10l", "yolov10x",
            "yolo11", "yolo12", "yolo26");
        let variants = embedded!("variants":
            "gsconv", "gsconvns", "slimneck", "asff", "mobilenetv2", "fasternet", "ghost", "ghost-static",
            "repvgg", "segment", "segment26", "eca", "se", "cbam", "simam", "coordconv", "spdconv");
        let mut catalog = Self {
            families: BTreeMap::new(),
            variants: BTreeMap::new(),
        };
        for (name, text) in families {
            let table = Table::from_yaml(text, name).expect("tests read the built-in tables");
            // `yolov10n.yaml` holds scale n of family yolov10.
            let family = match name.parse::<ModelName>() {
                Ok(name) => name.family,
                Err(_) => name.into(),
            };
            catalog.families.entry(family).or_default().0.push(table);
        }
        for (name, text) in variants {
            let variant = Variant::from_yaml(text, name).expect("tests read the built-in variants");
            catalog.variants.insert(name.into(), variant);
        }
        catalog
    }

    /// Adds a table file, or a patch file (one with the key `patch`), under its file's name without
    /// the ending. Of one that was known already, what is to be said: the file's holds from here on.
    ///
    /// # Errors
    /// A file that can't be read, and a table or a patch that is refused.
    pub fn add_file(&mut self, path: &Path) -> Result<Option<String>, CatalogError> {
        let text = ablate_files::read_text(path).map_err(|error| CatalogError::Read {
            path: path.display().to_string(),
            error,
        })?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let source = path.display().to_string();
        let what = if text.lines().any(|line| line.starts_with("patch:")) {
            let variant =
                Variant::from_yaml(&text, &name).map_err(|error| CatalogError::Patch {
                    model: source.clone(),
                    error,
                })?;
            let earlier = self.variants.insert(name.clone(), variant);
            earlier.map(|_| "variant")
        } else {
            let table = Table::from_yaml(&text, &source)?;
            let earlier = self.families.insert(name.clone(), Family(vec![table]));
            earlier.map(|_| "family")
        };
        Ok(what.map(|what| format!("{source}: takes the place of the {what} '{name}'")))
    }

    /// Family names, sorted.
    pub fn families(&self) -> impl Iterator<Item = &String> {
        self.families.keys()
    }

    /// Variants, sorted by name.
    pub fn variants(&self) -> impl Iterator<Item = &Variant> {
        self.variants.values()
    }

    /// A model's name with family and scale as the catalog has them. The first word of a name may
    /// be a family that shows a scale in its own name (`yolov8s-custom`), one with a single scale,
    /// or end in a scale (`mines` for scale s of `mine`). A table without scales is itself at each
    /// of the usual ones.
    ///
    /// # Errors
    /// An unknown family or scale, and a family with several scales where the name has none.
    pub fn name(&self, written: &ModelName) -> Result<ModelName, CatalogError> {
        let with = |family: &str, scale: &str| ModelName {
            variants: written.variants.clone(),
            ..ModelName::baseline(family, scale)
        };
        let stem = ModelName::baseline(&written.family, &written.scale).to_string();
        // A table by its file's name comes first, whatever letters that ends in.
        if let Some(family) = self.families.get(&stem) {
            let shown = stem.parse::<ModelName>().map(|name| name.scale);
            let shown = shown.ok().filter(|scale| family.table(scale).is_some());
            let chosen = family.0.iter().find_map(|table| table.scale.clone());
            let scales: Vec<&String> = family.scales().collect();
            let only = match scales.as_slice() {
                [only] => Some((*only).clone()),
                _ => None,
            };
            return match shown.or(chosen).or(only) {
                Some(scale) => Ok(with(&stem, &scale)),
                None => Err(CatalogError::NoScale {
                    model: written.to_string(),
                    example: with(&stem, scales.first().map_or("", |scale| scale)).to_string(),
                    known: family.known(),
                }),
            };
        }
        if let Some(family) = self.families.get(&written.family) {
            // A table without scales is the same at each of the usual ones.
            return Ok(match family.is_scaleless() && is_usual(&written.scale) {
                true => with(&written.family, ""),
                false => written.clone(),
            });
        }
        let ends_in_scale = self.families.iter().rev().find_map(|(name, family)| {
            let scale = stem.strip_prefix(name.as_str())?;
            match family.is_scaleless() {
                true => is_usual(scale).then(|| with(name, "")),
                false => family.table(scale).map(|_| with(name, scale)),
            }
        });
        if let Some(name) = ends_in_scale {
            return Ok(name);
        }
        // `customz`: a scale that `custom` does not have, not another family.
        let word = |rest: &&str| {
            rest.starts_with(|c: char| c.is_ascii_alphabetic())
                && rest.chars().all(|c| c.is_ascii_alphanumeric())
        };
        let near = self.families.iter().rev().find_map(|(name, family)| {
            let scale = stem.strip_prefix(name.as_str()).filter(word)?;
            Some(CatalogError::UnknownScale {
                model: written.to_string(),
                family: name.clone(),
                scale: scale.into(),
                known: family.known(),
            })
        });
        match near {
            Some(error) => Err(error),
            None => self.family(written).map(|_| written.clone()),
        }
    }

    /// The scales of a family, one without a name if its table has none; nothing if there is no
    /// such family.
    pub fn scales(&self, family: &str) -> Vec<String> {
        let family = self.families.get(family);
        family.map_or(Vec::new(), |family| family.scales().cloned().collect())
    }

    /// The model's table with its variants applied: one that swaps the backbone first, the others
    /// in the order of its name.
    ///
    /// # Errors
    /// An unknown family, scale or variant, and a variant that does not fit.
    pub fn resolve(&self, name: &ModelName) -> Result<ResolvedModel, CatalogError> {
        let name = &self.name(name)?;
        let (_, scaling) = self.family_table(name)?;
        let table = self.patched(name, scaling)?;
        Ok(ResolvedModel {
            name: name.clone(),
            table,
            scaling,
        })
    }

    /// The same at a scaling of one's own; the name's scale then only chooses the defaults of the
    /// variants' arguments.
    ///
    /// # Errors
    /// As of [`resolve`](Self::resolve), an unknown scale aside.
    pub fn patched(&self, name: &ModelName, scaling: Scaling) -> Result<Table, CatalogError> {
        let mut table = self.family_table(name)?.0.clone();
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
        // A variant that changes rows of the backbone has to find the final one.
        called.sort_by_key(|(variant, _)| !variant.swaps_backbone());
        if let [(first, _), (second, _), ..] = called[..]
            && second.swaps_backbone()
        {
            return Err(fail(
                second.error(format!("{} has swapped the backbone already", first.name)),
            ));
        }
        for (variant, call) in called {
            if !variant.is_for(&name.family) {
                let families = joined(variant.families.iter());
                return Err(fail(variant.error(format!(
                    "expected a model of {families}, found one of {}; its key 'families' says so",
                    name.family
                ))));
            }
            table = variant
                .apply(&table, &name.scale, scaling, call)
                .map_err(fail)?;
        }
        Ok(table)
    }

    /// The variant of a call, whose arguments are right.
    fn variant(&self, name: &ModelName, call: &VariantCall) -> Result<&Variant, CatalogError> {
        let variant = self.variants.get(&call.name);
        let variant = variant.ok_or_else(|| CatalogError::UnknownVariant {
            model: name.to_string(),
            name: call.name.clone(),
            known: joined(self.variants.keys()),
        })?;
        match variant.check(call) {
            Ok(()) => Ok(variant),
            Err(error) => Err(CatalogError::Argument {
                model: name.to_string(),
                error,
            }),
        }
    }

    /// The family's table at the name's scale, and its scaling.
    fn family_table(&self, name: &ModelName) -> Result<(&Table, Scaling), CatalogError> {
        let family = self.family(name)?;
        family
            .table(&name.scale)
            .ok_or_else(|| CatalogError::UnknownScale {
                model: name.to_string(),
                family: name.family.clone(),
                scale: name.scale.clone(),
                known: family.known(),
            })
    }

    fn family(&self, name: &ModelName) -> Result<&Family, CatalogError> {
        let unknown = || CatalogError::UnknownFamily {
            name: name.family.clone(),
            hint: self
                .hint(name)
                .map_or_else(String::new, |hint| format!("; {hint}")),
            known: joined(self.families.keys()),
        };
        self.families.get(&name.family).ok_or_else(unknown)
    }

    /// What an unknown name may mean: what other tools and files are called.
    fn hint(&self, name: &ModelName) -> Option<String> {
        let is_model = |word: &str| {
            let parsed = word.parse::<ModelName>();
            parsed.is_ok_and(|parsed| self.families.contains_key(&parsed.family))
        };
        if is_model(&name.family) {
            let family = &name.family;
            return Some(format!("{family} is a model: list it under `models`"));
        }
        let word = ModelName::baseline(&name.family, &name.scale).to_string();
        let lower = word.to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        if ends(&[".pt", ".pth", ".safetensors"]) {
            return Some("a file of weights goes to --weights".into());
        }
        if ends(&[".yaml", ".yml"]) {
            return Some("a table's file goes to --table".into());
        }
        if let Some(detector) = lower.strip_suffix("-seg").filter(|word| is_model(word)) {
            return Some(format!("write {detector}+segment"));
        }
        let with_v = lower.replacen("yolo", "yolov", 1);
        let without_v = lower.replacen("yolov", "yolo", 1);
        let others = [&lower, &without_v, &with_v].into_iter();
        let mut known = others.filter(|other| **other != word && is_model(other));
        if let Some(other) = known.next() {
            return Some(format!("did you mean {other}?"));
        }
        let (model, variant) = lower.split_once('-')?;
        let is_variant = self.variants.contains_key(variant);
        is_variant.then(|| format!("variants follow a plus sign: {model}+{variant}"))
    }
}

impl ResolvedModel {
    /// The graph for `nc` classes; for the table's own number if None.
    ///
    /// # Errors
    /// A row that its block refuses.
    pub fn graph(&self, nc: Option<usize>) -> Result<Graph, GraphError> {
        Graph::resolve(&self.table, self.scaling, nc.unwrap_or(self.table.nc))
    }
}

/// Whether a scale is one of those that the packages publish.
fn is_usual(scale: &str) -> bool {
    ["n", "s", "m", "l", "x"].contains(&scale)
}

/// Names for a message that lists them.
fn joined<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}
