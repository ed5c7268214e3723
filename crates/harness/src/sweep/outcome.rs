//! How a run of a sweep went, and how each stage of a cell ended, in numbers and words.

use std::fmt;

use super::stages::{Job, Obstacle, Work};
use crate::{environment, guard::one_line, interrupt::Interrupted};
use ablate_records::{Measurement, Outcome, Record, Stage};
use anyhow::Result;

/// How a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Stages of cells that this run measured.
    pub measured: usize,
    /// Found in earlier records.
    pub reused: usize,
    /// Recorded as failed.
    pub failed: usize,
    /// By halving.
    pub stopped: usize,
    /// What they need is not there.
    pub skipped: usize,
    /// What they need is not there yet.
    pub waiting: usize,
}

impl Summary {
    /// Whether there is nothing to show for the run: a part failed, or all were skipped.
    pub fn is_failure(&self) -> bool {
        let lacking = self.skipped + self.waiting;
        self.failed > 0 || (lacking > 0 && self.measured + self.reused + self.stopped == 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} measured, {} found in earlier records, {} failed",
            self.measured, self.reused, self.failed
        )?;
        for (count, how) in [
            (self.stopped, "stopped"),
            (self.skipped, "skipped"),
            (self.waiting, "wait for their trainings"),
        ] {
            if count > 0 {
                write!(f, ", {count} {how}")?;
            }
        }
        Ok(())
    }
}

/// Where a job can't be measured: how it ends, or why it does not yet.
pub(super) fn early_outcome(work: &dyn Work, job: &Job) -> Option<Result<Outcome, String>> {
    if let Some(error) = job.error.clone() {
        return Some(Ok(Outcome::Failed { error }));
    }
    Some(match work.obstacle(job.cell)? {
        Obstacle::Final(reason) => Ok(Outcome::Skipped { reason }),
        Obstacle::NotYet(reason) => Err(reason),
    })
}

/// # Errors
/// A signal: it is no failure of the cell.
pub(super) fn outcome(result: Result<Measurement>) -> Result<Outcome> {
    match result {
        Ok(measurement) => Ok(Outcome::Done { measurement }),
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(error) => Ok(failed(&error)),
    }
}

pub(super) fn failed(error: &anyhow::Error) -> Outcome {
    Outcome::Failed {
        error: one_line(error),
    }
}

pub(super) fn record(stage: Stage, job: &Job, outcome: Outcome) -> Record {
    Record {
        key: job.key.clone(),
        stage,
        cell: job.cell.cell.clone(),
        outcome,
        inputs: job.inputs.clone(),
        environment: environment::current().clone(),
        finished: now(),
    }
}

/// To the second, RFC 3339.
fn now() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}

/// The figure that came out, for a line of the log.
pub(super) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done {
            measurement: Measurement::Cost(cost),
        } => {
            format!("{} parameters, {:.1} GFLOPs", cost.params, cost.gflops)
        }
        Outcome::Done {
            measurement: Measurement::Latency(latency),
        } => {
            format!("{:.2} ms ± {:.2}", latency.median_ms, latency.std_ms)
        }
        Outcome::Done {
            measurement: Measurement::Train(train),
        } => {
            let epochs = train.epochs.len();
            let s = if epochs == 1 { "" } else { "s" };
            format!(
                "{epochs} epoch{s}, best {}, {:.0} s",
                train.best_epoch + 1,
                train.train_s
            )
        }
        Outcome::Done {
            measurement: Measurement::Eval(eval),
        } => {
            let figure = |name| {
                eval.boxes
                    .figure(name)
                    .map_or("–".into(), |ap: f64| format!("{ap:.3}"))
            };
            format!("mAP50 {}, mAP50-95 {}", figure("AP50"), figure("AP"))
        }
        Outcome::Done {
            measurement: Measurement::Detect(detect),
        } => {
            let (median, boxes) = (detect.whole.median_ms, detect.boxes_per_image);
            format!("{median:.2} ms, {boxes:.1} boxes an image")
        }
        Outcome::Failed { error } => format!("failed: {error}"),
        Outcome::Skipped { reason } => format!("skipped: {reason}"),
        Outcome::Stopped { rung, .. } => {
            format!("stopped after epoch {} of {}", rung.epoch, rung.epochs)
        }
    }
}
