//! `ablate diff`: two models row by row.

use std::process::ExitCode;

use ablate_model::{Cost, Graph, ModelName, graph::Node, spec::Section, tally::Tally};
use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::NOTHING};

use super::{by_sides, catalog, check_imgsz, graph};
use crate::{cli::DiffArgs, progress::print};

pub fn execute(args: &DiffArgs) -> Result<ExitCode> {
    let catalog = catalog(&args.tables)?;
    let side = |model: &ModelName| -> Result<Side> {
        let graph = graph(&catalog, model, args.nc.map(|nc| nc as usize))?;
        check_imgsz(args.imgsz, &graph)?;
        let cost = Cost::of(&graph, args.imgsz.height, args.imgsz.width)
            .with_context(|| model.to_string())?;
        Ok(Side {
            name: model.to_string(),
            graph,
            cost,
        })
    };
    let (before, after) = (side(&args.before)?, side(&args.after)?);
    print(&table(&before, &after, args));
    Ok(ExitCode::SUCCESS)
}

/// A model of the two.
struct Side {
    name: String,
    graph: Graph,
    cost: Cost,
}

impl Side {
    fn node(&self, index: usize) -> (&Node, &Tally) {
        (&self.graph.nodes[index], &self.cost.nodes[index].0)
    }

    fn words(&self, index: Option<usize>) -> [String; 2] {
        match index.map(|index| self.graph.nodes[index].summary()) {
            None => [String::new(), String::new()],
            Some(node) => {
                let repeats = if node.n > 1 {
                    format!("{} × ", node.n)
                } else {
                    String::new()
                };
                [
                    node.index.to_string(),
                    format!("{repeats}{} {}", node.module, node.arguments),
                ]
            }
        }
    }
}

/// A row of either model, or one that stands where the other's stood.
type Pair = (Option<usize>, Option<usize>);

fn table(before: &Side, after: &Side, args: &DiffArgs) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header([
        "",
        before.name.as_str(),
        "",
        after.name.as_str(),
        "Δ params",
        "Δ GFLOPs",
    ]);
    let mut same = 0;
    for section in [Section::Backbone, Section::Head] {
        for (a, b) in align(before, after, section) {
            let tally = |side: &Side, index: Option<usize>| {
                index.map_or_else(Tally::default, |index| *side.node(index).1)
            };
            let (old, new) = (tally(before, a), tally(after, b));
            if let (Some(a), Some(b)) = (a, b)
                && before.words(Some(a))[1] == after.words(Some(b))[1]
                && old == new
            {
                same += 1;
                if !args.all {
                    continue;
                }
            }
            let ([i, left], [j, right]) = (before.words(a), after.words(b));
            table.add_row([i, left, j, right, params(old, new), gflops(old, new)]);
        }
    }
    for column in [0, 2, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let (old, new) = (before.cost.total, after.cost.total);
    let percent = |new: f64, old: f64| format!("{:+.1} %", 100.0 * (new / old - 1.0));
    format!(
        "{table}\n{same} rows are the same\n{} to {} parameters ({}), {:.2} to {:.2} GFLOPs ({}) at {}",
        old.params,
        new.params,
        percent(new.params as f64, old.params as f64),
        old.gflops(),
        new.gflops(),
        percent(new.gflops(), old.gflops()),
        by_sides(args.imgsz),
    )
}

/// Empty where nothing changed.
fn params(old: Tally, new: Tally) -> String {
    match new.params as i64 - old.params as i64 {
        0 => String::new(),
        change => format!("{change:+}"),
    }
}

fn gflops(old: Tally, new: Tally) -> String {
    match new.gflops() - old.gflops() {
        0.0 => String::new(),
        change => format!("{change:+.3}"),
    }
}

/// The rows of a section side by side: in order, as many as can be against rows of the same module
/// or the same output, the rest alone.
fn align(before: &Side, after: &Side, section: Section) -> Vec<Pair> {
    let rows = |side: &Side| -> Vec<usize> {
        side.graph
            .nodes
            .iter()
            .filter(|node| node.section == section)
            .map(|node| node.index)
            .collect()
    };
    let (old, new) = (rows(before), rows(after));
    // The best that can be made of the rows from i and j on.
    let mut best = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    let likeness = |i: usize, j: usize| likeness(before, old[i], after, new[j]);
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let paired = likeness(i, j).map_or(0, |likeness| likeness + best[i + 1][j + 1]);
            best[i][j] = paired.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < old.len() || j < new.len() {
        let here = best[i][j];
        if i < old.len()
            && j < new.len()
            && likeness(i, j).is_some_and(|likeness| likeness + best[i + 1][j + 1] == here)
        {
            pairs.push((Some(old[i]), Some(new[j])));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && best[i + 1][j] == here {
            pairs.push((Some(old[i]), None));
            i += 1;
        } else {
            pairs.push((None, Some(new[j])));
            j += 1;
        }
    }
    pairs
}

/// How alike two rows are; None if not at all.
fn likeness(before: &Side, i: usize, after: &Side, j: usize) -> Option<u32> {
    let (old, new) = (&before.graph.nodes[i], &after.graph.nodes[j]);
    let same_module = old.row.module == new.row.module;
    let same_output = before.cost.nodes[i].1 == after.cost.nodes[j].1;
    match (same_module, same_output) {
        (true, true) => Some(4),
        (false, true) => Some(2),
        (true, false) => Some(1),
        (false, false) => None,
    }
}
