//! The command line of `ablate submit`.

use std::{num::NonZeroUsize, path::PathBuf, str::FromStr};

use clap::{ArgGroup, Args};

/// Arguments of `ablate submit`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("scheduler").required(true).args(["slurm", "kubernetes"])))]
pub struct SubmitArgs {
    /// Sweep file (YAML).
    pub sweep: PathBuf,
    /// Folder of the results, which all nodes see under this path [default: reports/NAME].
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Print what would be submitted, and submit nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Leave failed cells as they are [default: try them again].
    #[arg(long)]
    pub keep_failed: bool,
    /// Number of tasks that share the trainings, at most.
    #[arg(long, value_name = "N", default_value = "32")]
    pub array_limit: NonZeroUsize,
    /// The program as nodes find it [default: this one].
    #[arg(long, value_name = "PATH")]
    pub program: Option<PathBuf>,
    /// Submit to Slurm.
    #[arg(long)]
    pub slurm: bool,
    /// Write a Job of Kubernetes, and submit nothing.
    #[arg(long)]
    pub kubernetes: bool,
    /// Options of Slurm.
    #[command(flatten)]
    pub slurm_options: SlurmArgs,
    /// Options of Kubernetes.
    #[command(flatten)]
    pub kubernetes_options: KubernetesArgs,
}

/// Options of `sbatch`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Slurm")]
pub struct SlurmArgs {
    /// Partition of all jobs.
    #[arg(long, value_name = "NAME", requires = "slurm", value_parser = word)]
    pub partition: Option<String>,
    /// GPUs and other resources of the jobs that train, time and evaluate, such as gpu:1.
    #[arg(long, value_name = "LIST", requires = "slurm", value_parser = word)]
    pub gres: Option<String>,
    /// Time limit of a job: minutes, H:MM:SS or D-H:MM:SS. A training that needs longer goes on from
    /// its checkpoint in the next turn.
    #[arg(long, value_name = "TIME", requires = "slurm", value_parser = time)]
    pub time: Option<String>,
    /// CPUs of a task, and threads of its training.
    #[arg(long, value_name = "N", requires = "slurm")]
    pub cpus_per_task: Option<NonZeroUsize>,
    /// Memory of a node, such as 32G.
    #[arg(long, value_name = "SIZE", requires = "slurm", value_parser = memory)]
    pub mem: Option<String>,
    /// Another option of sbatch, for all jobs or for one of setup, train, latency, eval, detect and
    /// report: "--account=x", "train:--qos=long" (repeatable).
    #[arg(
        long,
        value_name = "[JOB:]OPTION",
        requires = "slurm",
        allow_hyphen_values = true
    )]
    pub sbatch: Vec<JobOption>,
    /// A kind of node to time on, and the option of sbatch that asks for it:
    /// a100=--constraint=a100 (repeatable). The second and others get a folder of their own.
    #[arg(long, value_name = "NAME=OPTION", requires = "slurm")]
    pub timing_node: Vec<NodeKind>,
}

/// Options of a Job of Kubernetes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesArgs {
    /// Container image that has ablate.
    #[arg(long, requires = "kubernetes", value_parser = word)]
    pub image: Option<String>,
    /// Persistent volume claim that all pods mount, with access mode ReadWriteMany.
    #[arg(long, value_name = "NAME", requires = "kubernetes", value_parser = word)]
    pub claim: Option<String>,
    /// Where pods mount it; the sweep, its data and the results are below.
    #[arg(long, value_name = "PATH", requires = "kubernetes")]
    pub mount: Option<PathBuf>,
    /// NVIDIA GPUs of a pod.
    #[arg(long, value_name = "N", requires = "kubernetes")]
    pub gpus: Option<NonZeroUsize>,
    /// CPUs of a pod, and threads of its training [default: no limit, one thread].
    #[arg(long, value_name = "N", requires = "kubernetes")]
    pub cpus: Option<NonZeroUsize>,
    /// Memory of a pod, such as 32Gi.
    #[arg(long, value_name = "SIZE", requires = "kubernetes", value_parser = quantity)]
    pub memory: Option<String>,
}

/// An option that is passed through, of all jobs or of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOption {
    /// The job's name; None: all.
    pub job: Option<String>,
    /// As `sbatch` takes it.
    pub option: String,
}

/// A kind of node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeKind {
    /// Names its folder.
    pub name: String,
    /// As `sbatch` takes it.
    pub option: String,
}

/// The jobs that an option can be for.
pub const JOBS: [&str; 6] = ["setup", "train", "latency", "eval", "detect", "report"];

impl FromStr for JobOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (job, option) = match text.split_once(':') {
            Some((job, option)) if !job.starts_with('-') => (Some(job), option),
            _ => (None, text),
        };
        if let Some(job) = job.filter(|job| !JOBS.contains(job)) {
            return Err(format!("unknown job '{job}'; known: {}", JOBS.join(", ")));
        }
        Ok(Self {
            job: job.map(str::to_owned),
            option: sbatch_option(option)?,
        })
    }
}

impl FromStr for NodeKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected NAME=OPTION, such as a100=--constraint=a100";
        let (name, option) = text.split_once('=').ok_or(expected)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(format!("{expected}; a name has letters, digits, - and _"));
        }
        Ok(Self {
            name: name.into(),
            option: sbatch_option(option)?,
        })
    }
}

