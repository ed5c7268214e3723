//! Which figure of a column is the best, where that can be said.

use std::collections::BTreeMap;

use crate::columns::{Change, Column, Evidence};
use crate::interval::Over;
use crate::mark::{Better, Mark};
use crate::rows::{self, BASELINE, Gap};
use crate::summary::Line;
use ablate_records::Stage;

/// For each line, whether its figure is the best of its family and scale.
///
/// The intervals of a column hold together, all against the same baseline. So a model is the best
/// if its whole interval lies beyond those of all others, and the baseline, whose change is 0, is
/// if all others are worse. Where intervals overlap, one seed has none, or a rival has failed, was
/// stopped or is not yet measured, no figure is marked.
pub fn best(lines: &[&Line], column: &Column) -> Vec<bool> {
    let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        let cell = line.cell();
        groups
            .entry((&cell.family, &cell.scale))
            .or_default()
            .push(place);
    }
    let mut marked = vec![false; lines.len()];
    for group in groups.values() {
        let lacks = |&place: &usize| {
            column
                .stage
                .is_some_and(|stage| is_open(lines[place], stage))
        };
        if group.iter().any(lacks) {
            continue;
        }
        let measured = group
            .iter()
            .filter(|&&place| has_figure(lines[place], column));
        let ranges: Option<Vec<(usize, Range)>> = measured
            .map(|&place| Some((place, Range::of(lines[place], column)?)))
            .collect();
        if let Some(place) = ranges.as_deref().and_then(winner) {
            marked[place] = true;
        }
    }
    marked
}

/// Whether a figure was asked for and is not there.
fn is_open(line: &Line, stage: Stage) -> bool {
    let gap = rows::gap(&line.rows, stage);
    matches!(gap, Some(Gap::Failed(_) | Gap::Stopped(_) | Gap::NotYet))
}

fn has_figure(line: &Line, column: &Column) -> bool {
    line.rows.iter().any(|row| (column.value)(row).is_some())
}

/// Between what the change of a model lies for sure; more is better.
struct Range {
    low: f64,
    high: f64,
    mark: Option<Mark>,
}

impl Range {
    /// None if nothing is sure.
    fn of(line: &Line, column: &Column) -> Option<Self> {
        let comparison = column.comparison?;
        if line.cell().variant == BASELINE {
            return Some(Self {
                low: 0.0,
                high: 0.0,
                mark: None,
            });
        }
        let Change {
            value,
            mark,
            interval,
            ..
        } = *line.change(column)?;
        let (low, high) = match (comparison.evidence, interval) {
            (Evidence::Exact(_), _) => (value, value),
            (_, Some(interval)) if interval.over != Over::Images => (interval.low, interval.high),
            _ => return None,
        };
        let (low, high) = match comparison.better {
            Better::Higher => (low, high),
            Better::Lower => (-high, -low),
        };
        Some(Self {
            low,
            high,
            mark: Some(mark),
        })
    }
}

/// The one that is better than all others, if there is one and there are others.
fn winner(ranges: &[(usize, Range)]) -> Option<usize> {
    let (first, of_first) = ranges
        .iter()
        .max_by(|(_, a), (_, b)| a.low.total_cmp(&b.low))?;
    let mut others = ranges.iter().filter(|(place, _)| place != first);
    let beyond = ranges.len() > 1 && others.all(|(_, other)| of_first.low > other.high);
    // As good within the margin is not better.
    let told = match of_first.mark {
        Some(mark) => mark == Mark::Better,
        None => ranges
            .iter()
            .all(|(_, range)| range.mark.is_none_or(|mark| mark == Mark::Worse)),
    };
    (beyond && told).then_some(*first)
}
