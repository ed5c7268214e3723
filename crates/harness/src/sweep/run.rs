//! The scheduler: stage by stage over all cells, each record kept as soon as it is known.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use ablate_files::Lease;
use anyhow::Result;

use super::{
    Workbench,
    claims::Claims,
    competition::Played,
    deaths,
    outcome::{Summary, early_outcome, failed, outcome, record, words},
    plan::{Plan, PlannedCell, Selection},
    reporter::Reporter,
    shared_plan::SharedPlan,
    stages::{Job, Train, Work, work},
};
use crate::{
    curves,
    guard::guarded,
    interrupt,
    progress::{Steps, print},
};
use ablate_records::{Cell, Outcome, Stage, Status, sharing::in_turn, store::Store};
use ablate_report::terminal;

/// How a run goes about its work.
#[derive(Clone, Copy, Debug)]
pub struct Conduct {
    /// Ignores earlier records, and measures again.
    pub fresh: bool,
    /// Leaves failed cells as they are; otherwise they are tried again.
    pub keeps_failed: bool,
    /// Waits for what other runs hold, and takes it over if they are gone; otherwise it ends.
    pub waits: bool,
    /// Writes the report and prints the table; otherwise that is for another run.
    pub reports: bool,
}

impl Default for Conduct {
    /// Of a run that is alone.
    fn default() -> Self {
        Self {
            fresh: false,
            keeps_failed: false,
            waits: true,
            reports: true,
        }
    }
}

/// Runs the selected cells of a plan. What an earlier run has measured is taken from its records,
/// and what failed is tried again, unless its conduct is another.
///
/// # Errors
/// If the selection fits no cell, or a record can't be written. A cell that fails is recorded as
/// failed and counted.
pub fn run(
    bench: &Workbench,
    store: &Store,
    plan: &Plan,
    selection: &Selection,
    conduct: Conduct,
) -> Result<Summary> {
    let variants = bench.variants(plan);
    let judging = bench.config.judging();
    let mut run = Run {
        bench,
        store,
        selected: plan.select(selection)?,
        settled: BTreeSet::new(),
        wanted: HashSet::new(),
        manifest: SharedPlan::new(plan, variants.clone(), judging, store.manifest().as_ref()),
        reporter: Reporter::new(store, &plan.sweep, variants, judging),
        claims: Claims::open(store),
        played: Played::default(),
        conduct,
        summary: Summary::default(),
    };
    let by_need = bench.config.seeds.by_need();
    for stage in Stage::ALL {
        match (stage, by_need) {
            (Stage::Train, Some(need)) => run.train_by_need(plan, need, selection)?,
            // Seeds by need are evaluated as they are trained.
            (Stage::Eval, Some(_)) => {}
            _ if selection.wants(stage) => run.stage(plan, stage)?,
            _ => {}
        }
    }
    if conduct.reports {
        run.tell_recorded_data(selection);
    }
    if conduct.reports
        && bench.config.writes_curves()
        && let Err(error) = curves::complete(store)
    {
        tracing::warn!("no curves for TensorBoard: {error:#}");
    }
    run.claims.clear_away();
    Ok(run.summary)
}

/// Writes the plan of a sweep that other machines will run, so that its status can be asked at once.
///
/// # Errors
/// A file that can't be written.
pub fn write_plan(bench: &Workbench, store: &Store, plan: &Plan) -> Result<()> {
    let earlier = store.manifest();
    let (variants, judging) = (bench.variants(plan), bench.config.judging());
    let mut shared = SharedPlan::new(plan, variants, judging, earlier.as_ref());
    shared.wait_for_devices();
    shared.save(store, &Claims::open(store))
}

pub(super) struct Run<'a> {
    pub(super) bench: &'a Workbench,
    pub(super) store: &'a Store,
    pub(super) selected: Vec<&'a PlannedCell>,
    /// Seeds that are not needed.
    settled: BTreeSet<&'a Cell>,
    /// The keys of the records that this run is asked for, of the stage at hand.
    wanted: HashSet<String>,
    pub(super) manifest: SharedPlan,
    pub(super) reporter: Reporter<'a>,
    pub(super) claims: Claims,
    pub(super) played: Played,
    pub(super) conduct: Conduct,
    pub(super) summary: Summary,
}

