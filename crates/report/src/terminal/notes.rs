//! What is said below the tables.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use super::{folded, one_line};
use crate::columns::timed;
use crate::mark::{AS_GOOD, OPEN, UNLEARNT};
use crate::rows::{BASELINE, Gap, Rows};
use crate::summary::Table;
use crate::{caution, executions, modes, precision, sentence};
use ablate_records::Stage;

/// Errors printed under the tables; `results.csv` has all.
const MOST_ERRORS: usize = 5;

/// What the verdicts say of each variant, then what to know of the test images and
/// the timings.
pub fn sentences(tables: &[Table], rows: &Rows, width: Option<u16>) -> String {
    let told = sentence::told(tables, &rows.judging);
    let several = told.len() > 1;
    let mut lines: Vec<String> = Vec::new();
    for told in told {
        lines.extend(several.then(|| told.title.clone()));
        lines.extend(told.sentences.iter().map(sentence::Sentence::text));
        lines.extend(told.rest());
    }
    let gap = if lines.is_empty() { "" } else { "\n" };
    let width = width.map_or(usize::MAX, |width| usize::from(width).max(40));
    let paragraph = |line: &String| folded(line, width, "  ");
    let told: String = lines.iter().map(paragraph).collect();
    let cautions = precision::cautions(tables, &rows.judging).into_iter();
    let cautions = cautions.chain(caution::cautions(rows));
    let cautions = cautions.chain(executions::cautions(rows));
    let cautions = cautions.chain(modes::meanings(rows).into_iter().map(String::from));
    let cautions: String = cautions.map(|line| paragraph(&line)).collect();
    format!("{told}{gap}{cautions}")
}

/// The files of weights that trainings started from: a line for each file.
pub fn first_weights(rows: &Rows) -> String {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in &rows.rows {
        if let Some(weights) = row.train().and_then(|train| train.weights.as_ref()) {
            let models = files.entry(&weights.file).or_default();
            let model = format!(
                "{} {} of {} tensors",
                row.cell.model, weights.taken, weights.total
            );
            // The seeds of a model start from the same file.
            if !models.contains(&model) {
                models.push(model);
            }
        }
    }
    files
        .iter()
        .map(|(file, models)| {
            one_line(&format!("started from {file}: {}", models.join(", "))) + "\n"
        })
        .collect()
}

/// What the signs mean that occur in `shown`.
pub fn legend(rows: &Rows, shown: &str) -> String {
    let has = |sign: &str| shown.split_whitespace().any(|word| word == sign);
    let mut words = Vec::new();
    let has_variants = rows.rows.iter().any(|row| row.cell.variant != BASELINE);
    let has_baseline = rows.rows.iter().any(|row| row.cell.variant == BASELINE);
    if has_variants && !has_baseline {
        words.push("no baseline, so no changes: add one to the models".into());
    }
    if has_variants && has_baseline {
        words.push(format!(
            "Δ change against the baseline of the same scale: ▲▼ better, △▽ worse, {AS_GOOD}, {OPEN}"
        ));
    }
    if has("∅") {
        words.push(UNLEARNT.into());
    }
    if has("…")
        && rows.rows.iter().any(|row| {
            Stage::ALL
                .iter()
                .any(|&stage| row.gap(stage) == Some(Gap::NotYet))
        })
    {
        words.push("… not yet measured".into());
    }
    if has("–") {
        words.push("– not measured".into());
    }
    if words.is_empty() {
        String::new()
    } else {
        words.join(" · ") + "\n"
    }
}

/// The timings that other work of the machine disturbed, and how: a line for each kind.
pub fn disturbed(rows: &Rows) -> String {
    let mut found: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for row in &rows.rows {
        for stage in Stage::ALL {
            if let (Some(what), Some(how)) = (timed(stage), row.disturbance(stage)) {
                let models = found.entry((what, how)).or_default();
                if !models.contains(&row.cell.model.as_str()) {
                    models.push(&row.cell.model);
                }
            }
        }
    }
    let line = |((what, how), models): (&(&str, String), &Vec<&str>)| {
        let more = match models.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        format!("{what} of {}{more} was disturbed: {how}\n", models[0])
    };
    found.iter().map(line).collect()
}

/// The models that halving stopped, and where: a line for each.
pub fn stopped(rows: &Rows) -> String {
    let mut lines: Vec<String> = Vec::new();
    for row in &rows.rows {
        let line = row
            .stopped()
            .map(|reason| format!("{} stopped {}", row.cell.model, one_line(reason)));
        // The seeds of a model stop together.
        lines.extend(line.filter(|line| !lines.contains(line)));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What failed and why, the first few.
pub fn errors(rows: &Rows, width: usize) -> String {
    let mut keys: HashSet<&str> = HashSet::new();
    let mut failed = Vec::new();
    for row in &rows.rows {
        for stage in Stage::ALL {
            let Some(Gap::Failed(error)) = row.gap(stage) else {
                continue;
            };
            // Seeds share what does not depend on them.
            let record = row.record(stage);
            if record.is_some_and(|record| !keys.insert(&record.key)) {
                continue;
            }
            let of_seed = matches!(stage, Stage::Train | Stage::Eval);
            let (model, stage) = (&row.cell.model, stage.name());
            failed.push(match row.cell.seed.filter(|_| of_seed) {
                Some(seed) => format!("{model} {stage} of seed {seed}: {error}"),
                None => format!("{model} {stage}: {error}"),
            });
        }
    }
    let mut out = String::new();
    if !failed.is_empty() {
        let _ = writeln!(out, "\n{} failed:", failed.len());
    }
    for error in failed.iter().take(MOST_ERRORS) {
        let line = one_line(error);
        let room = width.saturating_sub(2).max(20);
        let short: String = line.chars().take(room).collect();
        let cut = if line.chars().count() > room {
            short.chars().take(room - 1).collect::<String>() + "…"
        } else {
            short
        };
        let _ = writeln!(out, "  {cut}");
    }
    if failed.len() > MOST_ERRORS {
        let _ = writeln!(
            out,
            "  and {} more: see results.csv",
            failed.len() - MOST_ERRORS
        );
    }
    out
}
