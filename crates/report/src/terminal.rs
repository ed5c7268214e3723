//! The summary on the screen: what the HTML report's tables say, in as many columns as fit.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, Table as Grid, presets,
};

use crate::mark::Mark;
use crate::number;
use crate::rows::{BASELINE, Gap, Rows};
use crate::summary::{Line, Table, tables};
use ablate_records::{Record, Stage};

/// Errors listed under the tables before the rest is left to `results.csv`.
const MOST_ERRORS: usize = 5;

/// The summary for standard output: as wide as the terminal and coloured, or plain and whole where there is none.
pub fn summary(records: &[Record]) -> String {
    let tty = std::io::stdout().is_terminal();
    let width = if tty { Grid::new().width() } else { None };
    render(
        records,
        width,
        tty && std::env::var_os("NO_COLOR").is_none(),
    )
}

/// The summary, `width` characters wide at most where columns can be left out for it.
pub fn render(records: &[Record], width: Option<u16>, colour: bool) -> String {
    let rows = Rows::join(records);
    if rows.rows.is_empty() {
        return "No records yet.\n".into();
    }
    let mut out = String::new();
    for table in tables(&rows) {
        let _ = writeln!(
            out,
            "{}\n{}\n",
            table.setting.title(),
            fitted(&table, width, colour)
        );
    }
    out.push_str(&beginnings(&rows));
    out.push_str(&legend(&rows));
    out.push_str(&stopped(&rows));
    out.push_str(&errors(&rows, usize::from(width.unwrap_or(200))));
    out
}

/// A column: heading, importance (0 stays always), content.
struct Column {
    name: &'static str,
    rank: u8,
    cell: fn(&Line) -> Entry,
}

/// A cell's text and, of a change, its judgement.
struct Entry(String, Option<Mark>);

impl Entry {
    fn figure(text: Option<String>, line: &Line, stage: Stage) -> Self {
        let gap = || match line.gap(stage) {
            Some(Gap::Failed(_)) => "failed",
            Some(Gap::Stopped(_)) => "stopped",
            Some(Gap::Skipped(_)) => "skipped",
            Some(Gap::NotYet) => "…",
            Some(Gap::NotAsked) | None => "–",
        };
        Entry(text.unwrap_or_else(|| gap().into()), None)
    }

    /// Most models make no masks, and that is no gap.
    fn of_masks(text: Option<String>) -> Self {
        Entry(text.unwrap_or_default(), None)
    }

    fn change(change: Option<f64>, mark: impl Fn(f64) -> Mark, format: fn(f64) -> String) -> Self {
        let Some(change) = change else {
            return Entry(String::new(), None);
        };
        let mark = mark(change);
        Entry(
            format!("{} {}", mark.sign(change), format(change)),
            Some(mark),
        )
    }
}

const COLUMNS: [Column; 15] = [
    Column {
        name: "model",
        rank: 0,
        cell: |l| Entry(l.cell().model.clone(), None),
    },
    Column {
        name: "params M",
        rank: 0,
        cell: |l| Entry::figure(l.cost().map(|c| number::millions(c.params)), l, Stage::Cost),
    },
    Column {
        name: "Δ",
        rank: 3,
        cell: |l| Entry::change(l.changes.params, |x| Mark::lower(x, true), number::percent),
    },
    Column {
        name: "GFLOPs",
        rank: 0,
        cell: |l| Entry::figure(l.cost().map(|c| number::short(c.gflops)), l, Stage::Cost),
    },
    Column {
        name: "Δ",
        rank: 3,
        cell: |l| Entry::change(l.changes.gflops, |x| Mark::lower(x, true), number::percent),
    },
    Column {
        name: "exact",
        rank: 6,
        cell: |l| {
            Entry::figure(
                l.cost().map(|c| number::short(c.gflops_exact)),
                l,
                Stage::Cost,
            )
        },
    },
    Column {
        name: "ms",
        rank: 0,
        cell: |l| {
            Entry::figure(
                l.latency().map(|t| number::short(t.median_ms)),
                l,
                Stage::Latency,
            )
        },
    },
    Column {
        name: "Δ",
        rank: 2,
        cell: |l| {
            Entry::change(
                l.changes.latency,
                |x| Mark::lower(x, l.changes.latency_is_clear),
                number::percent,
            )
        },
    },
    Column {
        name: "img/s",
        rank: 5,
        cell: |l| {
            Entry::figure(
                l.latency().map(|t| number::short(t.images_per_s)),
                l,
                Stage::Latency,
            )
        },
    },
    Column {
        name: "mAP50",
        rank: 4,
        cell: |l| Entry::figure(l.coco("AP50").map(|s| number::map(s.mean)), l, Stage::Eval),
    },
    Column {
        name: "mAP50-95",
        rank: 0,
        cell: |l| Entry::figure(l.coco("AP").map(|s| number::map(s.mean)), l, Stage::Eval),
    },
    Column {
        name: "Δ",
        rank: 1,
        cell: |l| {
            Entry::change(
                l.changes.map50_95,
                |x| Mark::higher(x, l.map_is_clear()),
                number::points,
            )
        },
    },
    Column {
        name: "95 %",
        rank: 4,
        cell: |l| {
            Entry(
                l.changes
                    .map_interval
                    .map(|i| i.to_string())
                    .unwrap_or_default(),
                None,
            )
        },
    },
    Column {
        name: "mask mAP50",
        rank: 4,
        cell: |l| Entry::of_masks(l.coco_of_masks("AP50").map(|s| number::map(s.mean))),
    },
    Column {
        name: "mask mAP50-95",
        rank: 1,
        cell: |l| Entry::of_masks(l.coco_of_masks("AP").map(|s| number::map(s.mean))),
    },
];

