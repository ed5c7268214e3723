//! The sentences "At a glance".

use serde::Serialize;

use crate::sentence;
use crate::summary::Table;
use ablate_records::Judging;

/// The sentences of a table.
#[derive(Serialize)]
pub struct Told {
    /// Empty if there is one table.
    title: String,
    sentences: Vec<Sentence>,
    /// What is not among them.
    rest: Option<String>,
}

#[derive(Serialize)]
struct Sentence {
    name: String,
    clauses: Vec<Clause>,
}

#[derive(Serialize)]
struct Clause {
    /// What separates it from the clause before.
    before: &'static str,
    text: String,
    /// As of a table's cell.
    class: &'static str,
}

pub fn told(tables: &[Table], judging: &Judging) -> Vec<Told> {
    let all = sentence::told(tables, judging);
    let several = all.len() > 1;
    let clause = |(index, clause): (usize, sentence::Clause)| Clause {
        before: clause.separator(index),
        text: clause.text,
        class: clause.mark.map_or("", |mark| mark.word()),
    };
    let told = |told: sentence::Told| Told {
        rest: told.rest(),
        title: if several { told.title } else { String::new() },
        sentences: told
            .sentences
            .into_iter()
            .map(|sentence| Sentence {
                name: sentence.name,
                clauses: sentence
                    .clauses
                    .into_iter()
                    .enumerate()
                    .map(clause)
                    .collect(),
            })
            .collect(),
    };
    all.into_iter().map(told).collect()
}
