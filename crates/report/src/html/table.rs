//! What a table of the page is made of.

use serde::Serialize;

use crate::mark::Mark;
use crate::rows::BASELINE;
use crate::summary::Line;
use ablate_records::Stage;

/// A cell of a table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Td {
    pub text: String,
    /// Smaller, after the text.
    pub note: String,
    /// In full, where a pointer rests on it.
    pub tip: String,
    /// `better`, `worse`, `same`, `gap` or `best`.
    pub class: &'static str,
    /// What the column is sorted by.
    pub sort: Option<f64>,
}

/// A column's heading.
#[derive(Clone, Debug, Serialize)]
pub struct Th {
    pub text: String,
    pub tip: String,
}

/// Rows under a heading of their own, sorted among themselves.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub name: String,
    pub rows: Vec<Tr>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Tr {
    pub name: String,
    pub baseline: bool,
    pub cells: Vec<Td>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Sheet {
    pub title: String,
    /// Heading of the first column, that of the names.
    pub first: &'static str,
    pub heads: Vec<Th>,
    pub groups: Vec<Group>,
}

impl Td {
    pub fn figure(text: String, sort: f64) -> Self {
        Td {
            text,
            sort: Some(sort),
            ..Td::default()
        }
    }

    pub fn tip(self, tip: impl Into<String>) -> Self {
        Td {
            tip: tip.into(),
            ..self
        }
    }

    pub fn note(self, note: impl Into<String>) -> Self {
        Td {
            note: note.into(),
            ..self
        }
    }

    /// Why there is no figure.
    pub fn gap(line: &Line, stage: Stage) -> Self {
        let Some(gap) = line.gap(stage) else {
            return Td {
                text: "–".into(),
                class: "gap",
                ..Td::default()
            };
        };
        Td {
            text: gap.short().into(),
            tip: cut(&gap.long(), 400),
            class: "gap",
            ..Td::default()
        }
    }

    pub fn change(
        change: Option<f64>,
        mark: impl Fn(f64) -> Mark,
        format: fn(f64) -> String,
    ) -> Self {
        let Some(x) = change else {
            return Td::default();
        };
        let mark = mark(x);
        let tip = match mark {
            Mark::Same => "not to be told from no change",
            Mark::Open => "one seed: no spread to judge by",
            mark => mark.word(),
        };
        Td {
            text: format!("{} {}", mark.sign(x), format(x)),
            class: mark.word(),
            sort: Some(x),
            tip: tip.into(),
            ..Td::default()
        }
    }
}

pub fn heads<const N: usize>(heads: [(&str, &str); N]) -> Vec<Th> {
    heads
        .map(|(text, tip)| Th {
            text: text.into(),
            tip: tip.into(),
        })
        .to_vec()
}

/// The text, cut with an ellipsis after `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.into()
    } else {
        text.chars().take(most).chain(['…']).collect()
    }
}

/// Lines under a heading for each family and scale.
pub fn grouped<'t>(
    lines: impl Iterator<Item = &'t Line<'t>>,
    cells: impl Fn(&Line) -> Vec<Td>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in lines {
        let cell = line.cell();
        let name = format!("{}{}", cell.family, cell.scale);
        let row = Tr {
            name: cell.model.clone(),
            baseline: cell.variant == BASELINE,
            cells: cells(line),
        };
        match groups.last_mut().filter(|group| group.name == name) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group {
                name,
                rows: vec![row],
            }),
        }
    }
    groups
}
