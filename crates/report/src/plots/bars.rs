//! Change against the baseline: a group of bars for each scale, a bar for each variant.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, range};
use super::backend::{Area, Scene, Tipped};
use super::sheet::{Key, Paper, Swatch, chart, floor, sheet};
use super::style::{INK, series};
use super::text::{bold, text, text_size};

/// Share of a group's room that its bars take, and of a bar's room that it fills.
const FILLED: f64 = 0.86;

pub struct Bar {
    pub style: usize,
    pub value: f64,
    /// Between which values it lies for all that is known.
    pub interval: Option<(f64, f64)>,
    /// The value in few digits, at the bar's end.
    pub label: String,
    pub tip: String,
}

pub struct Bars {
    pub title: String,
    pub subtitle: String,
    pub y_name: String,
    pub keys: Vec<Key>,
    pub groups: Vec<Group>,
}

/// A name and its bars, in the order of the keys.
pub type Group = (String, Vec<Bar>);

impl Bar {
    /// The interval with the value, which alone stands where there is no interval.
    fn span(&self) -> (f64, f64) {
        let value = self.value;
        let (low, high) = self.interval.unwrap_or((value, value));
        (low.min(value), high.max(value))
    }
}

impl Bars {
    /// None if there is no bar.
    pub fn draw(&self, paper: Paper) -> Result<Option<Scene>> {
        let bars = || self.groups.iter().flat_map(|(_, bars)| bars);
        let ends = bars().flat_map(|bar| <[f64; 2]>::from(bar.span()));
        let y = range(ends.chain([0.0]), false).filter(|_| bars().next().is_some());
        let Some(y) = y else { return Ok(None) };
        let y = Axis::new(y.start.min(-1.0)..y.end.max(1.0), false, 9);
        let titles = [self.title.as_str(), &self.subtitle];
        let plot = |area: &Area| self.plot(area, y);
        sheet(titles, &self.keys, Swatch::Bar, paper, 3050, plot).map(Some)
    }

    fn plot(&self, area: &Area, y: Axis) -> Result<()> {
        // Horizontally a group has one unit.
        let x = Axis::new(0.0..self.groups.len() as f64, false, 0);
        let mut chart = chart(&area.margin(80, 0, 110, 220), ("", x), (&self.y_name, y))?;
        let unit = f64::from(chart.plotting_area().dim_in_pixel().0) / self.groups.len() as f64;
        let y = chart.as_coord_spec().get_y_range();
        let whisker = INK.stroke_width(13);
        for (index, (name, bars)) in self.groups.iter().enumerate() {
            let middle = index as f64 + 0.5;
            // Bars no wider than a finger, so that one alone does not fill the sheet.
            let step = (FILLED / bars.len().max(1) as f64).min(640.0 / unit);
            let above = text(105, INK).pos(Pos::new(HPos::Center, VPos::Bottom));
            let below = above.pos(Pos::new(HPos::Center, VPos::Top));
            let widest = bars.iter().map(|bar| text_size(&bar.label, &above).0).max();
            let labelled = f64::from(widest.unwrap_or(0)) < step * unit + 20.0;
            for (place, bar) in bars.iter().enumerate() {
                let left = middle + step * (place as f64 - bars.len() as f64 / 2.0);
                let corners = [(left, 0.0), (left + step * FILLED, bar.value)];
                let element = Rectangle::new(corners, series(bar.style).filled()).into_dyn();
                let tip = bar.tip.clone();
                chart.draw_series([Tipped { element, tip }])?;
                let (x, cap) = (left + step * FILLED / 2.0, step * 0.12);
                let (low, high) = bar.span();
                if let Some(interval) = bar.interval {
                    let ends = <[f64; 2]>::from(interval).into_iter();
                    let caps = ends.map(|end| [(x - cap, end), (x + cap, end)]);
                    let lines = caps.chain([[(x, low), (x, high)]]);
                    chart.draw_series(lines.map(|line| PathElement::new(line, whisker)))?;
                }
                if labelled {
                    let places = [(high, -35, &above), (low, 35, &below)];
                    let (end, shift, style) = places[usize::from(bar.value < 0.0)];
                    let label = Text::new(bar.label.clone(), (0, shift), style.clone());
                    chart.draw_series([EmptyElement::at((x, end)) + label])?;
                }
            }
            let style = bold(125, INK).pos(Pos::new(HPos::Center, VPos::Bottom));
            let name = Text::new(name.clone(), (0, 210), style);
            chart.draw_series([EmptyElement::at((middle, y.start)) + name])?;
        }
        floor(&mut chart, 0.0)
    }
}
