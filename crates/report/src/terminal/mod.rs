//! The summary on the screen: the page's summary in as many columns as fit.

mod grid;
mod notes;
mod shortened;

use std::fmt::Write;
use std::io::IsTerminal;

use comfy_table::Table as Grid;

pub(crate) use self::grid::figure;
use self::grid::fitted;
use self::notes::{disturbed, errors, first_weights, legend, sentences, stopped};
use self::shortened::Shortened;
use crate::rows::Rows;
use crate::summary::tables;
use ablate_records::{Judging, Record};

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

/// Without line breaks and escape sequences, which would write elsewhere on the screen.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
