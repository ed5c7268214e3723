//! The clauses of a sentence: sizes, latency and accuracy, each with its scales.

use std::collections::{BTreeMap, BTreeSet};

use super::Clause;
use crate::columns::{self, Change, Column, Comparison, Evidence, LATENCY_MARGIN, Outlook};
use crate::interval::{Over, Seeds};
use crate::mark::Mark;
use crate::number;
use crate::rows::{self, Gap};
use crate::summary::{Glance, Line};
use ablate_records::{Judging, Stage};

/// A scale with the change that was found there.
type Found<'g> = (&'g str, &'g Change);

/// What is said of a variant, figure by figure.
pub fn clauses(glance: &Glance, judging: &Judging) -> Vec<Clause> {
    let columns: Vec<(&Column, Comparison)> = columns::at_a_glance()
        .filter_map(|(column, _)| Some((column, column.comparison?)))
        .collect();
    let found = |column: &Column| -> Vec<(String, Change)> {
        let lines = glance.lines().iter();
        let change = |line: &&Line| Some((line.cell().scale.clone(), *line.change(column)?));
        lines.filter_map(change).collect()
    };
    let scales = glance.lines().len();
    let timed = columns.iter().any(|(column, comparison)| {
        matches!(comparison.evidence, Evidence::Rounds)
            && column.stage == Some(Stage::Latency)
            && !found(column).is_empty()
    });
    let mut clauses = Vec::new();
    for (column, comparison) in columns {
        let found = found(column);
        let found: Vec<Found> = found
            .iter()
            .map(|(scale, change)| (scale.as_str(), change))
            .collect();
        match comparison.evidence {
            _ if found.is_empty() => clauses.extend(missing(glance, column, comparison)),
            // Arithmetic says little of time once time is known.
            Evidence::Exact(_) if timed && column.csv != "params" => {}
            Evidence::Exact(_) => clauses.push(counted(&found, column)),
            Evidence::Rounds => {
                clauses.extend(grouped(column.noun(), &found, scales, latency));
                clauses.extend(lacking(glance, column));
            }
            Evidence::Seeds | Evidence::SeedsAndImages(_) => {
                let of = |found: &[Found]| accuracy(found, judging.margin);
                clauses.extend(grouped("mAP", &found, scales, of));
                clauses.extend(lacking(glance, column));
            }
        }
    }
    clauses
}

/// Why nothing is known of accuracy; of other figures nothing is said.
fn missing(glance: &Glance, column: &Column, comparison: Comparison) -> Option<Clause> {
    let is_accuracy = matches!(comparison.evidence, Evidence::SeedsAndImages(_));
    let gap = column.stage.and_then(|stage| glance.gap(stage));
    let text = match gap.filter(|_| is_accuracy && column.stage == Some(Stage::Eval))? {
        Gap::NotAsked | Gap::Skipped(_) => "mAP not measured",
        Gap::NotYet => "mAP not yet measured",
        Gap::Stopped(_) => "mAP: its training was stopped early",
        Gap::Failed(_) => "mAP: its training or evaluation failed",
    };
    Some(Clause {
        text: text.into(),
        goes_on: false,
        mark: None,
    })
}

/// `failed at n`: the scales of which a figure was asked for, and is not there.
fn lacking(glance: &Glance, column: &Column) -> Vec<Clause> {
    let mut at: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in glance.lines() {
        let gap = column.stage.and_then(|stage| rows::gap(&line.rows, stage));
        let word = match gap {
            _ if line.change(column).is_some() => continue,
            Some(Gap::Failed(_)) => "failed",
            Some(Gap::Stopped(_)) => "stopped early",
            Some(Gap::NotYet) => "not yet measured",
            None => "without a baseline's",
            Some(Gap::NotAsked | Gap::Skipped(_)) => continue,
        };
        at.entry(word).or_default().push(&line.cell().scale);
    }
    let clause = |(word, scales): (&str, Vec<&str>)| Clause {
        text: format!("{word} at {}", listed(&scales)),
        goes_on: true,
        mark: None,
    };
    at.into_iter().map(clause).collect()
}

