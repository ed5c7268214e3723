//! Intervals that are wider than the sweep wants them, and what ended them.

use crate::columns::{self, Evidence};
use crate::interval::{Interval, Over};
use crate::number;
use crate::summary::{Line, Table};
use ablate_records::{Aim, Judging, Stage};

/// More models than this are counted.
const MOST: usize = 4;

/// An interval that is as wide as was asked for may be a little wider: it was asked for of all models at
/// once, before some of them failed or were left out.
const SLACK: f64 = 1.1;

/// In words, first of accuracies, then of latencies.
pub fn cautions(tables: &[Table], judging: &Judging) -> Vec<String> {
    let lines: Vec<&Line> = tables.iter().flat_map(|table| &table.lines).collect();
    let seeds = seeds(&lines, judging).into_iter();
    let times = [Stage::Latency, Stage::Detect]
        .into_iter()
        .flat_map(|stage| times(&lines, stage));
    seeds.chain(times).collect()
}

fn seeds(lines: &[&Line], judging: &Judging) -> Option<String> {
    let (width, most) = (judging.width?, judging.most_seeds?);
    let wide = lines.iter().filter_map(|line| {
        let interval = line.changes.map_interval?;
        let (Over::Seeds(seeds) | Over::SeedsAndImages(seeds)) = interval.over else {
            return None;
        };
        let seeds = seeds.own;
        let found = interval.high - interval.low;
        let name = line.name();
        let words = format!("{name} ({found:.1} with {seeds} of at most {most} seeds)");
        (found > SLACK * width).then_some((words, seeds >= most))
    });
    let (wide, ended): (Vec<String>, Vec<bool>) = wide.unzip();
    let why = match ended.contains(&true) {
        true => {
            " More seeds are for the sweep to allow (key to of seeds); test images leave their part of the width."
        }
        false => "",
    };
    (!wide.is_empty()).then(|| {
        format!(
            "Intervals of mAP were to be {} wide; wider are those of {}.{why}",
            number::points_of(width),
            listed(&wide)
        )
    })
}

/// A sentence for each aim: several sweeps may have their own.
fn times(lines: &[&Line], stage: Stage) -> Vec<String> {
    let column = columns::at_a_glance().find_map(|(column, _)| {
        let is_timed = matches!(column.comparison?.evidence, Evidence::Rounds);
        (is_timed && column.stage == Some(stage)).then_some(column)
    });
    let mut wide: Vec<(Aim, Vec<String>)> = Vec::new();
    for line in lines {
        let aim = line
            .rows
            .iter()
            .find_map(|row| row.timed(stage)?.rounds.as_ref()?.aim);
        let change = column.as_ref().and_then(|column| line.change(column));
        let (Some(aim), Some(interval)) = (aim, change.and_then(|change| change.interval)) else {
            continue;
        };
        let half = half(&interval);
        if half > SLACK * aim.within {
            let replayed = line
                .rows
                .iter()
                .any(|row| row.cell.timing().mode == Some("graph"));
            let mode = if replayed { ", graph" } else { "" };
            let words = format!("{}{mode} (±{half:.1} %)", line.name());
            match wide.iter_mut().find(|(known, _)| *known == aim) {
                // A timing stands in the table of each data set.
                Some((_, names)) if names.contains(&words) => {}
                Some((_, names)) => names.push(words),
                None => wide.push((aim, vec![words])),
            }
        }
    }
    let sentence = |(Aim { within, limit_s }, names): &(Aim, Vec<String>)| {
        format!(
            "Changes of {} were to be known within ±{within} %, and these are not: {}. Timing ended once a model had \
             taken {limit_s} s, ten rounds at the least (key limit_s of {}).",
            if stage == Stage::Detect {
                "detection's time"
            } else {
                "latency"
            },
            listed(names),
            stage.name(),
        )
    };
    wide.iter().map(sentence).collect()
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
