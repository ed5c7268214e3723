//! At a glance, in words: what the verdicts say of each variant, in one sentence.

mod clauses;

use std::collections::BTreeSet;

use self::clauses::clauses;
use crate::mark::Mark;
use crate::pareto::Front;
use crate::summary::{Glance, Line, Table, glances};
use ablate_records::Judging;

/// More variants than this are not all told: those on the Pareto front come first.
pub const MOST: usize = 12;

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    pub text: String,
    /// Whether it goes on with the figure of the clause before: `; latency 20 % lower at n` ends with
    /// `, 3.1 % higher at s`.
    pub goes_on: bool,
    /// None if its scales disagree.
    pub mark: Option<Mark>,
}

/// What is known of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// `ghost`, or `yolov5 ghost` if there are several families.
    pub name: String,
    pub clauses: Vec<Clause>,
}

/// The sentences of a table.
pub struct Told {
    pub title: String,
    pub sentences: Vec<Sentence>,
    /// How many variants are left to the table.
    pub more: usize,
    /// Whether those on the Pareto front come first.
    pub front_first: bool,
}

impl Sentence {
    /// `ghost: 24 % fewer parameters; latency 20 % lower; mAP as good within 1 point (5 seeds).`
    pub fn text(&self) -> String {
        let mut text = format!("{}: ", self.name);
        for (index, clause) in self.clauses.iter().enumerate() {
            text += clause.separator(index);
            text += &clause.text;
        }
        text + "."
    }
}

impl Clause {
    /// What stands before the clause of this place.
    pub fn separator(&self, index: usize) -> &'static str {
        match (index, self.goes_on) {
            (0, _) => "",
            (_, true) => ", ",
            (_, false) => "; ",
        }
    }
}

impl Told {
    /// Which variants are not among the sentences; None if all are.
    pub fn rest(&self) -> Option<String> {
        let (more, s) = (self.more, if self.more == 1 { "" } else { "s" });
        let first = match self.front_first {
            true => " Those on the Pareto front are told first.",
            false => "",
        };
        (more > 0).then(|| format!("{more} more variant{s}: see the table.{first}"))
    }
}

/// One for each table that compares anything.
pub fn told(tables: &[Table], judging: &Judging) -> Vec<Told> {
    let told = tables.iter().map(|table| of_table(table, judging));
    told.filter(|told| !told.sentences.is_empty()).collect()
}

fn of_table(table: &Table, judging: &Judging) -> Told {
    let mut glances = glances(table, judging);
    let families: BTreeSet<&str> = glances.iter().map(|glance| glance.family).collect();
    let count = glances.len();
    let front = Front::of(table).filter(|_| count > MOST);
    if let Some(front) = &front {
        let on_front = |line: &&Line| {
            let index = table.lines.iter().position(|of| std::ptr::eq(of, *line));
            index.is_some_and(|index| front.has(index))
        };
        // Stable: otherwise they stay in the table's order.
        glances.sort_by_key(|glance| !glance.lines().iter().any(on_front));
    }
    let sentence = |glance: &Glance| Sentence {
        name: match families.len() {
            1 => glance.variant.to_string(),
            _ => format!("{} {}", glance.family, glance.variant),
        },
        clauses: clauses(glance, judging),
    };
    Told {
        title: table.setting.title(),
        sentences: glances.iter().take(MOST).map(sentence).collect(),
        more: count.saturating_sub(MOST),
        front_first: front.is_some(),
    }
}