impl<'a> Run<'a> {
    pub(super) fn stage(&mut self, plan: &'a Plan, stage: Stage) -> Result<()> {
        let work = work(stage, self.bench, self.store);
        let asked = plan
            .cells
            .iter()
            .filter(|cell| cell.skipped(stage).is_none() && !self.settled.contains(&cell.cell));
        let jobs: Vec<Job> = asked.map(|cell| Job::new(stage, &*work, cell)).collect();
        if jobs.is_empty() {
            return Ok(());
        }
        self.manifest
            .set(stage, jobs.iter().map(|job| (&job.cell.cell, &job.key)));
        self.manifest.save(self.store, &self.claims)?;
        let keys = self
            .selected
            .iter()
            .filter_map(|cell| self.manifest.key(&cell.cell, stage));
        self.wanted = keys.cloned().collect();
        self.claims.remember(&jobs)?;
        if self.conduct.reports {
            self.tell_other_builds(stage, &jobs)?;
        }

        match self.bench.halving()? {
            Some(halving) if stage == Stage::Train => {
                self.compete(
                    &Train {
                        bench: self.bench,
                        store: self.store,
                    },
                    &halving,
                    jobs,
                )?;
            }
            _ => self.groups_in_turn(stage, &*work, jobs)?,
        }
        self.report()
    }

    /// Prints the summary and writes the report.
    pub(super) fn report(&mut self) -> Result<()> {
        if !self.conduct.reports {
            return Ok(());
        }
        let records = self.store.report()?;
        print(terminal::summary(&records, self.manifest.judging()).trim_end());
        self.reporter.write(&records);
        Ok(())
    }

    /// Takes cells whose seeds are not needed out of the sweep.
    pub(super) fn settle(&mut self, cells: impl Iterator<Item = &'a PlannedCell>) {
        self.settled.extend(cells.map(|cell| &cell.cell));
        self.manifest.retain(|cell| !self.settled.contains(cell));
    }

    fn groups_in_turn(&mut self, stage: Stage, work: &dyn Work, jobs: Vec<Job>) -> Result<()> {
        let groups: Vec<Vec<Job>> = self.groups(work, jobs);
        let mut steps = Steps::new(stage.name(), groups.iter().map(Vec::len).sum());
        let (name, waits) = (stage.name(), self.conduct.waits);
        let mut others = Vec::new();
        in_turn(name, waits, groups, interrupted, |group, turn| {
            if self.is_settled(group) {
                others.extend(self.pass(group, &mut steps));
                return Ok(None);
            }
            let leases = match self.claims.claim(stage, group, turn)? {
                Ok(leases) => leases,
                Err(busy) => return Ok(Some(busy)),
            };
            // Another run may have ended it between the two looks.
            if self.is_settled(group) {
                others.extend(self.pass(group, &mut steps));
            } else {
                self.group(stage, work, &held(group, leases), &mut steps)?;
            }
            Ok(None)
        })?;
        // All at once: to read the records one by one would keep this run from looking for work.
        for status in self.store.statuses(&others).into_iter().flatten() {
            self.count_found(status);
        }
        Ok(())
    }

    /// Whether another run has measured a group since this one began.
    fn is_settled(&self, group: &[Job]) -> bool {
        let mut selected = group.iter().filter(|job| self.is_selected(job));
        selected.all(|job| self.claims.is_settled(job))
    }

    /// Leaves a group as another run has measured it: the keys of its records.
    fn pass(&self, group: &[Job], steps: &mut Steps) -> Vec<String> {
        let selected = group.iter().filter(|job| self.is_selected(job));
        let key = |job: &Job| {
            steps.end(&job.cell.cell.model, "measured by another run");
            job.key.clone()
        };
        selected.map(key).collect()
    }

    fn count_found(&mut self, status: Status) {
        match status {
            Status::Failed => self.summary.failed += 1,
            _ => self.summary.reused += 1,
        }
    }

