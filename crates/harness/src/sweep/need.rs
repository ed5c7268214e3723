//! Seeds by need: every model is trained under a few seeds, whose spread says how many it takes for
//! intervals of the width asked for. The rule, and why it asks once only, is
//! [`ablate_statistics::seeds_for_width`].

use std::collections::BTreeMap;

use ablate_statistics::{
    Arm, Comparison, Needed, confidence_of_each, mean_by_place, seeds_for_width,
};
use anyhow::Result;

use super::{
    config::ByNeed,
    plan::{Plan, PlannedCell, Selection},
    run::Run,
};
use ablate_records::{EvalMeasurement, Measurement, Outcome, Stage};

/// Models that are compared with one baseline: family, scale, device.
type Group<'p> = (&'p str, &'p str, &'p str);

impl<'p> Run<'p> {
    /// Trains and evaluates every model under the first seeds, then under as many more as it takes.
    pub(super) fn train_by_need(
        &mut self,
        plan: &'p Plan,
        need: &ByNeed,
        selection: &Selection,
    ) -> Result<()> {
        let all = self.selected.clone();
        let is_first = |cell: &&&PlannedCell| seed(cell) < need.from as u64;
        self.selected = all.iter().filter(is_first).copied().collect();
        self.train_and_evaluate(plan, selection)?;

        self.manifest.refresh(self.store);
        let wanted = self.seeds_wanted(plan, need);
        let decided = |cell: &PlannedCell| {
            let model = (cell.cell.model.as_str(), cell.cell.device.as_str());
            wanted.get(&model).copied()
        };
        let is_wanted = |cell: &PlannedCell| seed(cell) < decided(cell).unwrap_or(need.from) as u64;
        // Seeds of which nothing is decided yet stay in the plan.
        let is_superfluous =
            |cell: &&PlannedCell| decided(cell).is_some_and(|seeds| seed(cell) >= seeds as u64);
        self.settle(plan.cells.iter().filter(is_superfluous));
        self.manifest.save(self.store, &self.claims)?;
        let rest = all.iter().filter(|cell| is_wanted(cell) && !is_first(cell));
        self.selected = rest.copied().collect();
        if !self.selected.is_empty() {
            self.train_and_evaluate(plan, selection)?;
        }
        self.selected = all.into_iter().filter(|cell| is_wanted(cell)).collect();
        self.report()
    }

    fn train_and_evaluate(&mut self, plan: &'p Plan, selection: &Selection) -> Result<()> {
        for stage in [Stage::Train, Stage::Eval] {
            if selection.wants(stage) {
                self.stage(plan, stage)?;
            }
        }
        Ok(())
    }

    /// The number of seeds of each model, by its name and device.
    fn seeds_wanted(&self, plan: &'p Plan, need: &ByNeed) -> BTreeMap<(&'p str, &'p str), usize> {
        let trained = plan
            .cells
            .iter()
            .filter(|cell| cell.skipped(Stage::Eval).is_none());
        let mut groups: BTreeMap<Group, Vec<&str>> = BTreeMap::new();
        for cell in trained {
            let cell = &cell.cell;
            let group = (
                cell.family.as_str(),
                cell.scale.as_str(),
                cell.device.as_str(),
            );
            let models = groups.entry(group).or_default();
            if !models.contains(&cell.model.as_str()) {
                models.push(&cell.model);
            }
        }
        // Alone, a model is compared with nothing.
        let alone = groups.extract_if(.., |_, models| models.len() == 1);
        let alone = alone.map(|(group, models)| ((models[0], group.2), need.from));
        let mut wanted: BTreeMap<(&str, &str), usize> = alone.collect();
        // As the report has it: groups of one table share nothing, so their confidences multiply.
        let of_device = |device: &str| groups.keys().filter(|group| group.2 == device).count();
        for (group, models) in &groups {
            let confidence = confidence_of_each(of_device(group.2));
            for (model, seeds) in self.of_group(plan, group, models, need, confidence) {
                wanted.insert((model, group.2), seeds);
            }
        }
        wanted
    }