/// One option in one line: it becomes a line of a script.
fn sbatch_option(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.starts_with('-') && !text.contains(['\n', '\r']) {
        true => Ok(text.into()),
        false => Err("expected an option of sbatch, such as --account=x".into()),
    }
}

/// Memory as Kubernetes writes it: bytes, or with a suffix.
fn quantity(text: &str) -> Result<String, String> {
    const SUFFIXES: [&str; 13] = [
        "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "k", "M", "G", "T", "P", "E", "",
    ];
    let suffix = SUFFIXES.iter().find(|suffix| text.ends_with(**suffix));
    let number = suffix.and_then(|suffix| text.strip_suffix(suffix));
    let is_number = |number: &str| {
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits(whole) && digits(part)
    };
    match number.is_some_and(is_number) {
        true => Ok(text.into()),
        false => Err("expected a number and a unit such as Mi, Gi, M or G, as in 32Gi".into()),
    }
}

fn word(text: &str) -> Result<String, String> {
    let is_bad = |c: char| c.is_whitespace() || c.is_control();
    match text.is_empty() || text.starts_with('-') || text.contains(is_bad) {
        true => Err("expected one word".into()),
        false => Ok(text.into()),
    }
}

/// The forms that `sbatch` knows: minutes, minutes:seconds, hours:minutes:seconds, days-hours,
/// days-hours:minutes, days-hours:minutes:seconds.
fn time(text: &str) -> Result<String, String> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(days), clock),
        None => (None, text),
    };
    let number = |word: &str| {
        let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        word.parse::<u32>()
            .ok()
            .filter(|_| is_number)
            .map(u64::from)
    };
    let days = match days {
        Some(days) => Some(number(days).ok_or(TIMES)?),
        None => None,
    };
    let parts: Option<Vec<u64>> = clock.split(':').map(number).collect();
    let parts = parts.ok_or(TIMES)?;
    // All but the first count up to 59.
    if parts.iter().skip(1).any(|part| *part > 59) {
        return Err(TIMES.into());
    }
    let (hours, minutes, seconds) = match (days, parts.as_slice()) {
        (None, [minutes]) => (0, *minutes, 0),
        (None, [minutes, seconds]) => (0, *minutes, *seconds),
        (Some(_), [hours]) => (*hours, 0, 0),
        (Some(_), [hours, minutes]) => (*hours, *minutes, 0),
        (_, [hours, minutes, seconds]) => (*hours, *minutes, *seconds),
        _ => return Err(TIMES.into()),
    };
    let whole = ((days.unwrap_or(0) * 24 + hours) * 60 + minutes) * 60 + seconds;
    match whole >= LEAST_S {
        true => Ok(text.into()),
        false => Err(
            "expected 10 minutes or more: a checkpoint is asked for two minutes before, \
                      and Slurm may ask a minute early"
                .into(),
        ),
    }
}

/// The shortest time limit, in seconds.
const LEAST_S: u64 = 600;

const TIMES: &str = "expected minutes, H:MM:SS or D-H:MM:SS, such as 90, 4:00:00 or 1-12:00:00";

fn memory(text: &str) -> Result<String, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't']);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    match is_number && text.len() <= digits.len() + 1 {
        true => Ok(text.into()),
        false => Err("expected a number with K, M, G or T, such as 32G".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_slurm_knows() {
        for good in [
            "90",
            "90:30",
            "4:00:00",
            "1-12",
            "1-12:30",
            "2-0:00:00",
            "0:30:00",
        ] {
            assert_eq!(time(good).as_deref(), Ok(good));
        }
        for bad in [
            "", "4h", "4:60:00", "1:2:3:4", "-1", "1-", "4:00:-1", "1.5", "+5",
        ] {
            assert_eq!(time(bad), Err(TIMES.into()), "{bad}");
        }
        for short in ["0", "9:59", "0-0:05", "0:09:59"] {
            assert!(time(short).unwrap_err().contains("10 minutes or more"));
        }
    }

    #[test]
    fn sizes_are_those_that_slurm_knows() {
        assert!(
            ["0", "4000", "32G", "500m"]
                .iter()
                .all(|size| memory(size).is_ok())
        );
        assert!(
            ["", "G", "32GB", "1.5G", "-1"]
                .iter()
                .all(|size| memory(size).is_err())
        );
    }

    #[test]
    fn an_option_is_for_all_jobs_or_for_one() {
        let read = |text: &str| {
            text.parse::<JobOption>()
                .map(|read| (read.job, read.option))
        };
        assert_eq!(read("--account=x"), Ok((None, "--account=x".into())));
        assert_eq!(read("--gres=gpu:1"), Ok((None, "--gres=gpu:1".into())));
        assert_eq!(read("-A x"), Ok((None, "-A x".into())));
        assert_eq!(
            read("train:--mem=64G"),
            Ok((Some("train".into()), "--mem=64G".into()))
        );
        assert!(
            read("costs:--mem=1G")
                .unwrap_err()
                .contains("unknown job 'costs'")
        );
        assert!(read("account=x").is_err() && read("--a\n#SBATCH -b").is_err());
    }

    #[test]
    fn a_kind_of_node_has_a_name() {
        let read = |text: &str| {
            text.parse::<NodeKind>()
                .map(|read| (read.name, read.option))
        };
        let a100 = ("a100".into(), "--constraint=a100".into());
        assert_eq!(read("a100=--constraint=a100"), Ok(a100));
        for bad in ["a100", "=--x", "../x=--x", "a=x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
