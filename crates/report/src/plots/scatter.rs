//! Scatter plots: a marker for each model, a line through the scales of a variant.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, range};
use super::backend::{Area, Dashed, Scene, Tipped};
use super::labels::Labels;
use super::marker::marker;
use super::sheet::{Key, Paper, Swatch, chart, floor, front_line, sheet};
use super::style::{self, FRONT, MUTED, REST};
use super::text::{bold, text_size};

const RADIUS: i32 = 46;

/// Of a model in the background.
const SMALL: i32 = 24;

fn radius(style: usize) -> i32 {
    if style == REST { SMALL } else { RADIUS }
}

/// A model. Values on a logarithmic axis must be positive.
pub struct Dot {
    pub x: f64,
    pub y: f64,
    /// The ends of a whisker through the marker, if the spread is known.
    pub whisker: Option<(f64, f64)>,
    /// Short, beside the marker: the scale.
    pub label: String,
    /// Tooltip.
    pub tip: String,
}

pub struct Series {
    pub key: Key,
    pub dots: Vec<Dot>,
}

impl Series {
    /// Adds a dot to the series of its key, which it may be the first of.
    pub fn add(all: &mut Vec<Self>, key: Key, dot: Dot) {
        match all.iter_mut().find(|series| series.key == key) {
            Some(series) => series.dots.push(dot),
            None => all.push(Self {
                key,
                dots: vec![dot],
            }),
        }
    }
}

pub struct Scatter {
    pub title: String,
    pub subtitle: String,
    pub x_name: String,
    pub y_name: String,
    /// Whether the vertical axis is logarithmic, as the horizontal one is, or a percentage.
    pub y_log: bool,
    /// Whether the horizontal axis is logarithmic.
    pub x_log: bool,
    pub series: Vec<Series>,
    /// The points of the Pareto front, from left to right; empty if there is none.
    pub front: Vec<(f64, f64)>,
}

impl Scatter {
    /// Each dot with the index of its series.
    fn dots(&self) -> impl Iterator<Item = (usize, &Dot)> {
        self.series
            .iter()
            .flat_map(|Series { key, dots }| dots.iter().map(|dot| (key.style, dot)))
    }

    /// None if there is no dot.
    pub fn draw(&self, paper: Paper) -> Result<Option<Scene>> {
        let ends = |(_, dot): (_, &Dot)| {
            let (low, high) = dot.whisker.unwrap_or((dot.y, dot.y));
            [low.min(dot.y), high.max(dot.y)]
        };
        let ys = self.dots().flat_map(ends);
        let y = if self.y_log {
            range(ys, true)
        } else {
            // At least two points high: a finer axis would make noise look like a difference.
            let y = range(ys.flat_map(|y| [y - 1.0, y + 1.0]), false);
            match self.x_log {
                true => y.map(|y| y.start.max(0.0)..y.end.min(100.0)),
                // Changes, of either sign.
                false => y,
            }
        };
        let x = range(self.dots().map(|(_, dot)| dot.x), self.x_log);
        let (Some(x), Some(y)) = (x, y) else {
            return Ok(None);
        };
        let x = Axis::new(x, self.x_log, paper.choose(11, 5));
        let y = Axis::new(y, self.y_log, paper.choose(9, 7));
        let titles = [self.title.as_str(), &self.subtitle];
        let mut keys: Vec<Key> = Vec::new();
        for series in &self.series {
            if !keys.iter().any(|key| key.style == series.key.style) {
                keys.push(series.key.clone());
            }
        }
        if !self.front.is_empty() && !keys.iter().any(|key| key.style == FRONT) {
            keys.push(Key {
                marker: None,
                ..Key::new("Pareto front", FRONT)
            });
        }
        // Series are drawn from the background on, and read from the baseline on.
        keys.sort_by_key(|key| match key.style {
            FRONT => usize::MAX - 1,
            REST => usize::MAX,
            style => style,
        });
        let plot = |area: &Area| self.plot(area, paper, x, y);
        let height = paper.choose(4000, 3300);
        sheet(titles, &keys, Swatch::Line, paper, height, plot).map(Some)
    }

    fn plot(&self, area: &Area, paper: Paper, x: Axis, y: Axis) -> Result<()> {
        let bottom = y.range().start;
        let (x, y) = ((self.x_name.as_str(), x), (self.y_name.as_str(), y));
        let mut chart = chart(&area.margin(80, 150, 110, 220), x, y)?;
        floor(&mut chart, bottom)?;
        if !self.x_log {
            // Where nothing changes.
            let x = chart.as_coord_spec().get_x_range();
            let y = chart.as_coord_spec().get_y_range();
            let lines = [
                [(x.start, 0.0), (x.end, 0.0)],
                [(0.0, y.start), (0.0, y.end)],
            ];
            let seen = |line: &[(f64, f64); 2]| {
                line.iter().all(|(at, up)| {
                    (x.start..=x.end).contains(at) && (y.start..=y.end).contains(up)
                })
            };
            let lines = lines.into_iter().filter(seen);
            chart.draw_series(lines.map(|line| PathElement::new(line, MUTED.stroke_width(8))))?;
        }
        let right = chart.as_coord_spec().get_x_range().end;
        if let Some(steps) = steps(&self.front, bottom, right) {
            chart.draw_series([Dashed(PathElement::new(steps, front_line()))])?;
        }
        for Series { key, dots } in &self.series {
            if matches!(key.style, REST | FRONT) {
                continue;
            }
            let colour = style::series(key.style);
            let line = colour.stroke_width(if key.style == 0 { 24 } else { 18 });
            chart.draw_series(LineSeries::new(dots.iter().map(|dot| (dot.x, dot.y)), line))?;
            let whiskers = dots.iter().filter_map(|dot| Some((dot.x, dot.whisker?)));
            let line = colour.stroke_width(12);
            chart.draw_series(
                whiskers.map(|(x, (low, high))| PathElement::new([(x, low), (x, high)], line)),
            )?;
        }
        let mut labels = Labels::within(chart.plotting_area().get_pixel_range());
        for (style, dot) in self.dots() {
            if style != REST {
                labels.keep_clear(chart.backend_coord(&(dot.x, dot.y)), RADIUS);
            }
            let (element, tip) = (
                marker((dot.x, dot.y), style, radius(style)),
                // Hundreds of them are dead weight on a phone and in print.
                match (style, paper) {
                    (REST, Paper::Narrow) => String::new(),
                    _ => dot.tip.clone(),
                },
            );
            chart.draw_series([Tipped { element, tip }])?;
        }
        let sheet = area.use_screen_coord();
        // The baseline comes first, so that its labels have their place before others.
        for (style, dot) in self.dots().filter(|(style, _)| *style != REST) {
            let style = bold(115, style::series(style)).pos(Pos::new(HPos::Center, VPos::Center));
            let marker = chart.backend_coord(&(dot.x, dot.y));
            if let Some(place) = labels.place(marker, RADIUS, text_size(&dot.label, &style)) {
                sheet.draw(&Text::new(dot.label.as_str(), place, style))?;
            }
        }
        Ok(())
    }
}

/// The border of what the front's points, from left to right, leave: up from the bottom, a step at
/// each of them, and on to the right.
fn steps(front: &[(f64, f64)], bottom: f64, right: f64) -> Option<Vec<(f64, f64)>> {
    let (first, last) = (front.first()?, front.last()?);
    let mut line = vec![(first.0, bottom), *first];
    for pair in front.windows(2) {
        line.extend([(pair[1].0, pair[0].1), pair[1]]);
    }
    line.push((right, last.1));
    Some(line)
}
