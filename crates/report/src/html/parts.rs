//! What the page says beside tables and plots: the facts at its top, the variants, the gaps, and
//! how to reproduce it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::table::cut;
use crate::columns::{self, LATENCY_MARGIN};
use crate::interval::Over;
use crate::number::points_of;
use crate::rows::{Gap, Row, Rows};
use crate::summary::Table;
use ablate_records::{Environment, ImageSize, Judging, Record, Stage, VariantNote};

/// A longer error is cut on the page; `results.csv` has all of it.
const MOST_ERROR: usize = 4000;

/// A name and what it says.
#[derive(Serialize)]
pub struct Fact {
    name: &'static str,
    value: String,
}

/// The records of stages that ran.
fn records<'a>(rows: &Rows<'a>) -> impl Iterator<Item = &'a Record> {
    rows.rows
        .iter()
        .flat_map(|row| Stage::ALL.iter().filter_map(|&stage| row.ran(stage)))
}

fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(", ")
}

/// How many cells there are and how they ended, data sets, devices, and the time of the latest
/// record.
pub fn facts(rows: &Rows) -> Vec<Fact> {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    // A cell that several folders hold is one.
    let once = rows
        .rows
        .iter()
        .filter(|row| seen.insert((row.cell, row.measurements())));
    for row in once {
        *ends.entry(row.status()).or_default() += 1;
    }
    let words = [
        ("done", "done"),
        ("partial", "not finished"),
        ("failed", "failed"),
        ("stopped", "stopped early"),
        ("skipped", "skipped"),
    ];
    let count: usize = ends.values().sum();
    let ends: Vec<String> = words
        .iter()
        .filter_map(|(end, word)| Some(format!("{} {word}", ends.get(end)?)))
        .collect();
    let cells = || rows.rows.iter().map(|row| row.cell);
    let sweeps = match rows.is_union() {
        true => distinct(rows.rows.iter().map(|row| row.source)),
        false => String::new(),
    };
    let last = records(rows)
        .filter_map(|r| Some((r.finished.parse::<jiff::Timestamp>().ok()?, &r.finished)))
        .max();
    let facts = [
        ("Sweeps", sweeps),
        ("Cells", format!("{count}: {}", ends.join(", "))),
        (
            "Data sets",
            distinct(cells().filter_map(|cell| cell.dataset.as_deref())),
        ),
        (
            "Devices",
            distinct(cells().map(|cell| cell.device.as_str())),
        ),
        (
            "Latest record",
            last.map(|(_, finished)| finished.clone())
                .unwrap_or_default(),
        ),
    ];
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| Fact { name, value })
        .collect()
}

/// What each variant of the report is; combined variants one by one, and without their arguments.
pub fn variants<'n>(rows: &Rows, notes: &'n [VariantNote]) -> Vec<&'n VariantNote> {
    let used: BTreeSet<&str> = rows
        .rows
        .iter()
        .flat_map(|row| row.cell.variant.split('+'))
        .map(|variant| variant.split(':').next().unwrap_or(variant))
        .collect();
    let mut notes: Vec<&VariantNote> = notes
        .iter()
        .filter(|note| used.contains(note.name.as_str()))
        .collect();
    notes.sort_by_key(|note| &note.name);
    notes
}

/// A column of `results.csv`.
#[derive(Serialize)]
pub struct Explained {
    name: String,
    unit: &'static str,
    tip: &'static str,
}

/// What the columns of `results.csv` are.
pub fn columns(rows: &Rows) -> Vec<Explained> {
    let part = |part: &'static [columns::Column]| {
        let in_csv = part.iter().filter(|column| column.is_in_csv(rows));
        let values = in_csv.map(|column| Explained {
            name: column.csv.into(),
            unit: column.unit,
            tip: column.tip,
        });
        let changes = part.iter().filter_map(|column| column.comparison);
        let changes = changes.flat_map(|comparison| {
            let of = move |(name, tip)| Explained {
                name,
                unit: comparison.unit.word(),
                tip,
            };
            comparison.csv_columns().into_iter().map(of)
        });
        values.chain(changes).collect::<Vec<_>>()
    };
    let gains = columns::SameCost::ALL.into_iter();
    let gains = gains.flat_map(columns::SameCost::columns);
    let gains = gains.map(|column| Explained {
        name: column.csv.into(),
        unit: "points",
        tip: column.tip,
    });
    let [results, details, detect] = columns::PARTS.map(part);
    let rest = details.into_iter().chain(detect);
    results.into_iter().chain(gains).chain(rest).collect()
}

