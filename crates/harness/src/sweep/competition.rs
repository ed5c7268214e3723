//! Trainings that compete: all of them as far as a rung, then those that the rule lets go on to the
//! next, and the last to their end.
//!
//! Who stops follows from the epochs that records and checkpoints hold, so a run that was killed
//! comes to the same decisions, and so do several runs that share the trainings: at a rung, each
//! waits until all rivals are there, whoever brings them.

use std::collections::HashSet;

use ablate_files::Life;
use ablate_model::ModelName;
use anyhow::Result;

use super::{
    config::{Among, HalvingConfig},
    deaths,
    decision::{Rungs, decision, stopped},
    halving::{Fate, Standing, scores},
    outcome::failed,
    plan::PlannedCell,
    run::{Run, held, interrupted},
    stages::{Job, Train, Work, checkpoints},
};
use crate::{
    cluster::checkpoint::epochs,
    guard::guarded,
    interrupt::{self, Interrupted},
    progress::Steps,
};
use ablate_records::{
    EpochLog, Measurement, Outcome, Stage, Status,
    sharing::{Busy, Turn, in_turn},
};
use ablate_training::Leg;

/// A training that competes.
struct Entrant<'p> {
    job: Job<'p>,
    /// Whether there is more of it to train.
    open: bool,
    /// The epochs that are known of it; empty where it is out of the competition.
    log: Vec<EpochLog>,
    /// Its record.
    found: Option<Outcome>,
}

