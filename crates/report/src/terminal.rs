//! The summary on the screen: the page's summary in as many columns as fit.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, Table as Grid, presets,
};

use crate::caution;
use crate::columns::{self, Column, Comparison, Entry};
use crate::lacks::Lacks;
use crate::many::{best_first, is_many, models};
use crate::mark::{AS_GOOD, Mark, OPEN};
use crate::pareto::{Front, SIGN};
use crate::rows::{BASELINE, Gap, Rows, scale_order};
use crate::sentence;
use crate::summary::{Line, Table, tables};
use ablate_records::{Judging, Record, Stage};

/// Errors printed under the tables; `results.csv` has all.
const MOST_ERRORS: usize = 5;

/// Models printed of many.
const MOST_MODELS: usize = 20;

/// The summary for standard output: coloured and as wide as the terminal; without a terminal, all
/// columns and no colour.
///
/// `NO_COLOR` in the environment turns colours off.
pub fn summary(records: &[Record], judging: Judging) -> String {
    summary_of(&Rows::join(records, judging))
}

/// The same of rows.
pub(crate) fn summary_of(rows: &Rows) -> String {
    let tty = std::io::stdout().is_terminal();
    let width = if tty { Grid::new().width() } else { None };
    rendered(rows, width, tty && std::env::var_os("NO_COLOR").is_none())
}

/// The summary in at most `width` characters, as far as leaving out columns can do that; None means
/// all columns.
pub fn render(records: &[Record], judging: Judging, width: Option<u16>, colour: bool) -> String {
    rendered(&Rows::join(records, judging), width, colour)
}

fn rendered(rows: &Rows, width: Option<u16>, colour: bool) -> String {
    if rows.rows.is_empty() {
        return "No records yet.\n".into();
    }
    let mut out = String::new();
    let told_tables = tables(rows);
    for table in &told_tables {
        let shown = Shortened::of(table);
        let _ = writeln!(
            out,
            "{}\n{}\n{}",
            table.setting.title(),
            fitted(&shown, width, colour),
            shown.words(usize::from(width.unwrap_or(200)))
        );
    }
    out.push_str(&sentences(&told_tables, rows, width));
    out.push_str(&first_weights(rows));
    let legend = legend(rows, &out);
    out.push_str(&legend);
    out.push_str(&disturbed(rows));
    out.push_str(&stopped(rows));
    out.push_str(&errors(rows, usize::from(width.unwrap_or(200))));
    out
}

/// A table as the screen has room for: all models, or the best of many.
struct Shortened<'t, 'a> {
    table: &'t Table<'a>,
    /// In their order on the screen, by their index in the table.
    models: Vec<usize>,
    lacks: Lacks<'a>,
    front: Option<Front>,
}

impl<'t, 'a> Shortened<'t, 'a> {
    fn of(table: &'t Table<'a>) -> Self {
        let many = is_many(table);
        let mut models = best_first(table);
        if many {
            models.truncate(MOST_MODELS);
        } else {
            models.sort_unstable();
        }
        models.sort_by_key(|&index| {
            let cell = table.lines[index].cell();
            (&cell.family, scale_order(&cell.scale))
        });
        Self {
            table,
            models,
            lacks: Lacks::of(&table.lines),
            front: Front::of(table).filter(|_| many),
        }
    }

    /// The models with their index in the table.
    fn lines(&self) -> impl Iterator<Item = (usize, &'t Line<'a>)> {
        let table = self.table;
        self.models
            .iter()
            .map(move |&index| (index, &table.lines[index]))
    }

    /// What is said below the table: of the models that it leaves out, and of what models lack.
    fn words(&self, width: usize) -> String {
        let mut words = self.lacks.sentences();
        let more = self.table.lines.len() - self.models.len();
        if more > 0 {
            let best = match &self.front {
                Some(front) => format!(
                    "{SIGN} {} on the Pareto front of mAP50-95 and {}. Baselines, front and best mAP come first",
                    models(front.len()),
                    front.cost.name()
                ),
                None => "Baselines come first, then the fastest or smallest".into(),
            };
            words.push(format!(
                "{best}; {} more in report.html and results.csv.",
                models(more)
            ));
        }
        words.iter().map(|text| folded(text, width, "")).collect()
    }
}

/// The text in lines of at most `width` characters, as far as its words allow; all but the first begin
/// with `indent`.
fn folded(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in one_line(text).split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out + "\n"
}

/// Rank of the 95 % intervals: they are left out before the changes that they belong to.
const INTERVAL_RANK: u8 = 4;

/// What a column of the screen shows of a column of the report.
#[derive(Clone, Copy)]
enum Content {
    Figure,
    Change(Comparison),
    Interval(Comparison),
}

/// A column of the screen.
struct Shown {
    heading: &'static str,
    /// Columns with the highest rank are left out first, those of rank 0 never.
    rank: u8,
    column: &'static Column,
    content: Content,
}

impl Shown {
    /// Those of one column of the report: figure, change, interval of the change.
    fn of(column: &'static Column) -> Vec<Self> {
        let shown = |heading, rank, content| Self {
            heading,
            rank,
            column,
            content,
        };
        let mut all = Vec::new();
        if let Some((rank, heading)) = column.on_screen() {
            all.push(shown(heading, rank, Content::Figure));
        }
        if let Some((comparison, rank)) = column.comparison.and_then(|c| Some((c, c.rank?))) {
            all.push(shown("Δ", rank, Content::Change(comparison)));
            if comparison.evidence.has_interval() {
                all.push(shown("95 %", INTERVAL_RANK, Content::Interval(comparison)));
            }
        }
        all
    }