/// `24 % fewer parameters`.
fn counted(found: &[Found], column: &Column) -> Clause {
    let noun = if column.csv == "params" {
        "parameters"
    } else {
        "GFLOPs"
    };
    let values = found.iter().map(|(_, change)| change.value);
    let (low, high) = ends(values);
    let marks: BTreeSet<&str> = found.iter().map(|(_, change)| change.mark.word()).collect();
    let text = match (share(low.abs()).as_str(), share(high.abs()).as_str()) {
        ("0.0", "0.0") => format!("as many {noun}"),
        _ if marks.iter().all(|mark| *mark == Mark::Same.word()) => {
            format!("as many {noun}, counted exactly")
        }
        _ if high <= 0.0 => format!("{} % fewer {noun}", range(-high, -low)),
        _ if low >= 0.0 => format!("{} % more {noun}", range(low, high)),
        (low, high) => format!("{low} % fewer to {high} % more {noun}"),
    };
    Clause {
        text,
        goes_on: false,
        mark: found
            .first()
            .map(|(_, change)| change.mark)
            .filter(|_| marks.len() == 1),
    }
}

/// What is said of some scales, and what it rests on.
struct Part {
    says: String,
    /// In brackets behind the scales; may be empty.
    details: String,
}

/// A clause for each verdict, with its scales if there are others.
fn grouped(
    noun: &str,
    found: &[Found],
    scales: usize,
    part: impl Fn(&[Found]) -> Part,
) -> Vec<Clause> {
    let mut groups: Vec<Vec<Found>> = Vec::new();
    for &(scale, change) in found {
        let same = |group: &&mut Vec<Found>| {
            let (_, first) = group[0];
            let kind = |change: &Change| change.outlook.as_ref().map(std::mem::discriminant);
            first.mark == change.mark && kind(first) == kind(change)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push((scale, change)),
            None => groups.push(vec![(scale, change)]),
        }
    }
    let of_group = |(index, group): (usize, &Vec<Found>)| {
        let mark = group[0].1.mark;
        let Part { says, details } = part(group);
        let before = match (index, mark) {
            (0, mark) if !mark.is_told() => format!("{noun}: "),
            (0, _) => format!("{noun} "),
            _ => String::new(),
        };
        let at = match group.len() == scales {
            true => String::new(),
            false => {
                let names: Vec<&str> = group.iter().map(|(scale, _)| *scale).collect();
                format!(" at {}", listed(&names))
            }
        };
        let details = match details.is_empty() {
            true => details,
            false => format!(" ({details})"),
        };
        Clause {
            text: format!("{before}{says}{at}{details}"),
            goes_on: index > 0,
            mark: Some(mark),
        }
    };
    groups.iter().enumerate().map(of_group).collect()
}

/// `n`, `n and s`, `n, s and m`.
fn listed(names: &[&str]) -> String {
    match names {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        names => names.concat(),
    }
}

fn latency(found: &[Found]) -> Part {
    let (low, high) = ends(found.iter().map(|(_, change)| change.value));
    let (says, details) = match found[0].1.mark {
        Mark::Better => (format!("{} % lower", range(-high, -low)), String::new()),
        Mark::Worse => (format!("{} % higher", range(low, high)), String::new()),
        Mark::Same => (format!("as good within {LATENCY_MARGIN} %"), String::new()),
        Mark::Open | Mark::Unlearnt => {
            let within = hull(found).map_or_else(String::new, |within| format!("{within} %"));
            ("can't tell yet".into(), within)
        }
    };
    Part { says, details }
}

fn accuracy(found: &[Found], margin: Option<f64>) -> Part {
    let (low, high) = ends(found.iter().map(|(_, change)| change.value));
    let range = |low: f64, high: f64| match (format!("{low:.1}"), format!("{high:.1}")) {
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    };
    let says = match found[0].1.mark {
        Mark::Better => format!("{} points higher", range(low, high)),
        Mark::Worse => format!("{} points lower", range(-high, -low)),
        Mark::Same => {
            let margin = margin.map(|margin| format!(" within {}", number::points_of(margin)));
            format!("as good{}", margin.unwrap_or_default())
        }
        Mark::Open | Mark::Unlearnt => return open(found),
    };
    let details = seeds(found);
    Part { says, details }
}