/// What this run has done in the competition: pieces of it are looked at again while others are
/// waited for.
#[derive(Default)]
pub(super) struct Played {
    /// Keys of the records that this run has written.
    kept: HashSet<String>,
    /// Keys of the trainings that this run has begun anew.
    forgotten: HashSet<String>,
    /// Decisions that are told.
    told: HashSet<String>,
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
        let entrants = fields.iter().flatten().map(|job| self.enter(job));
        let entrants: Vec<Entrant> = entrants.collect::<Result<_>>()?;
        let open = entrants.iter().filter(|entrant| entrant.open).count();
        // Those that stop come first, after a few epochs.
        let mut steps = Steps::new(Stage::Train.name(), open).unlike();
        let (name, waits) = (Stage::Train.name(), self.conduct.waits);
        in_turn(name, waits, fields, interrupted, |field, turn| {
            self.field(train, &rungs, (field, turn), &mut steps)
        })
    }

    /// How a training stands, by its record and its checkpoint.
    fn enter<'p>(&self, job: &Job<'p>) -> Result<Entrant<'p>> {
        let new = self.played.kept.contains(&job.key) || self.claims.is_settled(job);
        let anew = self.conduct.fresh && !new && !self.played.forgotten.contains(&job.key);
        let found = self
            .store
            .try_load(&job.key)?
            .map(|record| record.outcome)
            .filter(|_| !self.conduct.fresh || new);
        let (open, log) = match &found {
            // What an earlier run has finished has survived, whatever place it comes to.
            Some(Outcome::Done {
                measurement: Measurement::Train(trained),
            }) => (false, trained.epochs.clone()),
            Some(Outcome::Stopped { epochs, .. }) => (true, epochs.clone()),
            _ if anew => (true, Vec::new()),
            found => {
                let failed = matches!(found, Some(Outcome::Failed { .. }));
                let over = failed && (self.conduct.keeps_failed || new);
                let folder = checkpoints(self.store, &job.cell.id, &job.key);
                (!over, epochs(&folder, &job.key).unwrap_or_default())
            }
        };
        Ok(Entrant {
            job: job.clone(),
            open,
            log,
            found,
        })
    }

    /// A field as far as this run can take it: who holds a training that it waits for, if there is
    /// one. All of it follows from records and checkpoints, so several runs come to the same
    /// decisions, each after all rivals have come to the rung.
    fn field(
        &mut self,
        train: &Train,
        rungs: &Rungs,
        (jobs, turn): (&[Job], Turn),
        steps: &mut Steps,
    ) -> Result<Option<Busy>> {
        let mut field: Vec<Entrant> = jobs
            .iter()
            .map(|job| self.enter(job))
            .collect::<Result<_>>()?;
        let names = models(&field);
        let rivals = names.iter().filter(|model| !is_baseline(model)).count();
        let is_open = field.iter().any(|entrant| entrant.open);
        let at: &[usize] = if rivals > 1 && is_open {
            &rungs.at
        } else {
            &[]
        };
        if rivals <= 1 && is_open && self.played.told.insert(field[0].job.key.clone()) {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            tracing::info!(
                "halving: {} to their end, since nothing here competes with them",
                names.join(", ")
            );
        }
        for &rung in at {
            let busy = self.leg(train, (rungs, Some(rung)), (&mut field, turn), steps)?;
            if busy.is_some() {
                return Ok(busy);
            }
            let busy = self.judge(rungs, rung, &mut field, steps)?;
            if busy.is_some() {
                return Ok(busy);
            }
        }
        let busy = self.leg(train, (rungs, None), (&mut field, turn), steps)?;
        if busy.is_none() {
            self.count(jobs);
        }
        Ok(busy)
    }

    /// Counts what is of other runs.
    fn count(&mut self, jobs: &[Job]) {
        for job in jobs
            .iter()
            .filter(|job| !self.played.kept.contains(&job.key))
        {
            match self.store.status(&job.key) {
                Some(Status::Failed) => self.summary.failed += 1,
                _ => self.summary.reused += 1,
            }
        }
    }

    /// Trains what is open as far as a rung, or to the end, as far as no other run does.
    fn leg(
        &mut self,
        train: &Train,
        (rungs, until): (&Rungs, Option<usize>),
        (field, turn): (&mut [Entrant], Turn),
        steps: &mut Steps,
    ) -> Result<Option<Busy>> {
        let leg = Leg {
            rungs: &rungs.at,
            until,
        };
        let behind =
            |entrant: &Entrant| entrant.open && until.is_none_or(|rung| entrant.log.len() < rung);
        let mut busy: Option<Busy> = None;
        for entrant in field.iter_mut().filter(|entrant| behind(entrant)) {
            interrupt::check()?;
            let job = entrant.job.clone();
            let leases = match self
                .claims
                .claim(Stage::Train, std::slice::from_ref(&job), turn)?
            {
                Ok(leases) => leases,
                Err(other) => {
                    // At a rung, what is decided there may be work for this run.
                    let brings_more = until.is_some();
                    // The least that is known of any holder.
                    let life = match &busy {
                        Some(known) if other.life == Life::Certain => known.life,
                        _ => other.life,
                    };
                    busy = Some(Busy {
                        life,
                        brings_more,
                        ..other
                    });
                    continue;
                }
            };
            // Another run may have brought it here between the two looks.
            *entrant = self.enter(&job)?;
            if !behind(entrant) {
                continue;
            }
            let job = held(&[job], leases).remove(0);
            self.train_on(train, leg, &job, steps)?;
            *entrant = self.enter(&entrant.job)?;
        }
        Ok(busy)
    }

    /// Trains one as far as a leg goes.
    fn train_on(&mut self, train: &Train, leg: Leg, job: &Job, steps: &mut Steps) -> Result<()> {
        let name = &job.cell.cell.model;
        steps.begin(name);
        let is_earlier = !self.claims.is_settled(job);
        if self.conduct.fresh && is_earlier && self.played.forgotten.insert(job.key.clone()) {
            train.forget(job)?;
        }
        let alone = std::slice::from_ref(job);
        let trained = match (&job.error, deaths::fatal(train, alone)?) {
            (Some(error), _) => Err(anyhow::anyhow!("{error}")),
            (None, Some(reason)) => Err(anyhow::anyhow!("{reason}")),
            (None, None) => guarded(|| train.leg(job, leg, steps)),
        };
        let outcome = match trained {
            Ok((_, true)) => {
                deaths::forget(alone);
                return Ok(());
            }
            Ok((trained, false)) => Outcome::Done {
                measurement: Measurement::Train(trained),
            },
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => failed(&error),
        };
        match job.is_lost() {
            true => tracing::warn!("{name}: another run has taken it over"),
            false => {
                self.keep(Stage::Train, job, outcome, steps)?;
                deaths::forget(alone);
                self.played.kept.insert(job.key.clone());
            }
        }
        self.after_record()
    }

    /// Ranks the models at a rung, logs who goes on, and stops the others.
    fn judge(
        &mut self,
        rungs: &Rungs,
        rung: usize,
        field: &mut [Entrant],
        steps: &mut Steps,
    ) -> Result<Option<Busy>> {
        // One that failed before the rung is out; one that failed later was there.
        for entrant in field.iter_mut().filter(|entrant| !entrant.open) {
            if matches!(entrant.found, Some(Outcome::Failed { .. })) && entrant.log.len() < rung {
                entrant.log.clear();
            }
        }
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
        let line = decision(rungs, rung, field[0].job.cell, &standings, &fates);
        let is_news = self.played.told.insert(line.clone());
        if is_news {
            tracing::info!("{line}");
        }
        for ((model, fate), seeds) in models.iter().zip(fates).zip(seeds) {
            let Fate::Stops(place) = fate else { continue };
            if is_news && of(field, model).all(|entrant| !entrant.open) {
                tracing::info!("{model} was trained by an earlier sweep, and keeps its figures");
            }
            for entrant in field
                .iter_mut()
                .filter(|entrant| entrant.job.cell.model == **model)
            {
                let log = std::mem::take(&mut entrant.log);
                if !std::mem::take(&mut entrant.open) {
                    continue;
                }
                let outcome = stopped(rungs, rung, place, seeds, log);
                if entrant.found.as_ref() == Some(&outcome) {
                    continue;
                }
                let job = std::slice::from_ref(&entrant.job);
                let _leases = match self.claims.claim(Stage::Train, job, Turn::Any)? {
                    Ok(leases) => leases,
                    Err(busy) => {
                        let brings_more = true;
                        return Ok(Some(Busy {
                            brings_more,
                            ..busy
                        }));
                    }
                };
                let written = self.store.try_load(&entrant.job.key)?;
                if written.is_none_or(|record| record.outcome != outcome) {
                    self.keep(Stage::Train, &entrant.job, outcome, steps)?;
                    self.played.kept.insert(entrant.job.key.clone());
                }
            }
        }
        self.after_record()?;
        Ok(None)
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
