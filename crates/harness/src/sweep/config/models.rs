//! The models of a sweep: families × scales × variants, and those that are named.

use std::collections::BTreeSet;

use ablate_model::{Catalog, ModelName};
use anyhow::{Result, ensure};

use super::{
    SweepConfig,
    words::{Listed, Model, Scale, Variants},
};

impl SweepConfig {
    /// Adds families, scales and variants that a command line names to those of the grid.
    ///
    /// # Errors
    /// A word that is no scale, or no variant's name.
    pub fn include(
        &mut self,
        families: &[String],
        scales: &[String],
        variants: &[String],
    ) -> Result<()> {
        let new = |family: &&String| !self.families.contains(family);
        self.families
            .extend(families.iter().filter(new).cloned().collect::<Vec<_>>());
        for word in scales {
            let scale: Scale = word.parse()?;
            if !self.scales.contains(&scale) {
                self.scales.push(scale);
            }
        }
        for word in variants {
            let variants: Variants = word.parse()?;
            if !self.variants.contains(&variants) {
                self.variants.push(variants);
            }
        }
        Ok(())
    }

    /// A word for variants as models have it, and what `singles` and `pairs` stand for in the grid, where the
    /// data set that is named has no masks.
    ///
    /// # Errors
    /// A word that is no variant's name.
    pub fn variants_called(
        &self,
        word: &str,
        catalog: &Catalog,
        maskless: Option<&str>,
    ) -> Result<BTreeSet<String>> {
        let variants: Variants = word.parse()?;
        let baselines = self.baselines(catalog).into_iter();
        let models =
            baselines.flat_map(|baseline| variants.of(&baseline, catalog, maskless).models);
        let mut called: BTreeSet<String> = models.map(|model| model.variant()).collect();
        if called.is_empty() {
            called.insert(variants.to_string());
        }
        Ok(called)
    }

    /// Rejects scales of a stage that no model has: nothing would be measured, without a word.
    ///
    /// # Errors
    /// Names the key and the scale.
    pub fn check_scales(&self, models: &[ModelName]) -> Result<()> {
        let timed = self.latency.as_ref().and_then(|it| it.scales.as_ref());
        let trained = self.train.as_ref().and_then(|it| it.scales.as_ref());
        for (key, scales) in [("latency", timed), ("train", trained)] {
            for Scale(scale) in scales.into_iter().flatten() {
                let is_there = models.iter().any(|model| model.scale == *scale);
                ensure!(
                    is_there,
                    "key `{key}.scales`: no model of the sweep has the scale '{scale}'"
                );
            }
        }
        Ok(())
    }

    /// All models of the sweep in the order in which they are written, each once. The catalog says
    /// which variants `singles` and `pairs` are.
    pub fn models(&self, catalog: &Catalog) -> Vec<ModelName> {
        self.listed(catalog, None).models
    }

    /// The same with what `singles` and `pairs` leave out: models that make masks, too, if they are
    /// trained on a data set that has none, which is named.
    pub fn listed(&self, catalog: &Catalog, maskless: Option<&str>) -> Listed {
        let mut listed = Listed::default();
        for baseline in self.baselines(catalog) {
            for variants in &self.variants {
                let of = variants.of(&baseline, catalog, maskless);
                listed.models.extend(of.models);
                listed.left_out.extend(of.left_out);
            }
        }
        // A name that the catalog does not know fails where it is resolved.
        let named = |model: &Model| catalog.name(&model.0).unwrap_or_else(|_| model.0.clone());
        listed.models.extend(self.models.iter().map(named));
        let mut seen = std::collections::HashSet::new();
        listed.models.retain(|model| seen.insert(model.clone()));
        listed
    }

    /// The grid's families at its scales, without variants.
    fn baselines(&self, catalog: &Catalog) -> Vec<ModelName> {
        let of_family = |family: &String| -> Vec<ModelName> {
            // A table without scales makes one model, whatever scales the sweep has.
            if catalog.scales(family) == [""] {
                return vec![ModelName::baseline(family, "")];
            }
            let scales = self.scales.iter();
            scales
                .map(|scale| ModelName::baseline(family, &scale.0))
                .collect()
        };
        self.families.iter().flat_map(of_family).collect()
    }
}
