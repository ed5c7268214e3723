//! The plot of all verdicts: what each variant changes in accuracy and latency, with its interval.

use anyhow::Result;

use super::forest::{Dot, Forest, Panel, Row};
use super::{Kind, Plots};
use crate::columns::{self, Column, Comparison, Evidence, LATENCY_MARGIN};
use crate::mark::Better;
use crate::pareto::{Cost, Front};
use crate::rows::BASELINE;
use crate::sentence::MOST;
use crate::summary::{Line, Table};
use ablate_records::Judging;

impl Plots<'_> {
    /// One for each table in which anything has an interval.
    pub fn verdicts(&mut self, tables: &[Table], judging: &Judging) -> Result<()> {
        for table in tables {
            let (lines, of) = shown(table);
            let columns: Vec<(&Column, Comparison)> = judged()
                .filter(|(column, _)| {
                    let mut changes = lines.iter().filter_map(|line| line.change(column));
                    changes.any(|change| change.interval.is_some())
                })
                .collect();
            let forest = Forest {
                title: "Change against the baseline".into(),
                notes: notes(table, &columns, of),
                panels: columns
                    .iter()
                    .map(|(column, comparison)| panel(column, *comparison, judging))
                    .collect(),
                groups: self.groups(&lines, &columns),
            };
            let s = table.setting;
            let file = format!(
                "intervals-{}-{}-{}px-{}",
                s.dataset.unwrap_or("costs"),
                s.device,
                s.imgsz.latency.word(),
                s.timing.word()
            );
            let alt = format!(
                "Intervals of all changes against the baseline, {}",
                s.title()
            );
            self.add(Kind::Verdict, &file, alt, |paper| {
                forest.draw(paper.width())
            })?;
        }
        Ok(())
    }

    fn groups(
        &self,
        lines: &[&Line],
        columns: &[(&Column, Comparison)],
    ) -> Vec<(String, Vec<Row>)> {
        let mut groups: Vec<(String, Vec<Row>)> = Vec::new();
        for line in lines {
            let cell = line.cell();
            let dots = columns
                .iter()
                .map(|(column, comparison)| dot(line, column, *comparison));
            let row = Row {
                name: cell.variant.clone(),
                style: self.styles.key(line).style,
                dots: dots.collect(),
            };
            if row.dots.iter().all(Option::is_none) {
                continue;
            }
            let name = cell.without_variants().to_owned();
            match groups.last_mut().filter(|(group, _)| *group == name) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((name, vec![row])),
            }
        }
        groups
    }
}

/// The columns that are judged by intervals, accuracy first.
fn judged() -> impl Iterator<Item = (&'static Column, Comparison)> {
    let of = |is: fn(Evidence) -> bool| {
        columns::at_a_glance().filter_map(move |(column, _)| {
            let comparison = column.comparison?;
            is(comparison.evidence).then_some((column, comparison))
        })
    };
    let accuracy = of(|evidence| matches!(evidence, Evidence::SeedsAndImages(_)));
    accuracy.chain(of(|evidence| matches!(evidence, Evidence::Rounds)))
}

fn panel(column: &Column, comparison: Comparison, judging: &Judging) -> Panel {
    let margin = match comparison.evidence {
        Evidence::Rounds => Some(LATENCY_MARGIN),
        _ => judging.margin,
    };
    let better = match comparison.better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    };
    Panel {
        name: column.noun().to_owned(),
        unit: format!("{} · {better} is better", comparison.unit.word()),
        margin,
    }
}

fn dot(line: &Line, column: &Column, comparison: Comparison) -> Option<Dot> {
    let change = line.change(column)?;
    let told = change.mark.is_told();
    let text = comparison.unit.with_unit(change.value);
    let verdict = column.verdict(change).unwrap_or(text);
    Some(Dot {
        value: change.value,
        interval: change
            .interval
            .map(|interval| (interval.low, interval.high)),
        told,
        label: comparison.unit.text(change.value),
        tip: format!("{}: {verdict}", line.cell().model),
    })
}

fn notes(table: &Table, columns: &[(&Column, Comparison)], of: Option<String>) -> Vec<String> {
    let accuracy = columns
        .iter()
        .any(|(_, c)| !matches!(c.evidence, Evidence::Rounds));
    let how = match accuracy {
        true => {
            "Of the same scale · line: 95 % interval; those over seeds or rounds hold at once · hollow: can't tell · band: the margin, if there is one"
        }
        false => {
            "Of the same scale · line: 95 % interval, all hold at once · hollow: can't tell · band: the margin"
        }
    };
    [Some(table.setting.title()), Some(how.into()), of]
        .into_iter()
        .flatten()
        .collect()
}

/// The models that are shown, and in words which they are if they are not all.
pub(super) fn shown<'t, 'a>(table: &'t Table<'a>) -> (Vec<&'t Line<'a>>, Option<String>) {
    let compared: Vec<&Line> = table
        .lines
        .iter()
        .filter(|line| line.cell().variant != BASELINE)
        .collect();
    let mut variants: Vec<_> = compared
        .iter()
        .map(|line| (&line.cell().family, &line.cell().variant))
        .collect();
    variants.sort();
    variants.dedup();
    if variants.len() <= MOST {
        return (compared, None);
    }
    let front = Front::of(table);
    let cost = front.as_ref().map_or(Cost::Latency, |front| front.cost);
    let neighbours = neighbours(table, cost);
    let lines = table.lines.iter().enumerate().filter(|(index, line)| {
        let on_front = front.as_ref().is_some_and(|front| front.has(*index));
        line.cell().variant != BASELINE && (on_front || neighbours.contains(index))
    });
    let lines: Vec<&Line> = lines.map(|(_, line)| line).collect();
    let whose = match front {
        Some(_) => "those on the Pareto front and ",
        None => "",
    };
    let words = format!(
        "{} of {} models: {whose}each baseline's neighbours in {}",
        lines.len(),
        compared.len(),
        cost.name()
    );
    (lines, Some(words))
}

/// The places of the models that cost a little less and a little more than the baseline of their
/// scale.
fn neighbours(table: &Table, cost: Cost) -> Vec<usize> {
    let group = |line: &Line| (line.cell().family.clone(), line.cell().scale.clone());
    let mut found = Vec::new();
    for baseline in table
        .lines
        .iter()
        .filter(|line| line.cell().variant == BASELINE)
    {
        let Some(own) = cost.of(baseline) else {
            continue;
        };
        let others =
            table.lines.iter().enumerate().filter(|(_, line)| {
                line.cell().variant != BASELINE && group(line) == group(baseline)
            });
        let mut costs: Vec<(usize, f64)> = others
            .filter_map(|(index, line)| Some((index, cost.of(line)?)))
            .collect();
        costs.sort_by(|(_, a), (_, b)| (a - own).abs().total_cmp(&(b - own).abs()));
        let nearest = |cheaper: bool| costs.iter().find(|(_, cost)| (*cost < own) == cheaper);
        found.extend(
            [true, false]
                .into_iter()
                .filter_map(nearest)
                .map(|(index, _)| *index),
        );
    }
    found
}
