//! Intervals that are wider than the sweep wants them, and what ended them.

use crate::interval::{Interval, Over};
use crate::number;
use crate::rows::Row;
use crate::summary::{Line, Table};
use ablate_records::{Aim, Judging};

/// More models than this are counted.
const MOST: usize = 4;

/// An interval that is as wide as was asked for may be a little wider: it was asked for of all models at
/// once, before some of them failed or were left out.
const SLACK: f64 = 1.1;

/// In words, a sentence for accuracies and one for latencies.
pub fn cautions(tables: &[Table], judging: &Judging) -> Vec<String> {
    let lines: Vec<&Line> = tables.iter().flat_map(|table| &table.lines).collect();
    [seeds(&lines, judging), latencies(&lines)]
        .into_iter()
        .flatten()
        .collect()
}

fn seeds(lines: &[&Line], judging: &Judging) -> Option<String> {
    let (width, most) = (judging.width?, judging.most_seeds?);
    let wide = lines.iter().filter_map(|line| {
        let interval = line.changes.map_interval?;
        let (Over::Seeds { seeds } | Over::SeedsAndImages { seeds }) = interval.over else {
            return None;
        };
        let found = interval.high - interval.low;
        let name = &line.cell().model;
        (found > SLACK * width).then(|| format!("{name} ({found:.1} with {seeds} seeds)"))
    });
    let wide: Vec<String> = wide.collect();
    (!wide.is_empty()).then(|| {
        format!(
            "Intervals of mAP were to be {} wide; wider are those of {}. The sweep allows {most} seeds of a model (key \
             to of seeds), and test images leave their part of the width whatever the seeds.",
            number::points_of(width),
            listed(&wide)
        )
    })
}

fn latencies(lines: &[&Line]) -> Option<String> {
    let mut aimed: Option<Aim> = None;
    let wide = lines.iter().filter_map(|line| {
        let aim = line.rows.iter().find_map(aim)?;
        let half = half(&line.changes.latency_interval?);
        (half > SLACK * aim.within).then(|| {
            aimed.get_or_insert(aim);
            format!("{} (±{half:.1} %)", line.cell().model)
        })
    });
    let wide: Vec<String> = wide.collect();
    let Aim { within, limit_s } = aimed?;
    Some(format!(
        "Changes of latency were to be known within ±{within} %; less so are those of {}. Timing ended after {limit_s} s \
         of each model (key limit_s of latency).",
        listed(&wide)
    ))
}

fn aim(row: &Row) -> Option<Aim> {
    row.latency()?.rounds.as_ref()?.aim
}

/// Half the width of a ratio's interval in percent of the ratio, given that of the change.
fn half(change: &Interval) -> f64 {
    let log = |percent: f64| (1.0 + percent / 100.0).ln();
    50.0 * (log(change.high) - log(change.low))
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST);
    let shown = names[..names.len() - more].join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
