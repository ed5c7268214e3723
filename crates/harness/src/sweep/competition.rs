//! Trainings that compete: all of them as far as a rung, then those that the rule lets go on to the
//! next, and the last to their end.
//!
//! Who stops follows from the epochs that records and checkpoints hold, so a run that was killed
//! comes to the same decisions.

use ablate_model::ModelName;
use anyhow::Result;

use super::{
    claims::in_turn,
    config::{Among, HalvingConfig},
    halving::{Fate, Place, Standing, percent, scores},
    plan::PlannedCell,
    run::{Run, failed, held},
    stages::{Job, Train, Work},
};
use crate::{guard::guarded, interrupt::Interrupted, progress::Steps};
use ablate_records::{EpochLog, Measurement, Outcome, Rung, Stage, TrainMeasurement};
use ablate_training::Leg;

/// A training that competes.
struct Entrant<'p> {
    job: Job<'p>,
    /// Whether there is more of it to train.
    open: bool,
    /// The epochs that are known of it; empty where it is out of the competition.
    log: Vec<EpochLog>,
    /// How an earlier run left it.
    found: Option<Outcome>,
}

/// The rungs of a competition.
struct Rungs<'h> {
    halving: &'h HalvingConfig,
    at: Vec<usize>,
    epochs: usize,
}