    /// The text for a model and, of a change, its judgement.
    fn cell<'a>(&self, lacks: &Lacks<'a>, line: &Line<'a>) -> (String, Option<Mark>) {
        match self.content {
            Content::Figure => {
                let stage = self.column.stage;
                let hidden = stage.is_some_and(|stage| lacks.hides(stage, line));
                let entry = self.column.entry(&line.rows);
                let text = if hidden { String::new() } else { figure(entry) };
                (text, None)
            }
            Content::Change(comparison) => match line.change(self.column) {
                Some(change) => {
                    let mark = change.mark;
                    let text = comparison.unit.text(change.value);
                    (format!("{} {text}", mark.sign(change.value)), Some(mark))
                }
                None => Default::default(),
            },
            Content::Interval(comparison) => {
                let interval = line.change(self.column).and_then(|change| change.interval);
                let text = interval.map(|interval| comparison.unit.interval(&interval));
                (text.unwrap_or_default(), None)
            }
        }
    }
}

/// What stands for an entry in a table of text.
pub(crate) fn figure(entry: Entry) -> String {
    match entry {
        Entry::Value { text, .. } => text,
        Entry::Gap(gap) => gap.sign().into(),
        Entry::None => "–".into(),
        // Most models make no masks: their entries are not worth a sign.
        Entry::Blank(_) => String::new(),
    }
}

/// The table without the columns of the highest ranks, until it fits.
fn fitted(table: &Shortened, width: Option<u16>, colour: bool) -> String {
    let has_text = |shown: &Shown| {
        let mut lines = table.lines();
        let mut rows = table.lines().flat_map(|(_, line)| &line.rows);
        shown.column.is_relevant(&mut rows)
            && lines.any(|(_, line)| !matches!(shown.cell(&table.lacks, line).0.as_str(), "" | "–"))
    };
    let mut columns: Vec<Shown> = columns::all()
        .flat_map(Shown::of)
        .filter(has_text)
        .collect();
    loop {
        let grid = grid(table, &columns, colour);
        let wide = grid
            .lines()
            .map(|line| shown_width(&line))
            .max()
            .unwrap_or(0);
        let worst = columns.iter().map(|shown| shown.rank).max().unwrap_or(0);
        if width.is_none_or(|width| wide <= usize::from(width)) || worst == 0 {
            return grid.to_string();
        }
        columns.retain(|shown| shown.rank != worst);
    }
}

fn grid(table: &Shortened, columns: &[Shown], colour: bool) -> Grid {
    let mut grid = Grid::new();
    grid.load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if colour {
        grid.enforce_styling();
    } else {
        grid.force_no_tty();
    }
    grid.set_header(columns.iter().map(|shown| {
        let cell = Cell::new(shown.heading);
        if colour {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }));
    for figures in grid.column_iter_mut().skip(1) {
        figures.set_cell_alignment(CellAlignment::Right);
    }
    let mut group = None;
    for (index, line) in table.lines() {
        let on_front = table.front.as_ref().is_some_and(|front| front.has(index));
        let cell = line.cell();
        let this = Some((&cell.family, &cell.scale));
        if group.is_some() && group != this {
            grid.add_row([" "]);
        }
        group = this;
        grid.add_row(columns.iter().enumerate().map(|(place, shown)| {
            let (mut text, mark) = shown.cell(&table.lacks, line);
            if place == 0 && on_front {
                text += " ";
                text += SIGN;
            }
            let field = Cell::new(one_line(&text));
            match mark {
                Some(Mark::Better) if colour => field.fg(Color::Green),
                Some(Mark::Worse) if colour => field.fg(Color::Red),
                _ if colour && cell.variant == BASELINE => field.add_attribute(Attribute::Bold),
                _ => field,
            }
        }));
    }
    grid
}

/// Characters on the screen, without escape sequences.
fn shown_width(line: &str) -> usize {
    let mut escape = false;
    let shown = line.trim_end().chars().filter(|&c| {
        let hidden = escape || c == '\u{1b}';
        escape = hidden && c != 'm';
        !hidden
    });
    shown.count()
}

/// What the verdicts say of each variant, then what to know of the test images.
fn sentences(tables: &[Table], rows: &Rows, width: Option<u16>) -> String {
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
    let cautions: String = caution::cautions(rows).iter().map(paragraph).collect();
    format!("{told}{gap}{cautions}")
}

/// The files of weights that trainings started from: a line for each file.
fn first_weights(rows: &Rows) -> String {
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
fn legend(rows: &Rows, shown: &str) -> String {
    let has = |sign: &str| shown.split_whitespace().any(|word| word == sign);
    let mut words = Vec::new();
    if rows.rows.iter().any(|row| row.cell.variant == BASELINE)
        && rows.rows.iter().any(|row| row.cell.variant != BASELINE)
    {
        words.push(format!(
            "Δ change against the baseline of the same scale: ▲▼ better, △▽ worse, {AS_GOOD}, {OPEN}"
        ));
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
        words.push("– no such figure".into());
    }
    if words.is_empty() {
        String::new()
    } else {
        words.join(" · ") + "\n"
    }
}

/// The timings that other work of the machine disturbed, and how: a line for each kind.
fn disturbed(rows: &Rows) -> String {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for row in &rows.rows {
        let stages = [Stage::Latency, Stage::Detect];
        for how in stages.iter().filter_map(|&stage| row.disturbance(stage)) {
            let models = found.entry(how).or_default();
            if !models.contains(&row.cell.model.as_str()) {
                models.push(&row.cell.model);
            }
        }
    }
    let line = |(how, models): (&String, &Vec<&str>)| {
        let more = match models.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        format!("timing of {}{more} was disturbed: {how}\n", models[0])
    };
    found.iter().map(line).collect()
}

/// The models that halving stopped, and where: a line for each.
fn stopped(rows: &Rows) -> String {
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

/// Without line breaks and escape sequences, which would write elsewhere on the screen.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
