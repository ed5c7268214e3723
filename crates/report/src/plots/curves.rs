//! Training curves: a panel for each figure, a line for each run, over epochs.

use anyhow::Result;
use plotters::prelude::*;

use super::axis::{Axis, range};
use super::backend::{Area, Scene};
use super::marker::marker;
use super::sheet::{Key, Paper, Swatch, chart, floor, sheet};
use super::style::{INK, series};
use super::text::bold;

const ROW: usize = 2360;

pub struct Curve {
    pub style: usize,
    /// Epochs from one and values.
    pub points: Vec<(f64, f64)>,
}

pub struct Panel {
    pub name: String,
    pub curves: Vec<Curve>,
}

pub struct Curves {
    pub title: String,
    pub subtitle: String,
    pub keys: Vec<Key>,
    pub panels: Vec<Panel>,
}

impl Panel {
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.curves.iter().flat_map(|curve| &curve.points).copied()
    }

    fn draw(&self, area: &Area, last_epoch: f64) -> Result<()> {
        // All figures here are zero or more, and zero is where they begin or end.
        let values = self.points().map(|point| point.1).chain([0.0]);
        let y = range(values, false).map_or(0.0..1.0, |y| y.start.max(0.0)..y.end);
        area.draw_text(&self.name, &bold(125, INK), (160, 120))?;
        // No more ticks than epochs, so that they are whole.
        let x = Axis::new(0.5..last_epoch + 0.5, false, (last_epoch as usize).min(6));
        let y = Axis::new(y, false, 6);
        let mut chart = chart(&area.margin(240, 90, 50, 180), ("epoch", x), ("", y))?;
        floor(&mut chart, 0.0)?;
        for Curve { style, points } in &self.curves {
            let width = if *style == 0 { 22 } else { 16 };
            let line = LineSeries::new(points.iter().copied(), series(*style).stroke_width(width));
            chart.draw_series(line)?;
            // Lines are told apart by their markers too: about six along each, set off from those
            // of other lines.
            let stride = points.len().div_ceil(6).max(1);
            let offset = (style * stride / 6) % stride;
            let marked = points.iter().skip(offset).step_by(stride);
            chart.draw_series(marked.map(|point| marker(*point, *style, 28)))?;
        }
        Ok(())
    }
}

impl Curves {
    /// None if no panel has a value.
    pub fn draw(&self, paper: Paper) -> Result<Option<Scene>> {
        // One horizontal axis for all panels, so that an epoch is in the same place everywhere.
        let points = self.panels.iter().flat_map(Panel::points);
        let last = points.map(|point| point.0).reduce(f64::max);
        let Some(last) = last else { return Ok(None) };
        let mut panels: Vec<&Panel> = self.panels.iter().collect();
        panels.retain(|panel| panel.points().next().is_some());
        let columns = panels.len().min(paper.choose(2, 1));
        let rows = panels.len().div_ceil(columns);
        let height = (ROW * rows) as u32 + 80;
        let titles = [self.title.as_str(), &self.subtitle];
        let plot = |area: &Area| {
            let areas = area.margin(0, 80, 0, 0).split_evenly((rows, columns));
            let mut places = panels.iter().zip(areas);
            places.try_for_each(|(panel, area)| panel.draw(&area, last))
        };
        sheet(titles, &self.keys, Swatch::Line, paper, height, plot).map(Some)
    }
}