/// Figures that are missing for the same reason.
#[derive(Serialize)]
pub struct Missing {
    stages: String,
    what: &'static str,
    reason: String,
    models: Vec<String>,
    failed: bool,
}

/// What was not measured, failures first; cells with the same reason are grouped, and so are stages
/// with the same cells.
pub fn gaps(rows: &Rows) -> Vec<Missing> {
    let mut groups: BTreeMap<(Gap, Stage), Vec<String>> = BTreeMap::new();
    for row in &rows.rows {
        for stage in Stage::ALL {
            if let Some(gap) = row.gap(stage) {
                let models = groups.entry((gap, stage)).or_default();
                let name = name(rows, row);
                if !models.contains(&name) {
                    models.push(name);
                }
            }
        }
    }
    let mut all: Vec<(Gap, Missing)> = Vec::new();
    for ((gap, stage), models) in groups {
        if let Some((_, same)) = all
            .iter_mut()
            .find(|(other, same)| *other == gap && same.models == models)
        {
            same.stages = format!("{}, {}", same.stages, stage.name());
            continue;
        }
        let reason = match gap {
            Gap::Failed(reason) | Gap::Stopped(reason) | Gap::Skipped(reason) => {
                cut(reason, MOST_ERROR)
            }
            Gap::NotYet => "no record yet".into(),
            Gap::NotAsked => "the cell has no data set".into(),
        };
        let failed = matches!(gap, Gap::Failed(_));
        all.push((
            gap,
            Missing {
                stages: stage.name().into(),
                what: gap.short(),
                reason,
                models,
                failed,
            },
        ));
    }
    all.into_iter().map(|(_, missing)| missing).collect()
}

/// The model, with what tells its cell from the other cells of the same model.
fn name(rows: &Rows, row: &Row) -> String {
    let same = || {
        rows.rows
            .iter()
            .map(|other| other.cell)
            .filter(|cell| cell.model == row.cell.model)
    };
    let cell = row.cell;
    let mut parts = vec![cell.model.clone()];
    let mut add = |differs: bool, text: String| {
        if differs {
            parts.push(text)
        }
    };
    add(!row.source.is_empty(), format!("({})", row.source));
    add(same().any(|c| c.device != cell.device), cell.device.clone());
    add(
        same().any(|c| c.imgsz.latency != cell.imgsz.latency),
        format!("{} px", cell.imgsz.latency),
    );
    add(
        same().any(|c| c.imgsz.train != cell.imgsz.train),
        format!("trained at {} px", cell.imgsz.train),
    );
    add(
        same().any(|c| c.timing() != cell.timing()),
        cell.timing().to_string(),
    );
    add(
        same().any(|c| c.dataset != cell.dataset),
        cell.dataset.clone().unwrap_or("no data set".into()),
    );
    add(
        same().any(|c| c.seed != cell.seed),
        cell.seed
            .map_or("no seed".into(), |seed| format!("seed {seed}")),
    );
    parts.join(" ")
}

/// A machine with its programs, and how many records come from it.
#[derive(Serialize)]
pub struct Machine {
    facts: Vec<Fact>,
    records: usize,
}

/// The machines and programs that the records come from.
pub fn environments(rows: &Rows) -> Vec<Machine> {
    let mut seen = BTreeSet::new();
    let mut machines: Vec<(&Environment, usize)> = Vec::new();
    for record in records(rows).filter(|record| seen.insert((&record.key, &record.finished))) {
        match machines
            .iter_mut()
            .find(|(environment, _)| *environment == &record.environment)
        {
            Some((_, count)) => *count += 1,
            None => machines.push((&record.environment, 1)),
        }
    }
    let facts = |e: &Environment| {
        let facts = [
            ("ablate", format!("{} ({})", e.ablate, e.commit)),
            ("Burn", e.burn.clone()),
            ("Rust", e.rustc.clone()),
            ("System", e.os.clone()),
            ("Processor", e.cpu.clone()),
            ("Cores", format!("{}, {} threads used", e.cores, e.threads)),
            ("Memory", format!("{:.1} GiB", e.memory_gib)),
        ];
        facts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| Fact { name, value })
            .collect()
    };
    machines
        .into_iter()
        .map(|(environment, records)| Machine {
            facts: facts(environment),
            records,
        })
        .collect()
}

