//! One figure against another: a marker for each model, a line through the scales of a variant.

use anyhow::Result;
use plotters::prelude::*;
use plotters_backend::BackendCoord;

use super::axis::{Axis, range};
use super::backend::{Area, Scene, Tipped, text_size};
use super::marker::marker;
use super::sheet::{Key, Swatch, chart, floor, sheet};
use super::style::{self, bold};

const RADIUS: i32 = 50;

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
    /// A latency spans decades, an mAP does not; the horizontal axis is logarithmic always.
    pub y_log: bool,
    /// The least and the greatest value that can be.
    pub y_bounds: Option<(f64, f64)>,
    pub series: Vec<Series>,
}

impl Scatter {
    /// The dots of a series that have a place on the axes.
    fn shown<'s>(&self, series: &'s Series) -> impl Iterator<Item = &'s Dot> + Clone + use<'s> {
        let y_log = self.y_log;
        series
            .dots
            .iter()
            .filter(move |dot| dot.x > 0.0 && (!y_log || dot.y > 0.0))
    }

    /// None where no dot can be shown.
    pub fn draw(&self) -> Result<Option<Scene>> {
        let dots = || self.series.iter().flat_map(|series| self.shown(series));
        let ys = || {
            dots()
                .flat_map(|dot| {
                    [
                        Some(dot.y),
                        dot.whisker.map(|w| w.0),
                        dot.whisker.map(|w| w.1),
                    ]
                })
                .flatten()
        };
        let ranges = (
            range(dots().map(|dot| dot.x), true),
            range(ys(), self.y_log),
        );
        let (Some(x), Some(mut y)) = ranges else {
            return Ok(None);
        };
        if let Some((low, high)) = self.y_bounds {
            // Room for two units at least: a finer axis would show differences that are none.
            let least = ys().fold(high, f64::min) - 1.0;
            let most = ys().fold(low, f64::max) + 1.0;
            y = y.start.min(least).max(low)..y.end.max(most).min(high);
        }
        let y_floor = y.start;
        let y = if self.y_log {
            Axis::log(y, 9)
        } else {
            Axis::linear(y, 9)
        };
        let titles = [self.title.as_str(), &self.subtitle];
        let keys: Vec<Key> = self
            .series
            .iter()
            .map(|series| series.key.clone())
            .collect();
        let plot = |area: &Area| self.plot(area, Axis::log(x, 11), y, y_floor);
        sheet(titles, &keys, Swatch::Line, 4000, plot).map(Some)
    }

    fn plot(&self, area: &Area, x: Axis, y: Axis, y_floor: f64) -> Result<()> {
        let (x, y) = ((self.x_name.as_str(), x), (self.y_name.as_str(), y));
        let mut chart = chart(&area.margin(80, 150, 110, 220), x, y)?;
        floor(&mut chart, y_floor)?;
        for series in &self.series {
            let colour = style::series(series.key.style);
            let line = colour.stroke_width(if series.key.style == 0 { 24 } else { 18 });
            let path = self.shown(series).map(|dot| (dot.x, dot.y));
            chart.draw_series(LineSeries::new(path, line))?;
            let whiskers = self.shown(series).filter_map(|dot| {
                let (low, high) = dot.whisker.filter(|(low, _)| !self.y_log || *low > 0.0)?;
                Some(PathElement::new(
                    [(dot.x, low), (dot.x, high)],
                    colour.stroke_width(12),
                ))
            });
            chart.draw_series(whiskers)?;
        }
        let mut taken = Vec::new();
        for series in &self.series {
            for dot in self.shown(series) {
                let (x, y) = chart.backend_coord(&(dot.x, dot.y));
                taken.push(Room {
                    left: x - RADIUS,
                    top: y - RADIUS,
                    right: x + RADIUS,
                    bottom: y + RADIUS,
                });
                let element = marker((dot.x, dot.y), series.key.style, RADIUS);
                chart.draw_series([Tipped {
                    element,
                    tip: dot.tip.clone(),
                }])?;
            }
        }
        // The baseline's labels first: where it is crowded, they stay.
        let (across, down) = chart.plotting_area().get_pixel_range();
        let plot = Room {
            left: across.start,
            top: down.start - 60,
            right: across.end + 160,
            bottom: down.end,
        };
        for series in &self.series {
            let style = bold(115, style::series(series.key.style));
            for dot in self.shown(series) {
                let size = text_size(&dot.label, &style);
                let rooms = rooms_beside(chart.backend_coord(&(dot.x, dot.y)), size);
                let free =
                    |room: &Room| plot.holds(room) && !taken.iter().any(|other| other.meets(room));
                if let Some(room) = rooms.into_iter().find(free) {
                    let place = (room.left, room.bottom);
                    area.use_screen_coord().draw(&Text::new(
                        dot.label.as_str(),
                        place,
                        style.clone(),
                    ))?;
                    taken.push(room);
                }
            }
        }
        Ok(())
    }
}

/// A rectangle that a label or a marker takes.
struct Room {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Room {
    fn meets(&self, other: &Room) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn holds(&self, other: &Room) -> bool {
        self.left < other.left
            && other.right < self.right
            && self.top < other.top
            && other.bottom < self.bottom
    }
}

/// Where a label of a size may stand beside a marker, the best place first.
fn rooms_beside((x, y): BackendCoord, (width, height): (u32, u32)) -> [Room; 8] {
    let (width, height) = (width as i32, height as i32);
    let (gap, across, along) = (RADIUS + 25, 60, 52);
    let places = [
        (x - width / 2, y - gap),
        (x + gap, y + height / 2),
        (x - width / 2, y + gap + height),
        (x - gap - width, y + height / 2),
        (x + across, y - along),
        (x + across, y + along + height),
        (x - across - width, y - along),
        (x - across - width, y + along + height),
    ];
    places.map(|(left, bottom)| Room {
        left,
        top: bottom - height,
        right: left + width,
        bottom,
    })
}
