//! A sweep as jobs of Slurm. Who does which cell is decided by leases while they run; Slurm is told
//! only what must come before what.

mod job;
mod site;
mod submit;

use std::path::{Path, PathBuf};

use ablate_files::write_atomic;
use ablate_records::Stage;
use anyhow::{Context, Result};

pub use self::{
    job::{Job, Times},
    site::Site,
    submit::{command, submit},
};
use crate::cli::SlurmArgs;

/// What the jobs of a sweep are made from.
pub struct Submission<'a> {
    /// Absolute paths: of the program, the sweep's file and the folder of its results.
    pub program: &'a Path,
    /// The sweep's file.
    pub sweep: &'a Path,
    /// The folder of the results.
    pub out: &'a Path,
    /// The sweep's name.
    pub name: &'a str,
    /// Options of the command line.
    pub options: &'a SlurmArgs,
    /// What the site needs, from the file beside the sweep.
    pub site: &'a Site,
    /// What there is to do.
    pub work: Amount,
}

/// What a sweep has to do.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Number of tasks that share its trainings; 0: it trains nothing.
    pub trainers: usize,
    /// Whether trainings wait for others, as seeds by need do.
    pub together: bool,
    /// Whether seeds by need are evaluated as they are trained.
    pub by_need: bool,
    /// Whether latencies are measured.
    pub times: bool,
    /// Whether networks are evaluated.
    pub evaluates: bool,
    /// Whether detection is timed.
    pub detects: bool,
}

impl Submission<'_> {
    /// The jobs, each after those that it depends on.
    pub fn jobs(&self) -> Vec<Job> {
        let work = self.work;
        let main = self.run("", &[]);
        let stage = |stages: &[&str]| vec![self.run("", stages)];
        let check = vec![format!("{main} --dry-run"), self.run("", &["cost"])];
        let mut jobs = vec![Job::new("setup", check).reports_no_failure()];
        if work.trainers > 0 {
            let stages: &[&str] = if work.by_need {
                &["train", "eval"]
            } else {
                &["train"]
            };
            let wait = if work.together { "" } else { " --no-wait" };
            let train = format!("{}{wait}", self.run("", stages));
            let job = Job::new("train", vec![train]).with_gres().after_ok("setup");
            jobs.push(job.array(work.trainers));
        }
        if work.times {
            jobs.extend(self.timings());
        }
        if work.evaluates && work.trainers > 0 {
            // With what trainings are left, of tasks that were killed.
            let wait = if work.together { "" } else { " --no-wait" };
            let eval = format!("{}{wait}", self.run("", &["train", "eval"]));
            let job = Job::new("eval", vec![eval])
                .with_gres()
                .after_ok("setup")
                .after_any(&["train"]);
            jobs.push(job.array(work.trainers));
        }
        if work.detects && work.trainers > 0 {
            let job = Job::new("detect", stage(&["detect"]))
                .with_gres()
                .times(Stage::Detect, self.records(""));
            let kind = self.options.timing_node.first();
            let job = job.option(kind.map(|kind| &kind.option));
            jobs.push(job.after_ok("setup").after_any(&["eval"]));
        }
        let names: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        jobs.push(Job::new("report", self.reports()).after_any(&names));
        jobs
    }

    /// A job for each kind of node. A time is of a machine, so the second and others have a folder of
    /// their own, with costs beside them.
    fn timings(&self) -> Vec<Job> {
        let kinds = &self.options.timing_node;
        let mut jobs = Vec::new();
        for place in 0..kinds.len().max(1) {
            let kind = kinds.get(place);
            let (name, below, stages): (_, _, &[&str]) = match kind.filter(|_| place > 0) {
                None => ("latency".to_owned(), String::new(), &["latency"]),
                Some(kind) => (
                    format!("latency-{}", kind.name),
                    on(&kind.name),
                    &["cost", "latency"],
                ),
            };
            let job = Job::new(&name, vec![self.run(&below, stages)])
                .with_gres()
                .times(Stage::Latency, self.records(&below));
            jobs.push(job.option(kind.map(|kind| &kind.option)).after_ok("setup"));
        }
        jobs
    }

    fn reports(&self) -> Vec<String> {
        let (program, out) = (quoted(self.program), quoted(self.out));
        let mut commands = vec![format!("{program} report {out}")];
        if self.work.times && self.options.timing_node.len() > 1 {
            let others = self.options.timing_node[1..].iter();
            let folders: Vec<String> = others
                .map(|kind| quoted(&self.out.join(on(&kind.name))))
                .collect();
            let compared = quoted(&self.out.join("compare"));
            let folders = folders.join(" ");
            commands.push(format!(
                "{program} compare {out} {folders} --out {compared}"
            ));
        }
        commands
    }

    /// The folder of the results, or one below it.
    fn results(&self, below: &str) -> PathBuf {
        if below.is_empty() {
            self.out.to_owned()
        } else {
            self.out.join(below)
        }
    }

    fn records(&self, below: &str) -> PathBuf {
        self.results(below).join("records")
    }

    /// A run into the folder of the results, or into one below it.
    fn run(&self, below: &str, stages: &[&str]) -> String {
        let out = self.results(below);
        let (program, sweep, out) = (quoted(self.program), quoted(self.sweep), quoted(&out));
        let mut words = format!("{program} run {sweep} --out {out} --no-report --keep-failed");
        if !stages.is_empty() {
            words += &format!(" --stages {}", stages.join(","));
        }
        words
    }

    /// The folder of the scripts.
    pub fn folder(&self) -> PathBuf {
        self.out.join("slurm")
    }

    /// Where a job's script is.
    pub fn path(&self, job: &Job) -> PathBuf {
        self.folder().join(format!("{}.sbatch", job.name))
    }

    /// Writes the scripts.
    ///
    /// # Errors
    /// A file that can't be written.
    pub fn write(&self, jobs: &[Job]) -> Result<()> {
        let logs = self.folder().join("logs");
        std::fs::create_dir_all(&logs)
            .with_context(|| format!("cannot create {}", logs.display()))?;
        for job in jobs {
            write_atomic(&self.path(job), job.script(self).as_bytes())?;
        }
        Ok(())
    }
}

/// The folder of times of another kind of node.
pub fn on(kind: &str) -> String {
    format!("on-{kind}")
}

/// A path as the shell reads it.
pub fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
