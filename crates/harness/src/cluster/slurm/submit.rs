//! Handing jobs to `sbatch`.

use std::{collections::BTreeMap, io::ErrorKind, process::Command};

use anyhow::{Context, Result, anyhow, bail};

use super::{Job, Submission, quoted};

/// Options that sbatch takes from variables, too, which outrank the lines of a script.
const VARIABLES: [(&str, &str); 12] = [
    ("cpus-per-task", "CPUS_PER_TASK"),
    ("exclusive", "EXCLUSIVE"),
    ("gres", "GRES"),
    ("job-name", "JOB_NAME"),
    ("mem", "MEM_PER_NODE"),
    ("open-mode", "OPEN_MODE"),
    ("output", "OUTPUT"),
    ("partition", "PARTITION"),
    ("requeue", "NO_REQUEUE"),
    ("requeue", "REQUEUE"),
    ("signal", "SIGNAL"),
    ("time", "TIMELIMIT"),
];

/// What submits a job, with `$NAME` for the numbers of others.
pub fn command(submission: &Submission, job: &Job) -> String {
    let numbers = job.dependency(|name| format!("${}", name.replace('-', "_")));
    let path = quoted(&submission.path(job));
    let words = ["sbatch --parsable".to_owned()].into_iter();
    words
        .chain(numbers)
        .chain([path])
        .collect::<Vec<_>>()
        .join(" ")
}

/// Submits the jobs, whose scripts are written: their numbers by name. Where one is refused, those
/// before it are cancelled.
///
/// # Errors
/// No Slurm, and what it says of a job that it refuses.
pub fn submit(submission: &Submission, jobs: &[Job]) -> Result<Vec<(String, String)>> {
    let mut numbers: BTreeMap<&str, String> = BTreeMap::new();
    let mut submitted = Vec::new();
    for job in jobs {
        match one(submission, job, &numbers) {
            Ok(number) => {
                submitted.push((job.name.clone(), number.clone()));
                numbers.insert(&job.name, number);
            }
            Err(error) => {
                let earlier: Vec<&String> = submitted.iter().map(|(_, number)| number).collect();
                let cancelled = !earlier.is_empty()
                    && Command::new("scancel")
                        .args(&earlier)
                        .status()
                        .is_ok_and(|end| end.success());
                return Err(match (earlier.is_empty(), cancelled) {
                    (true, _) => error,
                    (_, true) => error.context("the jobs before it are cancelled"),
                    (_, false) => error.context(format!(
                        "the jobs before it could not be cancelled: scancel {}",
                        earlier
                            .iter()
                            .map(|n| n.as_str())
                            .collect::<Vec<_>>()
                            .join(" ")
                    )),
                });
            }
        }
    }
    Ok(submitted)
}

fn one(submission: &Submission, job: &Job, numbers: &BTreeMap<&str, String>) -> Result<String> {
    let mut sbatch = Command::new("sbatch");
    // What the script says itself is meant for this job.
    let script = job.script(submission);
    for (option, variable) in VARIABLES {
        if script.contains(&format!("#SBATCH --{option}")) {
            sbatch.env_remove(format!("SBATCH_{variable}"));
        }
    }
    // Whether a job is an array is the script's to say: a task of one may submit it.
    sbatch.env_remove("SBATCH_ARRAY_INX");
    sbatch.arg("--parsable");
    sbatch.args(job.dependency(|name| numbers.get(name).cloned().unwrap_or_default()));
    sbatch.arg(submission.path(job));
    let output = sbatch.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!(
            "sbatch: not found on PATH; submit where Slurm's commands are, or look at the jobs with --dry-run"
        ),
        _ => anyhow!("cannot start sbatch: {error}"),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("sbatch refuses the job {}: {}", job.name, said.trim());
    }
    // On federations, the cluster's name follows.
    let said = String::from_utf8_lossy(&output.stdout);
    let number = said
        .trim()
        .split(';')
        .next()
        .filter(|number| !number.is_empty());
    let number =
        number.with_context(|| format!("sbatch gave no number to the job {}", job.name))?;
    Ok(number.to_owned())
}
