//! Plots of more variants than a dozen: baselines and the Pareto front stand out from the rest.

use anyhow::Result;

use super::scatter::{Dot, Scatter, Series};
use super::sheet::Key;
use super::style::{FRONT, REST};
use super::{Kind, Plots};
use crate::many::{is_baseline, models};
use crate::number;
use crate::pareto::{Cost, Front};
use crate::summary::{Changes, Line, Table};

/// Longer names are cut beside their markers.
const MOST_LETTERS: usize = 24;

/// More models than these have no training curves of their own.
pub const MOST_CURVES: usize = 6;

/// The order in which series are drawn: what is in the background comes first.
pub fn drawn_when(style: usize) -> usize {
    match style {
        REST => 0,
        0 => 1,
        FRONT => usize::MAX,
        style => style + 1,
    }
}

/// A change that a plot shows: what it is of, and how it is read off.
type Figure = (&'static str, &'static str, fn(&Changes) -> Option<f64>);

const PARAMS: Figure = ("parameters", "%", |changes| changes.params);
const GFLOPS: Figure = ("GFLOPs", "%", |changes| changes.gflops);
const LATENCY: Figure = ("latency", "%", |changes| changes.latency);
const MAP: Figure = ("mAP50-95", "points", |changes| changes.map50_95);

impl Plots<'_> {
    /// The key of a model: that of its variant, or among many that of its group.
    pub fn key_among_many(&self, line: &Line, on_front: bool) -> Key {
        if !self.styles.many {
            self.styles.key(line)
        } else if is_baseline(line) {
            Key::new(self.styles.key(line).name, 0)
        } else if on_front {
            Key::new("Pareto front", FRONT)
        } else {
            Key {
                marker: Some(24),
                ..Key::new("others", REST)
            }
        }
    }

    /// `n+gsconv+asff`: what tells a model from others of its plot.
    pub fn short_name(&self, line: &Line, scales: bool) -> String {
        let cell = line.cell();
        let family = if self.styles.one_family {
            ""
        } else {
            cell.family.as_str()
        };
        let scale = if scales || !family.is_empty() {
            cell.scale.as_str()
        } else {
            ""
        };
        let plus = if scale.is_empty() { "" } else { "+" };
        let name = format!("{family}{scale}{plus}{}", cell.variant);
        if name.chars().count() > MOST_LETTERS {
            name.chars().take(MOST_LETTERS - 1).chain(['…']).collect()
        } else {
            name
        }
    }

    /// Says in the legend how many models are in the background.
    pub fn count_the_rest(&self, series: &mut [Series]) {
        for series in series.iter_mut().filter(|series| series.key.style == REST) {
            series.key.name = format!("{} more", models(series.dots.len()));
        }
    }

    /// The change of mAP against that of the cost; of latency against GFLOPs where nothing was
    /// trained; of GFLOPs against parameters where nothing was timed either.
    pub fn changes_of_many(&mut self, tables: &[Table]) -> Result<()> {
        for table in tables {
            let front = Front::of(table);
            let has = |figure: Figure| {
                let mut lines = table.lines.iter();
                lines.any(|line| figure.2(&line.changes).is_some())
            };
            let cost = match front.as_ref().map(|front| front.cost) {
                Some(Cost::Gflops) => GFLOPS,
                Some(Cost::Params) => PARAMS,
                _ => LATENCY,
            };
            let axes = [(cost, MAP), (GFLOPS, LATENCY), (PARAMS, GFLOPS)];
            let Some((x, y)) = axes.into_iter().find(|(x, y)| has(*x) && has(*y)) else {
                continue;
            };
            let series = self.series_of_changes(table, x, y, front.as_ref());
            let better = if y.0 == MAP.0 {
                "up and to the left"
            } else {
                "down and to the left"
            };
            let title = format!("Change in {} against change in {}", y.0, x.0);
            let setting = table.setting.title();
            let alt = format!("{title}, {setting}");
            let scatter = Scatter {
                title,
                subtitle: format!(
                    "{setting} · each model against the baseline of its scale · {better} is better"
                ),
                x_name: format!("change in {} ({})", x.0, x.1),
                y_name: format!("change in {} ({})", y.0, y.1),
                y_log: false,
                x_log: false,
                series,
                front: Vec::new(),
            };
            let file = format!("change-{}-vs-{}-{setting}", y.0, x.0);
            self.add(Kind::Change, &file, alt, |paper| scatter.draw(paper))?;
        }
        Ok(())
    }

    fn series_of_changes(
        &self,
        table: &Table,
        x: Figure,
        y: Figure,
        front: Option<&Front>,
    ) -> Vec<Series> {
        let mut all: Vec<Series> = Vec::new();
        for (index, line) in table.lines.iter().enumerate() {
            let (Some(px), Some(py)) = (x.2(&line.changes), y.2(&line.changes)) else {
                continue;
            };
            let on_front = front.is_some_and(|front| front.has(index));
            let key = self.key_among_many(line, on_front);
            let tip = format!(
                "{}: {} {} of {}, {} {} of {}{}",
                line.cell().model,
                number::points(py),
                y.1,
                y.0,
                number::points(px),
                x.1,
                x.0,
                if on_front {
                    ", on the Pareto front"
                } else {
                    ""
                }
            );
            let dot = Dot {
                x: px,
                y: py,
                whisker: None,
                label: self.short_name(line, true),
                tip,
            };
            Series::add(&mut all, key, dot);
        }
        self.count_the_rest(&mut all);
        all.sort_by_key(|series| drawn_when(series.key.style));
        all
    }

    /// The models whose curves are drawn: all, or among many the baseline and the most accurate of
    /// the Pareto front.
    pub fn with_curves<'t, 'a>(&self, lines: Vec<&'t Line<'a>>) -> Vec<&'t Line<'a>> {
        if !self.styles.many {
            return lines;
        }
        let front = [Cost::Latency, Cost::Gflops]
            .into_iter()
            .find_map(|cost| Front::against(cost, &lines));
        let stands_out = |index: usize, line: &Line| {
            is_baseline(line) || front.as_ref().is_some_and(|front| front.has(index))
        };
        let mut shown: Vec<&Line> = lines
            .iter()
            .enumerate()
            .filter(|(index, line)| stands_out(*index, line))
            .map(|(_, line)| *line)
            .collect();
        let accuracy = |line: &Line| crate::pareto::accuracy(line).unwrap_or(0.0);
        shown.sort_by(|a, b| {
            (is_baseline(b), accuracy(b))
                .partial_cmp(&(is_baseline(a), accuracy(a)))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        shown.truncate(MOST_CURVES);
        shown
    }

    /// The keys of the models whose curves are drawn; among many, a colour for each of these alone.
    pub fn keys_of_curves(&self, lines: &[&Line]) -> Vec<Key> {
        let without_baseline = usize::from(!lines.iter().any(|line| is_baseline(line)));
        let key = |(place, line): (usize, &&Line)| {
            let key = self.styles.key(line);
            match self.styles.many {
                true => Key::new(key.name, place + without_baseline),
                false => key,
            }
        };
        lines.iter().enumerate().map(key).collect()
    }
}
