//! The status as text.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use jiff::{Timestamp, tz::TimeZone};

use super::{Running, SweepStatus};
use crate::progress::clock;

/// Failures that are printed; JSON has all.
const FAILURES: usize = 10;

/// How far a sweep is: a line for each stage, for each run that is at work, and for what failed.
pub fn table(status: &SweepStatus) -> String {
    let mut parts = vec![stages(status)];
    if !status.running.is_empty() {
        parts.push(running(&status.running));
    }
    if !status.failed.is_empty() {
        parts.push(failed(status));
    }
    parts.join("\n\n")
}

fn stages(status: &SweepStatus) -> String {
    let mut table = Table::new();
    let figures = [
        "cells", "done", "running", "failed", "waiting", "stopped", "skipped",
    ];
    let header = std::iter::once("stage").chain(figures);
    table.load_preset(NOTHING).set_header(header);
    for stage in &status.stages {
        let mut row = vec![stage.stage.name().to_owned()];
        let figures = [
            stage.cells,
            stage.done,
            stage.running,
            stage.failed,
            stage.waiting,
            stage.stopped,
            stage.skipped,
        ];
        row.extend(figures.map(|figure| figure.to_string()));
        table.add_row(row);
    }
    for column in 1..=figures.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn running(runs: &[Running]) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header([
        "running", "cell", "host", "process", "since", "epochs", "left",
    ]);
    for run in runs {
        let first = run.cells.first().cloned().unwrap_or_default();
        let cells = match run.cells.len() {
            0 | 1 => first,
            more => format!("{first} and {} more", more - 1),
        };
        let silent = run.silent_s.map(|silent| {
            let silent = clock(Duration::from_secs(silent));
            format!(" (no heartbeat for {silent})")
        });
        let epochs = match (run.epochs, run.of_epochs) {
            (Some(epochs), Some(of)) => format!("{epochs}/{of}"),
            (Some(epochs), None) => epochs.to_string(),
            _ => String::new(),
        };
        let left = run.left_s.map(|left| clock(Duration::from_secs(left)));
        table.add_row([
            run.stage.name().to_owned(),
            cells,
            run.host.clone() + &silent.unwrap_or_default(),
            run.process.to_string(),
            run.since.map(local).unwrap_or_default(),
            epochs,
            left.unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}

fn failed(status: &SweepStatus) -> String {
    let mut lines: Vec<String> = status
        .failed
        .iter()
        .take(FAILURES)
        .map(|failed| {
            format!(
                "failed: {} {}: {}",
                failed.stage.name(),
                failed.cell,
                failed.error
            )
        })
        .collect();
    if let Some(more) = status
        .failed
        .len()
        .checked_sub(FAILURES)
        .filter(|more| *more > 0)
    {
        lines.push(format!("and {more} more; --format json has all"));
    }
    lines.join("\n")
}

/// In the reader's time zone, to the minute.
fn local(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M").to_string()
}
