//! What is decided at a rung of a competition: in records, and in words for the log.

use super::{
    config::{Among, HalvingConfig},
    halving::{Fate, Place, Standing, percent},
    plan::PlannedCell,
};
use ablate_records::{EpochLog, Outcome, Rung};

/// The rungs of a competition.
pub(super) struct Rungs<'h> {
    pub(super) halving: &'h HalvingConfig,
    pub(super) at: Vec<usize>,
    pub(super) epochs: usize,
}

pub(super) fn stopped(
    rungs: &Rungs,
    epoch: usize,
    place: Place,
    seeds: usize,
    mut epochs: Vec<EpochLog>,
) -> Outcome {
    epochs.truncate(epoch);
    let Place {
        place,
        ranked,
        kept,
        score,
        least,
    } = place;
    let (keep, fitness, map50_95) = (rungs.halving.keep, score.fitness, score.map50_95);
    let rung = Rung {
        epoch,
        epochs: rungs.epochs,
        keep,
        ranked,
        kept,
        place,
        fitness,
        seeds,
        least,
        map50_95,
    };
    Outcome::Stopped {
        reason: reason(&rung),
        rung,
        epochs,
    }
}

/// `after epoch 4 of 16 by halving: …`
fn reason(rung: &Rung) -> String {
    let Rung {
        epoch,
        epochs,
        keep,
        ranked,
        kept,
        place,
        fitness,
        seeds,
        least,
        map50_95,
    } = rung;
    let mean = if *seeds > 1 {
        format!(", means over {seeds} seeds")
    } else {
        String::new()
    };
    format!(
        "after epoch {epoch} of {epochs} by halving: place {place} of {ranked} by validation fitness, {fitness:.3} (mAP50-95 {map50_95:.3}{mean}); \
         the best {} % went on, {kept} with {least:.3} or more",
        percent(*keep),
    )
}

/// A decision in a line.
pub(super) fn decision(
    rungs: &Rungs,
    rung: usize,
    first: &PlannedCell,
    standings: &[Standing],
    fates: &[Fate],
) -> String {
    let group = match rungs.halving.among {
        Among::Models => String::new(),
        Among::Variants => format!("{}{} ", first.model.family, first.model.scale),
    };
    let mut line = format!(
        "halving {group}on {} after epoch {rung} of {}:",
        first.device, rungs.epochs
    );
    let named = |wanted: &dyn Fn(&Fate) -> bool| -> Vec<String> {
        let mut chosen: Vec<&Standing> = standings
            .iter()
            .zip(fates)
            .filter(|(_, fate)| wanted(fate))
            .map(|(standing, _)| standing)
            .collect();
        let fitness = |standing: &Standing| {
            standing
                .score
                .map_or(f64::NEG_INFINITY, |score| score.fitness)
        };
        chosen.sort_by(|a, b| fitness(b).total_cmp(&fitness(a)));
        let figure = |standing: &Standing| {
            standing
                .score
                .map_or("–".into(), |score| format!("{:.3}", score.fitness))
        };
        chosen
            .into_iter()
            .map(|standing| format!("{} {}", standing.model, figure(standing)))
            .collect()
    };
    let parts = [
        ("go on", named(&|fate| matches!(fate, Fate::GoesOn(_)))),
        ("stop", named(&|fate| matches!(fate, Fate::Stops(_)))),
        ("not ranked", named(&|fate| matches!(fate, Fate::NotRanked))),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{} {what} ({})", names.len(), names.join(", ")))
        .collect();
    line += &format!(" {}", said.join("; "));
    line
}
