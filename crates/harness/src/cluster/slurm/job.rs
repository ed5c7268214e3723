//! A job and its script.

use std::path::PathBuf;

use ablate_records::Stage;

use super::{Submission, quoted};
use crate::cli::JobOption;

/// Seconds before the time limit at which a training is told to write its checkpoint.
const NOTICE_S: u32 = 120;

/// How often a job begins again within its time, if something killed its process.
const TURNS: u32 = 20;

/// A job of the sweep.
#[derive(Clone, Debug)]
pub struct Job {
    /// `train`.
    pub name: String,
    commands: Vec<String>,
    after: Vec<Times>,
    tasks: usize,
    gres: bool,
    times: Option<Timed>,
    option: Option<String>,
    reports_no_failure: bool,
}

/// What a job measures that has its node to itself.
#[derive(Clone, Debug)]
struct Timed {
    stage: Stage,
    /// The folder of its records.
    records: PathBuf,
}

/// A job that comes before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Times {
    /// It must have ended well.
    AfterOk(String),
    /// It must have ended.
    AfterAny(String),
}

impl Job {
    /// A job that runs commands one after another.
    pub fn new(name: &str, commands: Vec<String>) -> Self {
        Self {
            name: name.into(),
            commands,
            after: Vec::new(),
            tasks: 0,
            gres: false,
            times: None,
            option: None,
            reports_no_failure: false,
        }
    }

    /// As so many tasks; one is no array.
    pub fn array(mut self, tasks: usize) -> Self {
        self.tasks = tasks;
        self
    }

    /// With GPUs.
    pub fn with_gres(mut self) -> Self {
        self.gres = true;
        self
    }

    /// Alone on its node, for times that go into a folder of records.
    pub fn times(mut self, stage: Stage, records: PathBuf) -> Self {
        self.times = Some(Timed { stage, records });
        self
    }

    /// With one more option.
    pub fn option(mut self, option: Option<&String>) -> Self {
        self.option = option.cloned();
        self
    }

    /// Ends well where cells have failed: their records say so, and other cells go on.
    pub fn reports_no_failure(mut self) -> Self {
        self.reports_no_failure = true;
        self
    }

    /// After a job that ended well.
    pub fn after_ok(mut self, job: &str) -> Self {
        self.after.push(Times::AfterOk(job.into()));
        self
    }

    /// After jobs, however they ended.
    pub fn after_any(mut self, jobs: &[&str]) -> Self {
        self.after
            .extend(jobs.iter().map(|job| Times::AfterAny((*job).into())));
        self
    }

    /// `--dependency=` of sbatch, with the numbers that jobs have; None if it depends on none.
    pub fn dependency(&self, number: impl Fn(&str) -> String) -> Option<String> {
        let words: Vec<String> = self
            .after
            .iter()
            .map(|after| match after {
                Times::AfterOk(job) => format!("afterok:{}", number(job)),
                Times::AfterAny(job) => format!("afterany:{}", number(job)),
            })
            .collect();
        (!words.is_empty()).then(|| format!("--dependency={}", words.join(",")))
    }

    /// The script.
    pub fn script(&self, submission: &Submission) -> String {
        let mut lines = vec!["#!/bin/bash".to_owned()];
        lines.extend(
            self.options(submission)
                .iter()
                .map(|option| format!("#SBATCH {option}")),
        );
        lines.push(String::new());
        lines.push(self.threads(submission));
        lines.extend(submission.site.shell.iter().cloned());
        lines.push(String::new());
        lines.push(self.body(submission));
        lines.join("\n") + "\n"
    }

    /// Of those that are given twice, sbatch takes the last: the site's, then the user's.
    fn options(&self, submission: &Submission) -> Vec<String> {
        let given = submission.options;
        let array = self.tasks > 1;
        let log = if array { "%A_%a" } else { "%j" };
        // A percent sign begins a number of the job.
        let logs = submission.folder().join("logs").display().to_string();
        let logs = logs.replace('%', "%%");
        let mut options = vec![
            format!("--job-name={}-{}", submission.name, self.name),
            format!("--output=\"{}/{}-{log}.log\"", in_quotes(&logs), self.name),
            "--open-mode=append".into(),
            "--requeue".into(),
            "--kill-on-invalid-dep=yes".into(),
            format!("--signal=B:USR1@{NOTICE_S}"),
        ];
        if array {
            options.push(format!("--array=0-{}", self.tasks - 1));
        }
        if self.times.is_some() {
            options.push("--nodes=1".into());
            options.push("--exclusive".into());
        }
        options.extend(
            given
                .partition
                .iter()
                .map(|name| format!("--partition={name}")),
        );
        options.extend(given.time.iter().map(|time| format!("--time={time}")));
        options.extend(given.mem.iter().map(|mem| format!("--mem={mem}")));
        if self.gres {
            options.extend(given.gres.iter().map(|gres| format!("--gres={gres}")));
        }
        if self.times.is_none() {
            let cpus = given.cpus_per_task.iter();
            options.extend(cpus.map(|cpus| format!("--cpus-per-task={cpus}")));
        }
        let applies = |option: &&JobOption| {
            let kind = self.name.split('-').next().unwrap_or_default();
            option.job.as_deref().is_none_or(|job| job == kind)
        };
        let passed = submission.site.options.iter().chain(&given.sbatch);
        options.extend(passed.filter(applies).map(|passed| passed.option.clone()));
        options.extend(self.option.clone());
        options
    }

