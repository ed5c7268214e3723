//! One figure against another: a marker for each model, a line through the scales of a variant.

use std::ops::Range;

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters_backend::BackendCoord;

use super::axis::{Axis, range};
use super::backend::{Area, Scene, Tipped, text_size};
use super::marker::marker;
use super::sheet::{Key, Swatch, chart, floor, sheet};
use super::style::{self, bold};

const RADIUS: i32 = 46;

/// A model; what stands on a logarithmic axis is positive.
pub struct Dot {
    pub x: f64,
    pub y: f64,
    /// The ends of a whisker through the marker, where the spread is known.
    pub whisker: Option<(f64, f64)>,
    /// Short, beside the marker: the scale.
    pub label: String,
    /// In full, where a pointer rests on the marker.
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
    /// Logarithmic as the horizontal axis is; else a percentage.
    pub y_log: bool,
    pub series: Vec<Series>,
}

impl Scatter {
    /// Each dot with the number of its series.
    fn dots(&self) -> impl Iterator<Item = (usize, &Dot)> {
        self.series
            .iter()
            .flat_map(|Series { key, dots }| dots.iter().map(|dot| (key.style, dot)))
    }

    /// None where there is no dot.
    pub fn draw(&self) -> Result<Option<Scene>> {
        let ends = |(_, dot): (_, &Dot)| {
            let (low, high) = dot.whisker.unwrap_or((dot.y, dot.y));
            [low.min(dot.y), high.max(dot.y)]
        };
        let ys = self.dots().flat_map(ends);
        let y = if self.y_log {
            range(ys, true)
        } else {
            // Room for two units at least: a finer axis would show differences that are none.
            let y = range(ys.flat_map(|y| [y - 1.0, y + 1.0]), false);
            y.map(|y| y.start.max(0.0)..y.end.min(100.0))
        };
        let x = range(self.dots().map(|(_, dot)| dot.x), true);
        let (Some(x), Some(y)) = (x, y) else {
            return Ok(None);
        };
        let (x, y) = (Axis::new(x, true, 11), Axis::new(y, self.y_log, 9));
        let titles = [self.title.as_str(), &self.subtitle];
        let keys: Vec<Key> = self
            .series
            .iter()
            .map(|series| series.key.clone())
            .collect();
        sheet(titles, &keys, Swatch::Line, 4000, |area| {
            self.plot(area, x, y)
        })
        .map(Some)
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
        let mut taken = Vec::new();
        for (style, dot) in self.dots() {
            let place = chart.backend_coord(&(dot.x, dot.y));
            taken.push(room(place, (2 * RADIUS, 2 * RADIUS)));
            let (element, tip) = (marker((dot.x, dot.y), style, RADIUS), dot.tip.clone());
            chart.draw_series([Tipped { element, tip }])?;
        }
        let (across, down) = chart.plotting_area().get_pixel_range();
        let plot = [across.start..across.end + 160, down.start - 60..down.end];
        // The baseline's labels first: where it is crowded, they stay.
        for (style, dot) in self.dots() {
            let style = bold(115, style::series(style)).pos(Pos::new(HPos::Center, VPos::Center));
            let size = text_size(&dot.label, &style);
            let free = |place: &BackendCoord| {
                let room = room(*place, size);
                within(&room, &plot) && !taken.iter().any(|other| meet(&room, other))
            };
            let (x, y) = chart.backend_coord(&(dot.x, dot.y));
            let places = BESIDE.map(|(right, down)| {
                // A corner is nearer than a side.
                let gap = RADIUS + if right * down == 0 { 28 } else { 8 };
                let (width, height) = size;
                (x + right * (gap + width / 2), y + down * (gap + height / 2))
            });
            if let Some(place) = places.into_iter().find(free) {
                taken.push(room(place, size));
                area.use_screen_coord()
                    .draw(&Text::new(dot.label.as_str(), place, style))?;
            }
        }
        Ok(())
    }
}

/// Where a label may stand beside a marker, the best place first: how far to the right and down.
const BESIDE: [(i32, i32); 8] = [
    (0, -1),
    (1, 0),
    (0, 1),
    (-1, 0),
    (1, -1),
    (1, 1),
    (-1, -1),
    (-1, 1),
];

/// What a label or a marker takes, from left to right and from top to bottom.
type Room = [Range<i32>; 2];

fn room((x, y): BackendCoord, (width, height): (i32, i32)) -> Room {
    [x - width / 2..x + width / 2, y - height / 2..y + height / 2]
}

fn meet(a: &Room, b: &Room) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| a.start < b.end && b.start < a.end)
}

fn within(a: &Room, b: &Room) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| b.start < a.start && a.end < b.end)
}
