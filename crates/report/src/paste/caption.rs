//! What is said with a table: what the figures are of, and what the signs mean.

use std::collections::BTreeSet;

use super::Fields;
use super::fields::Field;
use super::sheet::Item;
use crate::columns::{Column, Evidence, LATENCY_MARGIN};
use crate::executions::way;
use crate::interval::Over;
use crate::mark::{Mark, OPEN, UNLEARNT};
use crate::modes;
use crate::rows::{Row, Rows};
use crate::summary::{Line, Table};
use ablate_records::Stage;

const BEST: &str = "Bold: the best of its scale, better than every other by its interval, and than the baseline by the margin.";

/// Sentences, each with its full stop.
pub fn of(
    rows: &Rows,
    table: &Table,
    lines: &[&Line],
    fields: &Fields,
    columns: &[Vec<Item>],
) -> Vec<String> {
    let shows = |stage| {
        fields.iter().any(|field| {
            let (Field::Figure(column) | Field::Change(column, _) | Field::End(column, ..)) = field;
            column.stage == Some(stage)
        })
    };
    let mut sentences = Vec::new();
    if shows(Stage::Eval) {
        sentences.extend(accuracy(table, lines));
    }
    if shows(Stage::Latency) {
        let timed = latency(table, lines);
        let mode = timed
            .as_ref()
            .and_then(|_| modes::meaning(table.setting.timing.mode));
        sentences.extend(timed.into_iter().chain(mode.map(String::from)));
    }
    if shows(Stage::Cost) {
        sentences.push(format!("GFLOPs at {} px.", table.setting.imgsz.cost));
    }
    sentences.extend(changes(rows, lines, fields));
    let is_best = |item: &Item| matches!(item, Item::Figure { best: true, .. });
    if columns.iter().flatten().any(is_best) {
        sentences.push(BEST.into());
    }
    sentences.extend(signs(columns));
    sentences
}

/// What was trained on what, and over how many seeds.
fn accuracy(table: &Table, lines: &[&Line]) -> Option<String> {
    let evaluated = || lines.iter().flat_map(|line| line.evaluated());
    let eval = evaluated().find_map(Row::eval)?;
    let seeds: BTreeSet<usize> = lines
        .iter()
        .map(|line| line.evaluated().count())
        .filter(|seeds| *seeds > 0)
        .collect();
    let over = match (seeds.first(), seeds.last()) {
        (Some(1), Some(1)) => "one seed".into(),
        (Some(least), Some(most)) if least == most => {
            format!("mean ± standard deviation over {most} seeds")
        }
        (Some(least), Some(most)) => {
            format!("mean ± standard deviation over {least} to {most} seeds")
        }
        _ => return None,
    };
    let epochs = range(evaluated().filter_map(|row| Some(row.train()?.epochs.len())));
    let epochs = epochs.map(|epochs| format!(" for {epochs}"));
    let (split, images) = (&eval.split, eval.images);
    let s = if images == 1 { "" } else { "s" };
    Some(format!(
        "mAP on {} ({split} split, {images} image{s}), trained at {} px{}: {over}.",
        table.setting.dataset.unwrap_or("the data set"),
        table.setting.imgsz.train,
        epochs.unwrap_or_default(),
    ))
}

/// `50 epochs`, `30 to 50 epochs`; None if there are none.
fn range(counts: impl Iterator<Item = usize>) -> Option<String> {
    let counts: BTreeSet<usize> = counts.collect();
    let (least, most) = (counts.first()?, counts.last()?);
    Some(match (least == most, most) {
        (true, 1) => "1 epoch".into(),
        (true, _) => format!("{most} epochs"),
        (false, _) => format!("{least} to {most} epochs"),
    })
}

/// What was timed where.
fn latency(table: &Table, lines: &[&Line]) -> Option<String> {
    let timed = lines.iter().flat_map(|line| &line.rows);
    let records: Vec<_> = timed
        .filter(|row| row.latency().is_some())
        .filter_map(|row| row.record(Stage::Latency))
        .collect();
    let timed = lines.iter().flat_map(|line| &line.rows);
    let ways: BTreeSet<&str> = timed
        .filter_map(|row| row.latency()?.by)
        .map(|by| way(Some(by)))
        .collect();
    let ways: Vec<&str> = ways.into_iter().collect();
    // What a graph replays is no longer launched operation by operation.
    let is_replayed = table.setting.timing.mode == Some("graph");
    let ways = match ways.is_empty() || is_replayed {
        true => String::new(),
        false => format!(", {}", ways.join(" and ")),
    };
    let machines: BTreeSet<String> = records
        .iter()
        .map(|record| &record.environment)
        .filter(|environment| !environment.cpu.is_empty())
        .map(|environment| format!("{}, {} threads", environment.cpu, environment.threads))
        .collect();
    let machines: Vec<String> = machines.into_iter().collect();
    let setting = table.setting;
    let machine = match machines.is_empty() {
        true => String::new(),
        false => format!(" ({})", machines.join("; ")),
    };
    (!records.is_empty()).then(|| {
        let place = format!("{}{machine}", setting.device).replace(") (", "; ");
        format!(
            "Latency: median of a forward pass{ways}, {}, {} px, on {place}.",
            setting.timing, setting.imgsz.latency
        )
    })
}

