//! Scatter plots: a marker for each model, a line through the scales of a variant.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, range};
use super::backend::{Area, Scene, Tipped};
use super::labels::Labels;
use super::marker::marker;
use super::sheet::{Key, Swatch, chart, floor, sheet};
use super::style;
use super::text::{bold, text_size};

const RADIUS: i32 = 46;

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

pub struct Scatter {
    pub title: String,
    pub subtitle: String,
    pub x_name: String,
    pub y_name: String,
    /// Whether the vertical axis is logarithmic, as the horizontal one is, or a percentage.
    pub y_log: bool,
    pub series: Vec<Series>,
}

impl Scatter {
    /// Each dot with the index of its series.
    fn dots(&self) -> impl Iterator<Item = (usize, &Dot)> {
        self.series
            .iter()
            .flat_map(|Series { key, dots }| dots.iter().map(|dot| (key.style, dot)))
    }

    /// None if there is no dot.
    pub fn draw(&self) -> Result<Option<Scene>> {
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
            y.map(|y| y.start.max(0.0)..y.end.min(100.0))
        };
        let x = range(self.dots().map(|(_, dot)| dot.x), true);
        let (Some(x), Some(y)) = (x, y) else {
            return Ok(None);
        };
        let (x, y) = (Axis::new(x, true, 11), Axis::new(y, self.y_log, 9));
        let titles = [self.title.as_str(), &self.subtitle];
        let keys = self.series.iter().map(|series| series.key.clone());
        let keys: Vec<Key> = keys.collect();
        let plot = |area: &Area| self.plot(area, x, y);
        sheet(titles, &keys, Swatch::Line, 4000, plot).map(Some)
    }

    fn plot(&self, area: &Area, x: Axis, y: Axis) -> Result<()> {
        let bottom = y.range().start;
        let (x, y) = ((self.x_name.as_str(), x), (self.y_name.as_str(), y));
        let mut chart = chart(&area.margin(80, 150, 110, 220), x, y)?;
        floor(&mut chart, bottom)?;
        for Series { key, dots } in &self.series {
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
            labels.keep_clear(chart.backend_coord(&(dot.x, dot.y)), RADIUS);
            let (element, tip) = (marker((dot.x, dot.y), style, RADIUS), dot.tip.clone());
            chart.draw_series([Tipped { element, tip }])?;
        }
        let sheet = area.use_screen_coord();
        // The baseline comes first, so that its labels have their place before others.
        for (style, dot) in self.dots() {
            let style = bold(115, style::series(style)).pos(Pos::new(HPos::Center, VPos::Center));
            let marker = chart.backend_coord(&(dot.x, dot.y));
            if let Some(place) = labels.place(marker, RADIUS, text_size(&dot.label, &style)) {
                sheet.draw(&Text::new(dot.label.as_str(), place, style))?;
            }
        }
        Ok(())
    }
}
