//! Why figures are empty.

use ablate_records::Stage;

use super::Row;

/// Why a figure is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap<'a> {
    Failed(&'a str),
    /// Halving stopped the training, so there is nothing to evaluate either.
    Stopped(&'a str),
    NotYet,
    Skipped(&'a str),
    /// The cell has no data set, so it is neither trained nor evaluated.
    NotAsked,
}

impl Gap<'_> {
    /// One to three words, for a table.
    pub fn short(&self) -> &'static str {
        match self {
            Gap::Failed(_) => "failed",
            Gap::Stopped(_) => "stopped",
            Gap::NotYet => "not yet measured",
            Gap::Skipped(_) => "skipped",
            Gap::NotAsked => "not asked for",
        }
    }

    /// A sign or a word, for a table of text.
    pub fn sign(&self) -> &'static str {
        match self {
            Gap::Failed(_) => "failed",
            Gap::Stopped(_) => "stopped",
            Gap::Skipped(_) => "skipped",
            Gap::NotYet => "…",
            Gap::NotAsked => "–",
        }
    }

    /// With the reason or the error.
    pub fn long(&self) -> String {
        match self {
            Gap::Failed(error) => format!("failed: {error}"),
            Gap::Stopped(reason) => format!("stopped {reason}"),
            Gap::NotYet => "not yet measured".into(),
            Gap::Skipped(reason) => format!("skipped: {reason}"),
            Gap::NotAsked => "not asked for: the cell has no data set".into(),
        }
    }
}

/// The most telling reason why no seed of a model has the stage's figure; None if one has. A
/// training that failed is the reason why nothing was evaluated.
pub fn gap<'a>(seeds: &[Row<'a>], stage: Stage) -> Option<Gap<'a>> {
    if let (Stage::Train | Stage::Eval, Some(reason)) = (stage, seeds.iter().find_map(Row::stopped))
    {
        return Some(Gap::Stopped(reason));
    }
    let gaps: Option<Vec<Gap>> = seeds.iter().map(|row| row.gap(stage)).collect();
    let training = seeds
        .iter()
        .filter_map(|row| row.gap(Stage::Train))
        .filter(|_| stage == Stage::Eval);
    gaps?
        .into_iter()
        .chain(training.filter(|gap| matches!(gap, Gap::Failed(_))))
        .min()
}
