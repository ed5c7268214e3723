//! A table in GitHub's Markdown, its columns aligned in the text too.

use std::fmt::Write;

use super::sheet::{Heading, Item, Sheet};

/// The table with a title above and what is said with it below.
pub fn render(sheet: &Sheet, _: &str) -> String {
    let head = ["Model".to_string()]
        .into_iter()
        .chain(sheet.headings.iter().map(heading));
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    for (model, items) in sheet.groups.iter().flat_map(|group| &group.rows) {
        let entries = items.iter().map(entry);
        rows.push([escaped(model)].into_iter().chain(entries).collect());
    }
    let columns = sheet.headings.len() + 1;
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .map(|row| width(&row[column]))
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let is_figure = |column: usize| column > 0 && sheet.headings[column - 1].is_figure;
    let line = |row: &Vec<String>| {
        let cell = |(column, text): (usize, &String)| {
            let pad = " ".repeat(widths[column] - width(text));
            match is_figure(column) {
                true => format!("{pad}{text}"),
                false => format!("{text}{pad}"),
            }
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = (0..columns).map(|column| match is_figure(column) {
        true => "-".repeat(widths[column] - 1) + ":",
        false => "-".repeat(widths[column]),
    });
    let rule = Vec::from_iter(rule);
    let mut text = format!("**{}**\n\n", escaped(&sheet.title));
    text += &line(&rows[0]);
    let _ = writeln!(text, "| {} |", rule.join(" | "));
    rows[1..].iter().for_each(|row| text += &line(row));
    let _ = writeln!(text, "\n{}", escaped(&sheet.caption.join(" ")));
    text
}

fn heading(heading: &Heading) -> String {
    let text = escaped(&heading.text);
    match heading.unit {
        "" => text,
        unit => format!("{text} ({unit})"),
    }
}

fn entry(item: &Item) -> String {
    match item {
        Item::Text(text) => escaped(text),
        Item::Figure { text, spread, best } => {
            let whole = match spread {
                Some(spread) => format!("{text} ± {spread}"),
                None => text.clone(),
            };
            match best {
                true => format!("**{whole}**"),
                false => whole,
            }
        }
        Item::Change {
            sign,
            text,
            interval,
        } => match interval {
            Some([low, high]) => format!("{sign} {text} ({low} … {high})"),
            None => format!("{sign} {text}"),
        },
    }
}

/// As text, in one line: no sign of it is Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '\\' | '[' | ']' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// In characters, each of the width of a letter.
fn width(text: &str) -> usize {
    text.chars().count()
}
