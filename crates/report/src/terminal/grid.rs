//! A table in as many columns as fit.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, Table as Grid, presets,
};

use super::one_line;
use super::shortened::Shortened;
use crate::columns::{self, Column, Comparison, Entry};
use crate::lacks::Lacks;
use crate::mark::Mark;
use crate::pareto::SIGN;
use crate::rows::BASELINE;
use crate::summary::Line;

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
pub fn fitted(table: &Shortened, width: Option<u16>, colour: bool) -> String {
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
