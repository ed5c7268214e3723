//! Rows inserted and removed, with the rows that others read renumbered.

use super::patch::{Patch, check_length};
use crate::{
    graph,
    spec::{From, Insert, MAX_ROWS, Row, Section, Selector, Side, Table},
};

/// A table's rows while some come and go: what each reads is known by rows, not by numbers.
struct Rows {
    /// The rows of before.
    old: Vec<(Section, Row)>,
    /// What each of them reads; None is the image.
    sources: Vec<Vec<Option<usize>>>,
    /// The rows of after.
    new: Vec<New>,
    /// Where each of the old stands now; None if it is removed.
    place: Vec<Option<usize>>,
    /// Which new row gives what an old one gave: itself, the row after it, or what it read.
    gives: Vec<Option<usize>>,
}

/// A row of after.
struct New {
    section: Section,
    row: Row,
    reads: Vec<Read>,
}

/// What a new row reads.
#[derive(Clone, Copy)]
enum Read {
    /// What an old row gave, or the image.
    Old(Option<usize>),
    /// A new row.
    New(usize),
}

impl Rows {
    fn of(table: &Table) -> Result<Self, String> {
        let old: Vec<(Section, Row)> = table
            .rows()
            .map(|(section, row)| (section, row.clone()))
            .collect();
        let sources = old.iter().enumerate().map(|(index, (_, row))| {
            let fail = |message| format!("row {index} ({}): {message}", row.name());
            graph::sources(row, index).map_err(fail)
        });
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
            new: Vec::new(),
            place: vec![None; old.len()],
            gives: vec![None; old.len()],
            old,
        })
    }

    /// An old row, with what it reads.
    fn keep(&mut self, index: usize, reads: Vec<Read>) {
        let (section, row) = self.old[index].clone();
        self.place[index] = Some(self.new.len());
        self.gives[index] = self.place[index];
        self.new.push(New {
            section,
            row,
            reads,
        });
    }

    fn reads(&self, index: usize) -> Vec<Read> {
        self.sources[index]
            .iter()
            .map(|from| Read::Old(*from))
            .collect()
    }

    /// The table of after.
    fn into_table(self, table: &Table, patch: &Patch) -> Result<Table, String> {
        if self.new.len() > MAX_ROWS {
            let found = self.new.len();
            return Err(format!("expected at most {MAX_ROWS} rows, found {found}"));
        }
        let mut rows = [Vec::new(), Vec::new()];
        for (
            index,
            New {
                section,
                row,
                reads,
            },
        ) in self.new.into_iter().enumerate()
        {
            let mut row = row;
            // Of what it reads, another row gives the map now.
            let mut redirected = false;
            let mut numbers = Vec::with_capacity(reads.len());
            for (read, written) in reads.iter().zip(row.from.rows()) {
                let target = match read {
                    Read::New(target) => Some(*target),
                    Read::Old(None) => None,
                    Read::Old(Some(old)) => self.gives[*old],
                };
                numbers.push(match target {
                    Some(target) if *written >= 0 => target as i64,
                    Some(target) => target as i64 - index as i64,
                    None => -1 - index as i64,
                });
                redirected |=
                    matches!(read, Read::Old(Some(old)) if self.gives[*old] != self.place[*old]);
            }
            if redirected {
                patch.sign(&mut row);
            }
            row.from = match &row.from {
                From::One(_) => From::One(numbers[0]),
                From::Many(_) => From::Many(numbers),
            };
            rows[section as usize].push(row);
        }
        let [backbone, head] = rows;
        if backbone.is_empty() || head.is_empty() {
            return Err("expected rows to be left in backbone and head".into());
        }
        Ok(Table {
            backbone,
            head,
            ..table.clone()
        })
    }
}

impl Patch<'_> {
    /// A new row beside each chosen one.
    pub fn insert(&self, step: &Insert, table: &Table) -> Result<Table, String> {
        let chosen = step.rows.choose(table, self.scaling)?;
        if chosen.is_empty() {
            let (side, module) = (step.side, step.row.name());
            return Err(format!(
                "{}: nothing to insert {module} {side}",
                step.rows.nothing()
            ));
        }
        let mut rows = Rows::of(table)?;
        for index in 0..rows.old.len() {
            let reads = rows.reads(index);
            if !chosen.contains(&index) {
                rows.keep(index, reads);
                continue;
            }
            let (section, old) = rows.old[index].clone();
            let args = self.fill(&step.row.args, Some(&old))?;
            check_length(&args, index, old.name())?;
            let mut row = Row {
                args,
                ..step.row.clone()
            };
            self.sign(&mut row);
            match step.side {
                Side::After => {
                    rows.keep(index, reads);
                    let beside = rows.new.len() - 1;
                    let from = graph::sources(&row, index + 1)?;
                    let read = |from: Option<usize>| match from {
                        Some(from) if from == index => Read::New(beside),
                        from => Read::Old(from),
                    };
                    let reads = from.into_iter().map(read).collect();
                    rows.gives[index] = Some(rows.new.len());
                    rows.new.push(New {
                        section,
                        row,
                        reads,
                    });
                }
                Side::Before => {
                    let mut between = Vec::with_capacity(reads.len());
                    for read in reads {
                        between.push(Read::New(rows.new.len()));
                        rows.new.push(New {
                            section,
                            row: row.clone(),
                            reads: vec![read],
                        });
                    }
                    rows.keep(index, between);
                }
            }
        }
        rows.into_table(table, self)
    }

    /// The table without the chosen rows.
    pub fn remove(&self, step: &Selector, table: &Table) -> Result<Table, String> {
        let chosen = step.choose(table, self.scaling)?;
        if chosen.is_empty() {
            return Err(format!("{}: nothing to remove", step.nothing()));
        }
        let mut rows = Rows::of(table)?;
        // The image, if a removed row read it: no row gives it.
        let mut image = vec![false; rows.old.len()];
        for index in 0..rows.old.len() {
            let reads = rows.reads(index);
            let reads = reads.into_iter().map(|read| match read {
                Read::Old(Some(old)) if image[old] => Read::Old(None),
                read => read,
            });
            let reads: Vec<Read> = reads.collect();
            if !chosen.contains(&index) {
                rows.keep(index, reads);
                continue;
            }
            match reads.as_slice() {
                [Read::Old(None)] => image[index] = true,
                [Read::Old(Some(read))] => rows.gives[index] = rows.gives[*read],
                _ => {
                    let (_, row) = &rows.old[index];
                    return Err(format!(
                        "row {index} ({}) reads {} maps: expected a row of one, whose readers can read that",
                        row.name(),
                        reads.len()
                    ));
                }
            }
        }
        rows.into_table(table, self)
    }
}
