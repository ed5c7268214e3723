//! The tables of what was measured and how: latency, training, and the records behind them.

use std::collections::BTreeSet;

use super::table::{Group, Sheet, columns_of, grouped, head, tr};
use crate::columns::{self, Column};
use crate::rows::{Row, Rows};
use crate::summary::{Line, Setting, Table};
use ablate_records::{Outcome, Stage};

fn sheet(
    title: String,
    table: columns::PageTable,
    columns: &[&Column],
    groups: Vec<Group>,
) -> Sheet {
    Sheet {
        title,
        first: "Model",
        heads: columns.iter().map(|column| head(table, column)).collect(),
        groups,
    }
}

/// Latency with its spread, a table for each device, image size, batch, number format and mode.
pub fn latencies(tables: &[Table]) -> Vec<Sheet> {
    // Whatever the models are trained on, they are timed once.
    fn setting<'a>(table: &Table<'a>) -> Setting<'a> {
        Setting {
            dataset: None,
            ..table.setting
        }
    }
    timed(tables, Stage::Latency, columns::PageTable::Latency, setting)
}

/// The way from an image to its boxes, a table for each device, image size and data set.
pub fn detections(tables: &[Table]) -> Vec<Sheet> {
    // Whatever the mode of the latencies, detection is eager.
    fn setting<'a>(table: &Table<'a>) -> Setting<'a> {
        let mut setting = table.setting;
        setting.timing.mode = None;
        setting
    }
    timed(tables, Stage::Detect, columns::PageTable::Detect, setting)
}

fn timed<'a>(
    tables: &[Table<'a>],
    stage: Stage,
    place: columns::PageTable,
    setting: impl Fn(&Table<'a>) -> Setting<'a>,
) -> Vec<Sheet> {
    let mut seen = BTreeSet::new();
    let mut sheets = Vec::new();
    for table in tables {
        let setting = setting(table);
        let is_timed = |line: &&Line| line.rows.iter().any(|row| row.timed(stage).is_some());
        let timed = table.lines.iter().filter(is_timed);
        let new: Vec<&Line> = timed
            .filter(|line| seen.insert((setting, &line.cell().model)))
            .collect();
        if new.is_empty() {
            continue;
        }
        let columns = columns_of(place, new.iter().flat_map(|line| &line.rows));
        let groups = grouped(
            new.iter()
                .map(|line| (line.cell(), tr(&columns, &line.rows))),
        );
        sheets.push(sheet(setting.title(), place, &columns, groups));
    }
    sheets
}

/// Trainings, finished or stopped by halving; None if there is none.
pub fn trainings(rows: &Rows) -> Option<Sheet> {
    let mut seen = BTreeSet::new();
    let trained = rows.rows.iter().filter(|row| {
        row.record(Stage::Train).is_some_and(|record| {
            matches!(
                record.outcome,
                Outcome::Done { .. } | Outcome::Stopped { .. }
            ) && seen.insert((&record.key, &record.finished, &row.cell.model))
        })
    });
    let trained: Vec<&Row> = trained.collect();
    let place = columns::PageTable::Training;
    let columns = columns_of(place, trained.iter().copied());
    let of_row = |row: &&Row| tr(&columns, std::slice::from_ref(*row));
    let groups = grouped(trained.iter().map(|row| (row.cell, of_row(row))));
    (!groups.is_empty()).then(|| sheet(String::new(), place, &columns, groups))
}

/// More cells than this have their keys in `results.csv` alone: nobody reads so many here, and they
/// are a tenth of the page.
const MOST_KEYS: usize = 200;

/// The keys of the records behind each cell; None of very many.
pub fn keys(rows: &Rows) -> Option<Sheet> {
    if rows.rows.len() > MOST_KEYS {
        return None;
    }
    let place = columns::PageTable::Records;
    let columns = columns_of(place, rows.rows.iter());
    let rows = rows.rows.iter();
    let group = Group {
        name: String::new(),
        rows: rows
            .map(|row| tr(&columns, std::slice::from_ref(row)))
            .collect(),
    };
    Some(sheet(String::new(), place, &columns, vec![group]))
}