impl Run<'_> {
    /// Trains the selected jobs, of which those on one device compete. A cell that is run alone has
    /// nobody to lose to, and goes to its end.
    pub(super) fn compete(
        &mut self,
        train: &Train,
        halving: &HalvingConfig,
        jobs: Vec<Job>,
    ) -> Result<()> {
        let epochs = self.bench.epochs()?;
        let rungs = Rungs {
            halving,
            at: halving.epochs(epochs),
            epochs,
        };
        tracing::info!(
            "{}",
            halving.rule(epochs, self.bench.config.seeds.all().len())
        );
        let mut fields: Vec<Vec<Job>> = Vec::new();
        for job in jobs {
            if !self.is_selected(&job) || fields.iter().flatten().any(|other| other.key == job.key)
            {
                continue; // One record serves both cells.
            }
            match fields
                .iter_mut()
                .find(|field| halving.meet(field[0].cell, job.cell))
            {
                Some(field) => field.push(job),
                None => fields.push(vec![job]),
            }
        }
        let open = fields.iter().flatten().filter(|job| self.enter(job).open);
        // Those that stop come first, after a few epochs.
        let mut steps = Steps::new(Stage::Train.name(), open.count()).unlike();
        // A field is one piece of work: who goes on follows from all of it.
        in_turn(Stage::Train, self.conduct.waits, fields, |field| {
            let leases = match self.claims.claim(Stage::Train, field)? {
                Ok(leases) => leases,
                Err(holder) => return Ok(Some(holder)),
            };
            let field: Vec<Entrant> = held(field, leases)
                .iter()
                .map(|job| self.enter(job))
                .collect();
            let closed = field.iter().filter(|entrant| !entrant.open);
            let (failed, found): (Vec<&Entrant>, Vec<&Entrant>) =
                closed.partition(|entrant| matches!(entrant.found, Some(Outcome::Failed { .. })));
            self.summary.reused += found.len();
            self.summary.failed += failed.len();
            self.field(train, &rungs, field, &mut steps)?;
            Ok(None)
        })
    }

    /// How a training stands before it competes.
    fn enter<'p>(&self, job: &Job<'p>) -> Entrant<'p> {
        let new = self.claims.settled(self.store, job).is_some();
        let found = self
            .store
            .load(&job.key)
            .map(|record| record.outcome)
            .filter(|_| !self.conduct.fresh || new);
        let (open, log) = match &found {
            // What an earlier run has finished has survived, whatever place it comes to.
            Some(Outcome::Done {
                measurement: Measurement::Train(trained),
            }) => (false, trained.epochs.clone()),
            Some(Outcome::Stopped { epochs, .. }) => (true, epochs.clone()),
            Some(Outcome::Failed { .. }) if self.conduct.keeps_failed || new => (false, Vec::new()),
            _ => (true, Vec::new()),
        };
        Entrant {
            job: job.clone(),
            open,
            log,
            found,
        }
    }

    fn field(
        &mut self,
        train: &Train,
        rungs: &Rungs,
        mut field: Vec<Entrant>,
        steps: &mut Steps,
    ) -> Result<()> {
        if field.iter().all(|entrant| !entrant.open) {
            return Ok(());
        }
        for entrant in field.iter_mut().filter(|entrant| entrant.open) {
            if self.conduct.fresh && self.claims.settled(self.store, &entrant.job).is_none() {
                train.forget(&entrant.job)?;
            }
            if let Some(error) = entrant.job.error.clone() {
                entrant.open = false;
                self.keep(Stage::Train, &entrant.job, Outcome::Failed { error }, steps)?;
            }
        }
        let rivals = models(&field)
            .into_iter()
            .filter(|model| !is_baseline(model))
            .count();
        match rivals {
            0 | 1 => tracing::info!(
                "halving: {} to their end, since nothing here competes with them",
                models(&field)
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            _ => {
                for &rung in &rungs.at {
                    self.leg(train, rungs, Some(rung), &mut field, steps)?;
                    self.judge(rungs, rung, &mut field, steps)?;
                }
            }
        }
        self.leg(train, rungs, None, &mut field, steps)
    }

    /// Trains what is open as far as a rung, or to the end.
    fn leg(
        &mut self,
        train: &Train,
        rungs: &Rungs,
        until: Option<usize>,
        field: &mut [Entrant],
        steps: &mut Steps,
    ) -> Result<()> {
        let leg = Leg {
            rungs: &rungs.at,
            until,
        };
        let behind = |entrant: &&mut Entrant| {
            entrant.open && until.is_none_or(|rung| entrant.log.len() < rung)
        };
        for entrant in field.iter_mut().filter(behind) {
            steps.begin(&entrant.job.cell.cell.model);
            let outcome = match guarded(|| train.leg(&entrant.job, leg, steps)) {
                Ok((TrainMeasurement { epochs, .. }, true)) => {
                    entrant.log = epochs;
                    continue;
                }
                Ok((trained, false)) => {
                    entrant.log.clone_from(&trained.epochs);
                    Outcome::Done {
                        measurement: Measurement::Train(trained),
                    }
                }
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(error) => {
                    entrant.log.clear();
                    failed(&error)
                }
            };
            entrant.open = false;
            match entrant.job.is_lost() {
                true => tracing::warn!(
                    "{}: another run has taken it over",
                    entrant.job.cell.cell.model
                ),
                false => self.keep(Stage::Train, &entrant.job, outcome, steps)?,
            }
            self.after_record()?;
        }
        Ok(())
    }

    /// Ranks the models at a rung, logs who goes on, and stops the others.
    fn judge(
        &mut self,
        rungs: &Rungs,
        rung: usize,
        field: &mut [Entrant],
        steps: &mut Steps,
    ) -> Result<()> {
        // Those that failed or stopped are out.
        let out = |model: &ModelName| {
            of(field, model).all(|entrant| !entrant.open && entrant.log.is_empty())
        };
        let models: Vec<&ModelName> = models(field)
            .into_iter()
            .filter(|model| !out(model))
            .collect();
        let logs: Vec<Vec<&[EpochLog]>> = models
            .iter()
            .map(|model| of(field, model).map(|entrant| &*entrant.log).collect())
            .collect();
        let seeds: Vec<usize> = logs.iter().map(Vec::len).collect();
        let scores = scores(&logs, rung);
        let standings = models.iter().zip(scores);
        let standings: Vec<Standing> = standings
            .map(|(model, score)| Standing {
                model: model.to_string(),
                baseline: is_baseline(model),
                score,
            })
            .collect();
        let fates = rungs.halving.decide(&standings);
        tracing::info!(
            "{}",
            decision(rungs, rung, field[0].job.cell, &standings, &fates)
        );
        for ((model, fate), seeds) in models.iter().zip(fates).zip(seeds) {
            let Fate::Stops(place) = fate else { continue };
            if of(field, model).all(|entrant| !entrant.open) {
                tracing::info!("{model} was trained by an earlier sweep, and keeps its figures");
            }
            for entrant in field
                .iter_mut()
                .filter(|entrant| entrant.job.cell.model == **model)
            {
                let log = std::mem::take(&mut entrant.log);
                if std::mem::take(&mut entrant.open) {
                    let outcome = stopped(rungs, rung, place, seeds, log);
                    match entrant.found.as_ref() == Some(&outcome) {
                        true => self.summary.reused += 1,
                        false => self.keep(Stage::Train, &entrant.job, outcome, steps)?,
                    }
                }
            }
        }
        self.after_record()
    }
}

impl HalvingConfig {
    /// Whether two trainings compete.
    fn meet(&self, a: &PlannedCell, b: &PlannedCell) -> bool {
        let same_group = a.model.family == b.model.family && a.model.scale == b.model.scale;
        a.device == b.device && (self.among == Among::Models || same_group)
    }
}

/// The models of a field, each once.
fn models<'p>(field: &[Entrant<'p>]) -> Vec<&'p ModelName> {
    let mut models: Vec<&ModelName> = Vec::new();
    for entrant in field {
        let model = &entrant.job.cell.model;
        if !models.contains(&model) {
            models.push(model);
        }
    }
    models
}