    /// The number of seeds of each model of a group; nothing as long as one is not evaluated.
    fn of_group(
        &self,
        plan: &'p Plan,
        group: &Group<'p>,
        models: &[&'p str],
        need: &ByNeed,
        confidence: f64,
    ) -> Vec<(&'p str, usize)> {
        let is_baseline = |model: &str| {
            let mut cells = plan.cells.iter();
            cells.any(|cell| cell.cell.model == model && cell.model.variants.is_empty())
        };
        let name = models.iter().find(|model| is_baseline(model));
        let name = name.map_or(format!("{}{}", group.0, group.1), ToString::to_string);
        let figures = |&model: &&'p str| {
            let cells = plan.cells.iter().filter(|cell| {
                cell.cell.model == model
                    && cell.cell.device == group.2
                    && seed(cell) < need.from as u64
            });
            Figures::of(model, cells.map(|cell| self.outcome(cell)))
        };
        let Some(figures) = models.iter().map(figures).collect::<Option<Vec<_>>>() else {
            tracing::info!("{name}: not all models are evaluated yet; no more seeds for now");
            return Vec::new();
        };
        let (baselines, arms): (Vec<&Figures>, Vec<&Figures>) = figures
            .iter()
            .filter(|figures| !figures.seeds.is_empty())
            .partition(|figures| is_baseline(figures.model));
        let Some(baseline) = baselines.first() else {
            tracing::info!("{name}: no baseline is evaluated; no more seeds");
            return models.iter().map(|model| (*model, need.from)).collect();
        };
        let compared: Vec<Arm> = arms.iter().map(|arm| arm.arm()).collect();
        let comparison = Comparison {
            baseline: baseline.arm(),
            arms: &compared,
            confidence,
            images: baseline.images,
        };
        let needed = seeds_for_width(&comparison, need.width);
        let failed = figures.iter().filter(|figures| figures.seeds.is_empty());
        let mut wanted: Vec<_> = failed.map(|figures| (figures.model, need.from)).collect();
        let mut words = Vec::new();
        for (arm, needed) in arms.iter().zip(&needed) {
            let enough = needed.map_or(need.from, |needed| needed.seeds);
            let seeds = enough.min(need.to);
            let mut said = match enough > need.to {
                true => format!("{} would take {enough} and gets {seeds}", arm.model),
                false => format!("{} {seeds}", arm.model),
            };
            if let Some(Needed { of_images, .. }) = needed
                && *of_images > need.width
            {
                said += &format!(" (test images alone leave {of_images:.1})");
            }
            words.push(said);
            wanted.push((arm.model, seeds));
        }
        let most = wanted.iter().map(|(_, seeds)| *seeds).max();
        wanted.push((baseline.model, most.unwrap_or(need.from)));
        tracing::info!(
            "{name}: seeds for intervals of {} points: {}",
            need.width,
            words.join(", ")
        );
        wanted
    }

    fn outcome(&self, cell: &PlannedCell) -> Option<Outcome> {
        let key = self.manifest.key(&cell.cell, Stage::Eval)?;
        Some(self.store.load(key)?.outcome)
    }
}

/// What the first seeds of a model reached.
struct Figures<'p> {
    model: &'p str,
    /// mAP50-95 in points.
    seeds: Vec<f64>,
    /// The mean over the seeds, by resampling of the test images.
    resampled: Vec<f64>,
    /// Number of the test images.
    images: usize,
}

impl<'p> Figures<'p> {
    /// None if a seed is not evaluated yet. One that failed is left out.
    fn of(model: &'p str, outcomes: impl Iterator<Item = Option<Outcome>>) -> Option<Self> {
        let outcomes: Option<Vec<Outcome>> = outcomes.collect();
        let evaluated: Vec<EvalMeasurement> = outcomes?
            .into_iter()
            .filter_map(|outcome| match outcome {
                Outcome::Done {
                    measurement: Measurement::Eval(evaluated),
                } => Some(evaluated),
                _ => None,
            })
            .collect();
        let seeds: Vec<f64> = evaluated
            .iter()
            .filter_map(|seed| Some(100.0 * seed.boxes.figure("AP")?))
            .collect();
        let resampled: Vec<_> = evaluated.iter().map(|seed| &seed.bootstrap[..]).collect();
        let resampled = mean_by_place(&resampled).into_iter().flatten();
        Some(Self {
            model,
            seeds,
            resampled: resampled.map(|share| 100.0 * share).collect(),
            images: evaluated.first().map_or(0, |seed| seed.images),
        })
    }

    fn arm(&self) -> Arm<'_> {
        Arm {
            seeds: &self.seeds,
            first: None,
            resampled: &self.resampled,
        }
    }
}

/// Of a cell that is not trained, the first.
fn seed(cell: &PlannedCell) -> u64 {
    cell.cell.seed.unwrap_or(0)
}