    /// What is left to do, in groups that are measured together. A group of which one selected
    /// member is missing is measured whole: figures that are compared come from one measurement.
    fn groups<'p>(&mut self, work: &dyn Work, jobs: Vec<Job<'p>>) -> Vec<Vec<Job<'p>>> {
        let mut groups: Vec<Vec<Job>> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for job in jobs {
            if !seen.insert(job.key.clone()) {
                continue; // One record serves both cells.
            }
            match groups
                .iter_mut()
                .find(|group| work.together(group[0].cell, job.cell))
            {
                Some(group) => group.push(job),
                None => groups.push(vec![job]),
            }
        }
        groups.retain(|group| {
            let selected: Vec<&Job> = group.iter().filter(|job| self.is_selected(job)).collect();
            let found: Option<Vec<Status>> = selected.iter().map(|job| self.found(job)).collect();
            for status in found.iter().flatten() {
                self.count_found(*status);
            }
            found.is_none()
        });
        groups
    }

    /// Whether the run is asked for a cell that the job's record serves.
    pub(super) fn is_selected(&self, job: &Job) -> bool {
        self.wanted.contains(&job.key)
    }

    /// How an earlier run has ended the job; None if this one is to measure it.
    fn found(&self, job: &Job) -> Option<Status> {
        match self.claims.earlier(job)? {
            _ if self.conduct.fresh => None,
            Status::Failed if self.conduct.keeps_failed => Some(Status::Failed),
            status => Some(status).filter(|status| *status == Status::Done),
        }
    }

    /// Measures a group and keeps its records.
    fn group(
        &mut self,
        stage: Stage,
        work: &dyn Work,
        group: &[Job],
        steps: &mut Steps,
    ) -> Result<()> {
        steps.begin(&names(group));
        if let Some(reason) = deaths::fatal(work, group)? {
            // What was measured before one of them ended the process stays.
            let is_open = |job: &&Job| self.store.status(&job.key) != Some(Status::Done);
            for job in group.iter().filter(is_open) {
                let early = early_outcome(work, job);
                let fatal = || Ok(failed(&anyhow::anyhow!("{reason}")));
                self.end(stage, job, early.unwrap_or_else(fatal), steps)?;
            }
            deaths::forget(group);
            return self.after_record();
        }
        if self.conduct.fresh {
            group.iter().try_for_each(|job| work.forget(job))?;
        }
        let mut outcomes: Vec<_> = group.iter().map(|job| early_outcome(work, job)).collect();
        let able: Vec<Job> = group
            .iter()
            .zip(&outcomes)
            .filter(|(_, early)| early.is_none())
            .map(|(job, _)| job.clone())
            .collect();
        let mut measured = match guarded(|| Ok(work.measure(&able, steps))) {
            Ok(results) => {
                let results: Result<Vec<_>> = results.into_iter().map(outcome).collect();
                results?
            }
            Err(error) => able.iter().map(|_| failed(&error)).collect(),
        }
        .into_iter();
        if group.iter().any(Job::is_lost) {
            tracing::warn!("{}: another run has taken it over", names(group));
            return Ok(());
        }
        for (job, early) in group.iter().zip(&mut outcomes) {
            let outcome = early
                .take()
                .or_else(|| measured.next().map(Ok))
                .unwrap_or_else(|| Ok(failed(&anyhow::anyhow!("not measured"))));
            self.end(stage, job, outcome, steps)?;
        }
        deaths::forget(group);
        self.after_record()
    }

    /// Writes the report where one is due.
    pub(super) fn after_record(&mut self) -> Result<()> {
        match self.conduct.reports {
            true => self.reporter.after_record(),
            false => Ok(()),
        }
    }

    /// How a stage of a cell ended, or why it can't be measured yet, of which nothing is kept.
    fn end(
        &mut self,
        stage: Stage,
        job: &Job,
        outcome: Result<Outcome, String>,
        steps: &mut Steps,
    ) -> Result<()> {
        match outcome {
            Ok(outcome) => self.keep(stage, job, outcome, steps),
            Err(reason) => {
                self.summary.waiting += usize::from(self.conduct.waits);
                steps.end(&job.cell.cell.model, &reason);
                Ok(())
            }
        }
    }

    /// Saves, counts and logs how a stage of a cell ended.
    pub(super) fn keep(
        &mut self,
        stage: Stage,
        job: &Job,
        outcome: Outcome,
        steps: &mut Steps,
    ) -> Result<()> {
        let words = words(&outcome);
        let record = record(stage, job, outcome);
        // First of all: the log may be a pipe that nobody reads any more.
        self.store.save(&record)?;
        match &record.outcome {
            Outcome::Done { .. } => self.summary.measured += 1,
            Outcome::Failed { .. } => self.summary.failed += 1,
            Outcome::Stopped { .. } => self.summary.stopped += 1,
            Outcome::Skipped { .. } => self.summary.skipped += 1,
        }
        steps.end(&job.cell.cell.model, &words);
        Ok(())
    }
}

/// Fails once a signal has come, which ends the run between two pieces of work.
pub(super) fn interrupted() -> Result<()> {
    Ok(interrupt::check()?)
}

/// The jobs with what says that no other run measures them.
pub(super) fn held<'p>(jobs: &[Job<'p>], leases: Vec<Lease>) -> Vec<Job<'p>> {
    let leases = Arc::new(leases);
    let held = |job: &Job<'p>| Job {
        leases: Arc::clone(&leases),
        ..job.clone()
    };
    jobs.iter().map(held).collect()
}

fn names(group: &[Job]) -> String {
    let names: Vec<&str> = group
        .iter()
        .map(|job| job.cell.cell.model.as_str())
        .collect();
    names.join(", ")
}