/// The seeds of a model.
fn of<'f, 'p>(
    field: &'f [Entrant<'p>],
    model: &'f ModelName,
) -> impl Iterator<Item = &'f Entrant<'p>> {
    field
        .iter()
        .filter(move |entrant| entrant.job.cell.model == *model)
}

fn is_baseline(model: &ModelName) -> bool {
    model.variants.is_empty()
}

fn stopped(
    rungs: &Rungs,
    epoch: usize,
    place: Place,
    seeds: usize,
    mut epochs: Vec<EpochLog>,
) -> Outcome {
    epochs.truncate(epoch);
    let Place {
        place,
        ranked,
        kept,
        score,
        least,
    } = place;
    let (keep, fitness, map50_95) = (rungs.halving.keep, score.fitness, score.map50_95);
    let rung = Rung {
        epoch,
        epochs: rungs.epochs,
        keep,
        ranked,
        kept,
        place,
        fitness,
        seeds,
        least,
        map50_95,
    };
    Outcome::Stopped {
        reason: reason(&rung),
        rung,
        epochs,
    }
}

/// `after epoch 4 of 16 by halving: …`
fn reason(rung: &Rung) -> String {
    let Rung {
        epoch,
        epochs,
        keep,
        ranked,
        kept,
        place,
        fitness,
        seeds,
        least,
        map50_95,
    } = rung;
    let mean = if *seeds > 1 {
        format!(", means over {seeds} seeds")
    } else {
        String::new()
    };
    format!(
        "after epoch {epoch} of {epochs} by halving: place {place} of {ranked} by validation fitness, {fitness:.3} (mAP50-95 {map50_95:.3}{mean}); \
         the best {} % went on, {kept} with {least:.3} or more",
        percent(*keep),
    )
}

/// A decision in a line.
fn decision(
    rungs: &Rungs,
    rung: usize,
    first: &PlannedCell,
    standings: &[Standing],
    fates: &[Fate],
) -> String {
    let group = match rungs.halving.among {
        Among::Models => String::new(),
        Among::Variants => format!("{}{} ", first.model.family, first.model.scale),
    };
    let mut line = format!(
        "halving {group}on {} after epoch {rung} of {}:",
        first.device, rungs.epochs
    );
    let named = |wanted: &dyn Fn(&Fate) -> bool| -> Vec<String> {
        let mut chosen: Vec<&Standing> = standings
            .iter()
            .zip(fates)
            .filter(|(_, fate)| wanted(fate))
            .map(|(standing, _)| standing)
            .collect();
        let fitness = |standing: &Standing| {
            standing
                .score
                .map_or(f64::NEG_INFINITY, |score| score.fitness)
        };
        chosen.sort_by(|a, b| fitness(b).total_cmp(&fitness(a)));
        let figure = |standing: &Standing| {
            standing
                .score
                .map_or("–".into(), |score| format!("{:.3}", score.fitness))
        };
        chosen
            .into_iter()
            .map(|standing| format!("{} {}", standing.model, figure(standing)))
            .collect()
    };
    let parts = [
        ("go on", named(&|fate| matches!(fate, Fate::GoesOn(_)))),
        ("stop", named(&|fate| matches!(fate, Fate::Stops(_)))),
        ("not ranked", named(&|fate| matches!(fate, Fate::NotRanked))),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{} {what} ({})", names.len(), names.join(", ")))
        .collect();
    line += &format!(" {}", said.join("; "));
    line
}

#[cfg(test)]
mod tests {
    use ablate_model::Catalog;

    use super::super::{config::SweepConfig, plan::Plan};
    use super::*;

    #[test]
    fn models_meet_on_their_device_and_variants_in_their_family_and_scale() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "name: a\nfamilies: [yolov5, yolov8]\nscales: [n, s]\nvariants: [baseline, gsconv]\ndevices: [flex, 'cuda:0']\n";
        std::fs::write(file.path(), text).unwrap();
        let plan = Plan::new(
            &SweepConfig::read(file.path()).unwrap(),
            &Catalog::builtin(),
            3,
            None,
        )
        .unwrap();
        let met = |among, model: &str| -> Vec<&str> {
            let halving = HalvingConfig {
                among,
                ..HalvingConfig::default()
            };
            let first = plan.cells.iter().find(|cell| cell.id == model).unwrap();
            plan.cells
                .iter()
                .filter(|cell| halving.meet(first, cell))
                .map(|cell| cell.id.as_str())
                .collect()
        };
        assert_eq!(
            met(Among::Variants, "yolov8s+gsconv@flex"),
            ["yolov8s@flex", "yolov8s+gsconv@flex"]
        );
        let all = met(Among::Models, "yolov8s+gsconv@flex");
        assert!(
            all.len() == 8 && all.iter().all(|id| id.ends_with("@flex")),
            "{all:?}"
        );
    }
}
