//! What all plots share: a sheet with title and legend, and charts with two axes.

use anyhow::Result;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;

use super::axis::Axis;
use super::backend::Dashed;
use super::backend::{Area, Scene};
use super::marker::marker;
use super::style::{FRONT, GRID, INK, MUTED, PAPER, REST, series};
use super::text::{bold, fit, text, text_size, wrap};

/// What a plot is drawn on. All lengths are in tenths of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// A desktop's page, and the PNG.
    Wide,
    /// A phone, and half of a printed page: all of the plot is seen, in letters of the same size.
    Narrow,
}

impl Paper {
    pub fn width(self) -> i32 {
        match self {
            Self::Wide => 7600,
            Self::Narrow => 3760,
        }
    }

    /// One of two numbers, such as that of an axis' ticks.
    pub fn choose<T>(self, wide: T, narrow: T) -> T {
        match self {
            Self::Wide => wide,
            Self::Narrow => narrow,
        }
    }
}

const EDGE: i32 = 160;
const LEGEND_ROW: i32 = 200;
const LEGEND_NAME: i32 = 2300;
/// Height of a title's line, and of a subtitle's.
const LINES: [i32; 2] = [210, 170];

pub type Chart<'a> = ChartContext<'a, Scene, Cartesian2d<Axis, Axis>>;

/// A named series and the index of its colour and marker.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub name: String,
    pub style: usize,
    /// Radius of the marker; None of a line without markers.
    pub marker: Option<i32>,
}

impl Key {
    /// Of a line with markers.
    pub fn new(name: impl Into<String>, style: usize) -> Self {
        let marker = Some(42);
        let name = name.into();
        Self {
            name,
            style,
            marker,
        }
    }
}

/// How a legend shows a series.
#[derive(Clone, Copy, Debug)]
pub enum Swatch {
    Line,
    Bar,
}

/// A sheet with title and legend, and below them what `plot` draws on an area of the given height.
///
/// The legend is above the plot, so that it covers no point. A single series has none.
/// Titles that are wider than the paper go on in further lines.
pub fn sheet(
    [title, subtitle]: [&str; 2],
    keys: &[Key],
    swatch: Swatch,
    paper: Paper,
    height: u32,
    plot: impl FnOnce(&Area) -> Result<()>,
) -> Result<Scene> {
    let (heading, note, name) = (bold(170, INK), text(125, MUTED), text(125, INK));
    let width_of_paper = paper.width();
    let room = width_of_paper - 2 * EDGE;
    let (titles, notes) = (wrap(title, &heading, room), wrap(subtitle, &note, room));
    // Of one line each, the plot begins below the second.
    let extra = LINES[0] * (titles.len() as i32 - 1) + LINES[1] * (notes.len() as i32 - 1);
    let (mut x, mut y) = (EDGE, 700 + extra);
    let mut legend = Vec::new();
    for key in keys.iter().filter(|_| keys.len() > 1) {
        let label = fit(&key.name, &name, LEGEND_NAME);
        let width = text_size(&label, &name).0 + 400;
        if x > EDGE && x + width > width_of_paper - EDGE {
            (x, y) = (EDGE, y + LEGEND_ROW);
        }
        legend.push(((x, y), key, label));
        x += width;
    }
    let top = if legend.is_empty() {
        620 + extra
    } else {
        y + 120
    };
    Scene::drawn(width_of_paper as u32, top as u32 + height, |sheet| {
        sheet.fill(&PAPER)?;
        let mut y = 280;
        for line in &titles {
            sheet.draw_text(line, &heading, (EDGE, y))?;
            y += LINES[0];
        }
        y += 200 - LINES[0];
        for line in &notes {
            sheet.draw_text(line, &note, (EDGE, y))?;
            y += LINES[1];
        }
        for ((x, y), key, label) in legend {
            let style = key.style;
            let colour = series(style);
            match swatch {
                Swatch::Line => {
                    let line = [(x, y - 40), (x + 160, y - 40)];
                    match style {
                        REST => {}
                        FRONT => sheet.draw(&Dashed(PathElement::new(line, front_line())))?,
                        _ => sheet.draw(&PathElement::new(line, colour.stroke_width(20)))?,
                    }
                    if let Some(radius) = key.marker {
                        sheet.draw(&marker((x + 80, y - 40), style, radius))?;
                    }
                }
                Swatch::Bar => {
                    let corners = [(x + 20, y - 100), (x + 140, y + 10)];
                    sheet.draw(&Rectangle::new(corners, colour.filled()))?;
                }
            }
            sheet.draw_text(&label, &name, (x + 220, y))?;
        }
        plot(&sheet.split_vertically(top).1)
    })
}

/// How the line of the Pareto front is drawn.
pub fn front_line() -> ShapeStyle {
    series(FRONT).stroke_width(12)
}

/// A chart on an area. `x` and `y` are names and axes.
pub fn chart<'a>(area: &Area, x: (&str, Axis), y: (&str, Axis)) -> Result<Chart<'a>> {
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(370)
        .y_label_area_size(550)
        .build_cartesian_2d(x.1, y.1)?;
    chart
        .configure_mesh()
        .x_desc(x.0)
        .y_desc(y.0)
        .axis_desc_style(text(125, INK))
        .label_style(text(115, MUTED))
        .set_all_tick_mark_size(40)
        .bold_line_style(GRID.stroke_width(10))
        .light_line_style(TRANSPARENT)
        .axis_style(TRANSPARENT)
        .draw()?;
    Ok(chart)
}

/// Draws a horizontal line at `y`, from which the values rise.
pub fn floor(chart: &mut Chart, y: f64) -> Result<()> {
    let x = chart.as_coord_spec().get_x_range();
    let line = PathElement::new([(x.start, y), (x.end, y)], MUTED.stroke_width(12));
    chart.draw_series([line])?;
    Ok(())
}