    /// Weights depend on the number of threads, so it is one for all nodes. Times are of a whole
    /// node.
    fn threads(&self, submission: &Submission) -> String {
        let threads = match (self.times.is_some(), submission.options.cpus_per_task) {
            (false, Some(cpus)) => cpus.to_string(),
            (false, None) => "${SLURM_CPUS_PER_TASK:-1}".into(),
            (true, _) => "$SLURM_CPUS_ON_NODE".into(),
        };
        format!("export RAYON_NUM_THREADS={threads} OMP_NUM_THREADS={threads}")
    }

    fn body(&self, submission: &Submission) -> String {
        let most = u8::from(self.reports_no_failure);
        // Only tasks of an array are requeued as such: the variables may be those of a task that submitted
        // this job.
        let (task, number) = match self.tasks > 1 {
            true => (
                "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID",
                "-$SLURM_ARRAY_TASK_ID",
            ),
            false => ("$SLURM_JOB_ID", ""),
        };
        let begun = submission.folder().join(format!("{}.begun", self.name));
        let begun = format!("{}{number}", quoted(&begun));
        let found = self.found(submission);
        let runs: Vec<String> = self
            .commands
            .iter()
            .map(|run| format!("run {run}"))
            .collect();
        format!(
            r#"# Slurm tells the time limit by USR1, and preemption and requeueing by TERM. Either way the run
# writes a checkpoint, and the next turn of this job goes on from there.
late=
ended=
child=
touch {begun}
trap 'late=1; kill -TERM "$child" 2>/dev/null' USR1
trap 'ended=1; kill -TERM "$child" 2>/dev/null' TERM
requeue() {{
    # A turn that brought nothing would be as the next one.
    if [ -z "$({found} -newer {begun} {those} 2>/dev/null)" ]; then
        echo "{name}: nothing was measured within the time limit; give it more with --time" >&2
        exit "$1"
    fi
    exec scontrol requeue "{task}"
}}
run() {{
    turns=0
    while :; do
        [ -z "$ended" ] || exit 143
        [ -z "$late" ] || requeue 143
        "$@" &
        child=$!
        while wait "$child"; code=$?; kill -0 "$child" 2>/dev/null; do :; done
        [ "$code" -gt 128 ] || break
        [ -z "$late" ] || requeue "$code"
        # A cell that kills its process, as by taking too much memory, is given up after five times.
        turns=$((turns + 1))
        [ -z "$ended" ] && [ "$turns" -le {TURNS} ] || break
    done
    [ "$code" -le {most} ] || exit "$code"
}}
{runs}"#,
            those = self.those(),
            name = self.name,
            runs = runs.join("\n")
        )
    }

    /// What looks for files that the job writes as it gets on.
    fn found(&self, submission: &Submission) -> String {
        match &self.times {
            Some(Timed { records, .. }) => format!("find {} -name '*.json'", quoted(records)),
            None => {
                let out = submission.out;
                let places = ["records", "weights"].map(|place| quoted(&out.join(place)));
                format!("find {} -type f", places.join(" "))
            }
        }
    }

    /// Latencies that are compared are measured in one go, and nothing is kept of one that is cut off, but
    /// for a note that there was nothing to time.
    fn those(&self) -> String {
        match &self.times {
            Some(Timed { stage, .. }) => format!(
                r#"-exec grep -l '"stage": "{}"' {{}} + | xargs -r -d '\n' grep -l '"status": "done"'"#,
                stage.name()
            ),
            None => "-print -quit".into(),
        }
    }
}

/// A text between double quotes, as sbatch reads it.
fn in_quotes(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#)
}