/// What the changes are, and how sure.
fn changes(rows: &Rows, lines: &[&Line], fields: &Fields) -> Vec<String> {
    let compared: Vec<(&Column, Evidence)> = fields
        .iter()
        .filter_map(|field| match field {
            Field::Change(column, comparison) | Field::End(column, comparison, _) => {
                Some((*column, comparison.evidence))
            }
            Field::Figure(_) => None,
        })
        .collect();
    if compared.is_empty() {
        return Vec::new();
    }
    let overs: Vec<Over> = compared
        .iter()
        .flat_map(|(column, _)| {
            lines
                .iter()
                .filter_map(|line| line.change(column)?.interval.map(|it| it.over))
        })
        .collect();
    let of_images = overs.contains(&Over::Images);
    let of_rounds = overs.iter().any(|over| matches!(over, Over::Rounds { .. }));
    let is_of_seeds = |over: &Over| matches!(over, Over::Seeds(_) | Over::SeedsAndImages(_));
    let of_seeds = overs.iter().any(is_of_seeds);
    let together = match (of_rounds, of_seeds) {
        (true, true) => "those of latency, and of mAP over several seeds, hold together",
        (true, false) => "those of latency hold together",
        (false, _) => "those over several seeds hold together",
    };
    let intervals = match (of_rounds || of_seeds, of_images) {
        (true, false) => {
            ", with intervals that hold together, column by column, with a confidence of 95 %"
                .into()
        }
        (true, true) => format!(", with intervals; {together}, with a confidence of 95 %"),
        (false, _) => String::new(),
    };
    let mut sentences = vec![format!(
        "Δ: change against the baseline of the same scale{intervals}."
    )];
    if of_images {
        let which = if of_seeds { " of a single seed" } else { "" };
        sentences.push(format!(
            "Intervals of mAP{which} hold one by one, and over test images alone: one seed has no spread."
        ));
    }
    let is_timed = |(_, evidence): &(_, Evidence)| matches!(evidence, Evidence::Rounds);
    let is_exact = |(_, evidence): &(_, Evidence)| matches!(evidence, Evidence::Exact(_));
    let is_trained = |it: &(_, Evidence)| !is_timed(it) && !is_exact(it);
    let mut margins = Vec::new();
    if compared.iter().any(is_trained) {
        let points = |points: f64| {
            let s = if points == 1.0 { "" } else { "s" };
            format!("{points} point{s} of mAP")
        };
        margins.extend(rows.judging.margin.map(points));
    }
    if compared.iter().any(is_timed) {
        margins.push(format!("{LATENCY_MARGIN} % of latency"));
    }
    let within = match margins.is_empty() {
        true => String::new(),
        false => format!(
            "the whole interval lies within {}, or, ",
            margins.join(", ")
        ),
    };
    let same = match margins.is_empty() {
        true => "the figures are the same",
        false => "of a cost, the figures are the same",
    };
    let marks: BTreeSet<&str> = compared
        .iter()
        .flat_map(|(column, _)| lines.iter().filter_map(|line| line.change(column)))
        .map(|change| change.mark.word())
        .collect();
    let meanings = [
        (Mark::Better, "▲▼ better".to_string()),
        (Mark::Worse, "△▽ worse".into()),
        (Mark::Same, format!("≈ as good ({within}{same})")),
        (Mark::Open, OPEN.into()),
        (Mark::Unlearnt, UNLEARNT.into()),
    ];
    let shown = meanings
        .into_iter()
        .filter(|(mark, _)| marks.contains(mark.word()))
        .map(|(_, meaning)| meaning);
    let shown: Vec<String> = shown.collect();
    if !shown.is_empty() {
        sentences.push(shown.join(", ") + ".");
    }
    sentences
}

/// What the signs of missing figures mean.
fn signs(columns: &[Vec<Item>]) -> Option<String> {
    let found = |sign: &str| {
        let mut items = columns.iter().flatten();
        items.any(|item| matches!(item, Item::Text(text) if text == sign))
    };
    let words = [
        ("…", "not yet measured"),
        ("–", "not measured"),
        ("stopped", "early, by halving"),
    ];
    let words: Vec<String> = words
        .iter()
        .filter(|(sign, _)| found(sign))
        .map(|(sign, word)| format!("{sign} {word}"))
        .collect();
    (!words.is_empty()).then(|| words.join(", ") + ".")
}