/// What can't be told of accuracy, and what would help.
fn open(found: &[Found]) -> Part {
    let outlooks = || found.iter().filter_map(|(_, change)| change.outlook);
    let seeds = seeds(found);
    let within = hull(found).map_or_else(String::new, |within| format!("{within} points"));
    let (says, details) = match outlooks().next() {
        Some(Outlook::NothingLearnt(effort)) => (
            "neither network has learnt",
            effort.map_or_else(String::new, |effort| effort.words()),
        ),
        Some(Outlook::OneSeed) => {
            let (low, high) = ends(found.iter().map(|(_, change)| change.value));
            let range = match (number::points(low), number::points(high)) {
                (low, high) if low == high => low,
                (low, high) => format!("{low} to {high}"),
            };
            let details = format!("{range} points, but one seed has no spread");
            ("can't tell yet", details)
        }
        Some(Outlook::Seeds(_)) => {
            let more = found.iter().filter_map(|(_, change)| more_seeds(change));
            let (low, high) = ends(more.map(|seeds| seeds as f64));
            let more = match low == high {
                true => format!("{low}"),
                false => format!("{low} to {high}"),
            };
            let details = format!("{within} with {seeds}; about {more} more would tell");
            ("can't tell yet", details)
        }
        Some(Outlook::NoSeeds) => (
            "can't tell",
            format!("{within} with {seeds}; if they stay as they are, a hundred would not tell"),
        ),
        Some(Outlook::Images(_)) => {
            let halves = outlooks().filter_map(|outlook| match outlook {
                Outlook::Images(half) => Some(half),
                _ => None,
            });
            let (_, half) = ends(halves);
            let alone = format!("{within} with {seeds}; the test images alone leave ±{half:.1}");
            ("can't tell", alone)
        }
        _ => ("can't tell yet", within),
    };
    Part {
        says: says.into(),
        details,
    }
}

/// How many more seeds of each model would tell a change.
fn more_seeds(change: &Change) -> Option<usize> {
    let Some(Outlook::Seeds(needed)) = change.outlook else {
        return None;
    };
    let seeds = number_of_seeds(change)?;
    let fewest = seeds.own.min(seeds.baseline);
    Some(needed.saturating_sub(fewest).max(1))
}

fn number_of_seeds(change: &Change) -> Option<Seeds> {
    match change.interval?.over {
        Over::Seeds(seeds) | Over::SeedsAndImages(seeds) => Some(seeds),
        _ => None,
    }
}

/// `5 seeds`, `3 to 5 seeds`, `5 seeds, 3 of the baseline`.
fn seeds(found: &[Found]) -> String {
    let seeds = || {
        let changes = found.iter();
        changes.filter_map(|(_, change)| number_of_seeds(change))
    };
    let range = |counts: &mut dyn Iterator<Item = usize>| match ends(counts.map(|n| n as f64)) {
        (low, high) if low == high => format!("{low}"),
        (low, high) => format!("{low} to {high}"),
    };
    let own = match range(&mut seeds().map(|seeds| seeds.own)).as_str() {
        "1" => "1 seed".to_owned(),
        own => format!("{own} seeds"),
    };
    match seeds().all(|seeds| seeds.own == seeds.baseline) {
        true => own,
        false => {
            let baseline = range(&mut seeds().map(|seeds| seeds.baseline));
            format!("{own}, {baseline} of the baseline")
        }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    })
}

/// What all intervals lie within: `−1.2 … +3.0`; None if one has no interval.
fn hull(found: &[Found]) -> Option<String> {
    let intervals = found.iter().map(|(_, change)| change.interval);
    let intervals: Vec<_> = intervals.collect::<Option<_>>()?;
    let (low, _) = ends(intervals.iter().map(|interval| interval.low));
    let (_, high) = ends(intervals.iter().map(|interval| interval.high));
    Some(format!(
        "{} … {}",
        number::points(low),
        number::points(high)
    ))
}

/// Whole percent from ten on, below with one decimal.
fn share(x: f64) -> String {
    match x.abs() {
        a if a >= 9.95 => format!("{x:.0}"),
        _ => format!("{x:.1}"),
    }
}

/// `5.8`, `4.4 to 8.2`; with a decimal where one of the two needs it.
fn range(low: f64, high: f64) -> String {
    if low >= 0.95 && high >= 9.95 && low < high {
        let (low, high) = (format!("{low:.0}"), format!("{high:.0}"));
        return match low == high {
            true => low,
            false => format!("{low} to {high}"),
        };
    }
    match (share(low), share(high)) {
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    }
}