/// The greatest number of seeds that a model was trained with on one data set.
pub fn seeds(rows: &Rows) -> usize {
    let mut seeds: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for row in rows.rows.iter().filter(|row| row.eval().is_some()) {
        seeds
            .entry((&row.cell.model, &row.cell.dataset))
            .or_default()
            .insert(row.cell.seed);
    }
    seeds.values().map(BTreeSet::len).max().unwrap_or(0)
}

/// Commands that reproduce the figures.
pub fn commands(rows: &Rows) -> Vec<String> {
    let commits: BTreeSet<&str> = records(rows)
        .map(|record| record.environment.commit.as_str())
        .collect();
    let known = |commit: &&str| !commit.is_empty() && *commit != "unknown";
    let checkout = commits.into_iter().filter(known).map(|commit| {
        let (commit, changed) = (
            commit.trim_end_matches("+dirty"),
            commit.ends_with("+dirty"),
        );
        let note = if changed {
            "  # some files differed from this commit"
        } else {
            ""
        };
        format!("git checkout {}{note}", quoted(commit))
    });
    let mut shown: BTreeMap<(usize, ImageSize), Vec<String>> = BTreeMap::new();
    for cell in rows.rows.iter().map(|row| row.cell) {
        let models = shown.entry((cell.nc, cell.imgsz.cost)).or_default();
        let model = quoted(&cell.model);
        if !models.contains(&model) {
            models.push(model);
        }
    }
    let show = shown.into_iter().map(|((nc, imgsz), models)| {
        let (models, imgsz) = (models.join(" "), imgsz.arguments());
        format!("ablate show {models} --nc {nc} --imgsz {imgsz}")
    });
    let sweep = [
        "ablate run SWEEP.yaml --out DIR  # resumes, and measures what is missing",
        "ablate report DIR  # draws this report from its records",
    ];
    checkout
        .chain(sweep.map(String::from))
        .chain(show)
        .collect()
}

/// The word, quoted if a shell would change it.
fn quoted(word: &str) -> String {
    let is_literal = |c: char| c.is_ascii_alphanumeric() || "+-_.:=,/@".contains(c);
    if !word.is_empty() && word.chars().all(is_literal) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What the intervals on the page are; empty if there is none. HTML.
pub fn intervals(tables: &[Table]) -> String {
    let mut overs = Vec::new();
    for column in columns::all().filter(|column| column.comparison.is_some()) {
        for line in tables.iter().flat_map(|table| &table.lines) {
            let change = line.change(column);
            overs.extend(change.and_then(|change| change.interval).map(|it| it.over));
        }
    }
    let has = |test: fn(&Over) -> bool| overs.iter().any(test);
    let sentences = [
        (
            has(|over| *over != Over::Images),
            "All <strong>intervals</strong> of a column of a table hold at once, with a confidence of 95 %: however many \
             models are compared, about one sweep in twenty claims anything false of it.",
        ),
        (
            has(|over| matches!(over, Over::Seeds(_) | Over::SeedsAndImages(_))),
            "Those of mAP are Dunnett's, by the spread over the seeds of all models of a scale, or of the two models alone where \
             spreads differ.",
        ),
        (
            has(|over| matches!(over, Over::SeedsAndImages(_))),
            "Those of mAP50-95 count the choice of test images, too.",
        ),
        (
            has(|over| *over == Over::Images),
            "<strong>Intervals of single seeds</strong> hold one by one, and over test images alone: they say nothing of \
             other seeds.",
        ),
    ];
    let said = sentences.into_iter().filter(|(holds, _)| *holds);
    said.map(|(_, sentence)| sentence)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Which changes count as none.
pub fn margins(judging: &Judging) -> String {
    let latency = format!("{LATENCY_MARGIN} % of latency");
    match judging.margin {
        Some(points) => format!("The margin is {} of mAP and {latency}.", points_of(points)),
        None => format!(
            "The margin is {latency}; of mAP the sweep sets none (key margin), so no mAP is called as good."
        ),
    }
}
