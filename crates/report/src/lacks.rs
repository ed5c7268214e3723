//! What the models of a table lack for one reason, which is said once in words and not in every cell.

use std::collections::BTreeMap;

use crate::many::{DOZEN, models};
use crate::rows::{self, Gap, scale_order};
use crate::summary::Line;
use ablate_records::Stage;

/// The stages whose figures a table compares, and what they are called.
const FIGURES: [(Stage, &str); 3] = [
    (Stage::Cost, "parameters and GFLOPs"),
    (Stage::Latency, "latency"),
    (Stage::Eval, "mAP"),
];

/// More reasons than this are left to the list of what was not measured.
const MOST_REASONS: usize = 3;

/// The models of a family and scale, and what they are called without variants.
type Scale<'a> = (&'a str, (usize, &'a str), &'a str);

/// The gaps that are said in words.
pub struct Lacks<'a> {
    /// By stage and scale.
    hidden: BTreeMap<(Stage, Scale<'a>), Vec<Gap<'a>>>,
    /// How many models a scale has.
    scales: BTreeMap<Scale<'a>, usize>,
}

/// Failures are always shown where they happened: somebody has to look at them. So is what was
/// stopped: it was measured in part.
fn is_quiet(gap: &Gap) -> bool {
    matches!(gap, Gap::NotYet | Gap::Skipped(_) | Gap::NotAsked)
}

impl<'a> Lacks<'a> {
    /// Of a table's lines: where no model of a scale has the figure, or more than a dozen lack it.
    pub fn of(lines: &[Line<'a>]) -> Self {
        let mut scales: BTreeMap<Scale, usize> = BTreeMap::new();
        let mut hidden: BTreeMap<(Stage, Scale), Vec<Gap>> = BTreeMap::new();
        for line in lines {
            let scale = scale(line);
            *scales.entry(scale).or_default() += 1;
            for (stage, _) in FIGURES {
                if let Some(gap) = quiet_gap(line, stage) {
                    hidden.entry((stage, scale)).or_default().push(gap);
                }
            }
        }
        let measured = |stage: Stage, of: Scale<'a>| {
            let mut lines = lines.iter().filter(|line| scale(line) == of);
            lines.any(|line| rows::gap(&line.rows, stage).is_none())
        };
        hidden.retain(|&(stage, scale), gaps| gaps.len() > DOZEN || !measured(stage, scale));
        Self { hidden, scales }
    }

    /// Whether the line has no figure of the stage, and that is said in words.
    pub fn hides(&self, stage: Stage, line: &Line<'a>) -> bool {
        if stage == Stage::Detect && quiet_gap(line, stage).is_none() {
            return false;
        }
        // What was not evaluated was not trained either, or has no weights to detect with.
        let stage = match stage {
            Stage::Train | Stage::Detect => Stage::Eval,
            _ => stage,
        };
        quiet_gap(line, stage).is_some() && self.hidden.contains_key(&(stage, scale(line)))
    }

    /// `No mAP for yolov5s and yolov5m (skipped: the sweep trains scale n only).`
    pub fn sentences(&self) -> Vec<String> {
        FIGURES
            .iter()
            .flat_map(|&(stage, figures)| self.of_stage(stage, figures))
            .collect()
    }

    fn of_stage(&self, stage: Stage, figures: &str) -> Vec<String> {
        let mut by_reason: BTreeMap<Gap, BTreeMap<Scale, usize>> = BTreeMap::new();
        for ((of, scale), gaps) in &self.hidden {
            for gap in gaps.iter().filter(|_| *of == stage) {
                *by_reason
                    .entry(*gap)
                    .or_default()
                    .entry(*scale)
                    .or_default() += 1;
            }
        }
        if by_reason.len() > MOST_REASONS {
            let count = by_reason.values().flat_map(BTreeMap::values).sum();
            return vec![format!(
                "No {figures} for {}, for several reasons: see what was not measured.",
                models(count)
            )];
        }
        let sentence = |(gap, scales): (&Gap, &BTreeMap<Scale, usize>)| {
            let whole = scales
                .iter()
                .all(|(scale, count)| self.scales[scale] == *count);
            let who = match (whole, scales.len() == self.scales.len()) {
                (true, true) => "any model".into(),
                (true, false) => and(scales.keys().map(|(.., name)| (*name).to_owned())),
                (false, _) => models(scales.values().sum()),
            };
            format!("No {figures} for {who} ({}).", gap.long())
        };
        by_reason.iter().map(sentence).collect()
    }
}

fn scale<'a>(line: &Line<'a>) -> Scale<'a> {
    let cell = line.cell();
    (
        &cell.family,
        scale_order(&cell.scale),
        cell.without_variants(),
    )
}

fn quiet_gap<'a>(line: &Line<'a>, stage: Stage) -> Option<Gap<'a>> {
    rows::gap(&line.rows, stage).filter(is_quiet)
}

fn and(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() {
        last
    } else {
        format!("{} and {last}", names.join(", "))
    }
}
