//! Which plots a set of records gives: only those for which there is something to show.

mod against;
mod axis;
mod backend;
mod bars;
mod change;
mod curves;
mod forest;
mod labels;
mod many;
mod marker;
mod parts;
mod scatter;
mod sheet;
pub mod style;
mod text;
mod training;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use self::backend::Scene;
use self::sheet::{Key, Paper};
use crate::many::DOZEN;
use crate::rows::{BASELINE, scale_order, variant_order};
use crate::summary::{Line, Setting, Table};
use ablate_records::Judging;

/// The part of the report that a plot belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All intervals beside each other.
    Verdict,
    /// mAP against what it costs.
    Accuracy,
    /// Latency against what it should cost.
    Latency,
    /// Change against the baseline.
    Change,
    /// What a detection's time goes into.
    Detect,
    Training,
}

pub struct Figure {
    pub kind: Kind,
    /// File name of the PNG, without its ending.
    pub name: String,
    /// What it shows, in words.
    pub alt: String,
    pub scene: Scene,
    /// The same for a phone and for print.
    pub narrow: Scene,
}

/// All plots, in the order in which the report shows them.
pub fn figures(tables: &[Table], judging: &Judging) -> Result<Vec<Figure>> {
    let mut plots = Plots {
        styles: Styles::of(tables),
        figures: Vec::new(),
    };
    plots.verdicts(tables, judging)?;
    plots.accuracy(tables)?;
    plots.latency(tables)?;
    plots.changes(tables)?;
    plots.parts(tables)?;
    plots.training(tables)?;
    plots.figures.sort_by_key(|figure| figure.kind);
    Ok(plots.figures)
}

/// A colour and a marker for every variant, the same in all plots.
struct Styles<'a> {
    series: Vec<(&'a str, &'a str)>,
    one_family: bool,
    /// Too many for a colour each: baseline and Pareto front stand out from the rest.
    many: bool,
}

impl<'a> Styles<'a> {
    fn of(tables: &[Table<'a>]) -> Self {
        let cells = || tables.iter().flat_map(|table| &table.lines).map(Line::cell);
        let families: BTreeSet<&str> = cells().map(|cell| cell.family.as_str()).collect();
        let all: BTreeSet<_> = cells()
            .map(|cell| {
                (
                    variant_order(&cell.variant).0,
                    cell.family.as_str(),
                    cell.variant.as_str(),
                )
            })
            .collect();
        let many = all.len() > DOZEN;
        let series = all
            .into_iter()
            .map(|(_, family, variant)| (family, variant))
            .collect();
        Self {
            series,
            one_family: families.len() == 1,
            many,
        }
    }

    fn key(&self, line: &Line) -> Key {
        let cell = line.cell();
        let place = self
            .series
            .iter()
            .position(|&(f, v)| f == cell.family && v == cell.variant)
            .unwrap_or(0);
        // The first colour is the baseline's; without a baseline nobody gets it.
        let style = place
            + usize::from(
                self.series
                    .first()
                    .is_some_and(|(_, variant)| *variant != BASELINE),
            );
        let name = if self.one_family {
            cell.variant.clone()
        } else {
            format!("{} {}", cell.family, cell.variant)
        };
        Key::new(name, style)
    }
}

/// The lines of all tables that agree in `key`, each model once, if they have the figure.
fn gather<'t, 'a, K: Ord>(
    tables: &'t [Table<'a>],
    key: impl Fn(&Setting<'a>) -> K,
    has: impl Fn(&Line) -> bool,
) -> BTreeMap<K, Vec<&'t Line<'a>>> {
    let mut groups: BTreeMap<K, BTreeMap<_, &Line>> = BTreeMap::new();
    for table in tables {
        for line in table.lines.iter().filter(|line| has(line)) {
            let cell = line.cell();
            let model = (
                &cell.family,
                scale_order(&cell.scale),
                variant_order(&cell.variant),
            );
            groups
                .entry(key(&table.setting))
                .or_default()
                .entry(model)
                .or_insert(line);
        }
    }
    groups
        .into_iter()
        .map(|(key, lines)| (key, lines.into_values().collect()))
        .collect()
}

struct Plots<'a> {
    styles: Styles<'a>,
    figures: Vec<Figure>,
}

impl Plots<'_> {
    /// Adds what `draw` draws, if it draws anything.
    fn add(
        &mut self,
        kind: Kind,
        name: &str,
        alt: String,
        draw: impl Fn(Paper) -> Result<Option<Scene>>,
    ) -> Result<()> {
        let (Some(scene), Some(narrow)) = (draw(Paper::Wide)?, draw(Paper::Narrow)?) else {
            return Ok(());
        };
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        let stem: String = name.chars().map(plain).take(120).collect();
        let numbered = (2..).map(|n| format!("{stem}-{n}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        let taken = |name: &String| self.figures.iter().any(|figure| figure.name == *name);
        if let Some(name) = names.find(|name| !taken(name)) {
            self.figures.push(Figure {
                kind,
                name,
                alt,
                scene,
                narrow,
            });
        }
        Ok(())
    }
}