/// The table with the least important columns left out until it fits.
fn fitted(table: &Table, width: Option<u16>, colour: bool) -> String {
    let whole = || table.lines.iter();
    let said = |column: &&Column| {
        column.rank == 0 || whole().any(|line| !(column.cell)(line).0.is_empty())
    };
    let mut columns: Vec<&Column> = COLUMNS.iter().filter(said).collect();
    loop {
        let grid = grid(table, &columns, colour);
        let wide = grid
            .lines()
            .map(|line| shown_width(&line))
            .max()
            .unwrap_or(0);
        let worst = columns.iter().map(|column| column.rank).max().unwrap_or(0);
        if width.is_none_or(|width| wide <= usize::from(width)) || worst == 0 {
            return grid.to_string();
        }
        columns.retain(|column| column.rank != worst);
    }
}

fn grid(table: &Table, columns: &[&Column], colour: bool) -> Grid {
    let mut grid = Grid::new();
    grid.load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if colour {
        grid.enforce_styling();
    } else {
        grid.force_no_tty();
    }
    grid.set_header(columns.iter().map(|column| {
        let cell = Cell::new(column.name);
        if colour {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }));
    for (index, column) in grid.column_iter_mut().enumerate() {
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut group = None;
    for line in &table.lines {
        let cell = line.cell();
        let this = Some((&cell.family, &cell.scale));
        if group.is_some() && group != this {
            grid.add_row([" "]);
        }
        group = this;
        grid.add_row(columns.iter().map(|column| {
            let Entry(text, mark) = (column.cell)(line);
            let shown = Cell::new(one_line(&text));
            match mark {
                Some(Mark::Better) if colour => shown.fg(Color::Green),
                Some(Mark::Worse) if colour => shown.fg(Color::Red),
                _ if colour && cell.variant == BASELINE => shown.add_attribute(Attribute::Bold),
                _ => shown,
            }
        }));
    }
    grid
}

/// Characters on the screen, escape sequences aside.
fn shown_width(line: &str) -> usize {
    let mut escape = false;
    let shown = line.trim_end().chars().filter(|&c| {
        let hidden = escape || c == '\u{1b}';
        escape = hidden && c != 'm';
        !hidden
    });
    shown.count()
}

/// What the trainings began with where that was a file: a line for each file.
fn beginnings(rows: &Rows) -> String {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in &rows.rows {
        if let Some(weights) = row.train().and_then(|train| train.weights.as_ref()) {
            let models = files.entry(&weights.file).or_default();
            let model = format!(
                "{} {} of {} tensors",
                row.cell.model, weights.taken, weights.total
            );
            // Seeds of a model begin alike.
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

fn legend(rows: &Rows) -> String {
    let gaps = || {
        rows.rows
            .iter()
            .flat_map(|row| Stage::ALL.iter().filter_map(|&stage| row.gap(stage)))
    };
    let mut words = Vec::new();
    if rows.rows.iter().any(|row| row.cell.variant == BASELINE)
        && rows.rows.iter().any(|row| row.cell.variant != BASELINE)
    {
        words.push("Δ against the baseline of the scale: ▲▼ better, △▽ worse, ≈ within the spread (of mAP: zero lies in the 95 % interval), ? one seed, no spread");
    }
    if gaps().any(|gap| gap == Gap::NotYet) {
        words.push("… not yet measured");
    }
    if gaps().any(|gap| gap == Gap::NotAsked) {
        words.push("– not asked for");
    }
    if words.is_empty() {
        String::new()
    } else {
        words.join(" · ") + "\n"
    }
}

/// The models that halving stopped, and why: a line for each.
fn stopped(rows: &Rows) -> String {
    let mut lines: Vec<String> = Vec::new();
    for row in &rows.rows {
        let line = row
            .stopped()
            .map(|reason| format!("{} stopped {}", row.cell.model, one_line(reason)));
        // Seeds of a model stop together.
        lines.extend(line.filter(|line| !lines.contains(line)));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn errors(rows: &Rows, width: usize) -> String {
    let failed = rows.rows.iter().flat_map(|row| {
        Stage::ALL
            .iter()
            .filter_map(move |&stage| match row.gap(stage)? {
                Gap::Failed(error) => Some(format!("{} {}: {error}", row.cell.model, stage.name())),
                _ => None,
            })
    });
    let failed: Vec<String> = failed.collect();
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

/// Without line breaks and escape sequences that would write elsewhere on the screen.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
