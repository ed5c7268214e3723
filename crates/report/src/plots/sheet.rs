//! What all plots share: a sheet with title and legend, and charts with two axes.

use anyhow::Result;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;

use super::axis::Axis;
use super::backend::{Area, Scene};
use super::marker::marker;
use super::style::{GRID, INK, MUTED, PAPER, series};
use super::text::{bold, fit, text, text_size};

/// Width of a sheet. All lengths are in tenths of a pixel.
pub const WIDTH: i32 = 7600;
const EDGE: i32 = 160;
const LEGEND_ROW: i32 = 200;
const LEGEND_NAME: i32 = 2300;

pub type Chart<'a> = ChartContext<'a, Scene, Cartesian2d<Axis, Axis>>;

/// A named series and the index of its colour and marker.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub name: String,
    pub style: usize,
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
pub fn sheet(
    [title, subtitle]: [&str; 2],
    keys: &[Key],
    swatch: Swatch,
    height: u32,
    plot: impl FnOnce(&Area) -> Result<()>,
) -> Result<Scene> {
    let (heading, note, name) = (bold(170, INK), text(125, MUTED), text(125, INK));
    let (mut x, mut y) = (EDGE, 700);
    let mut legend = Vec::new();
    for key in keys.iter().filter(|_| keys.len() > 1) {
        let label = fit(&key.name, &name, LEGEND_NAME);
        let width = text_size(&label, &name).0 + 400;
        if x > EDGE && x + width > WIDTH - EDGE {
            (x, y) = (EDGE, y + LEGEND_ROW);
        }
        legend.push(((x, y), key.style, label));
        x += width;
    }
    let top = if legend.is_empty() { 620 } else { y + 120 };
    Scene::drawn(WIDTH as u32, top as u32 + height, |sheet| {
        sheet.fill(&PAPER)?;
        let room = WIDTH - 2 * EDGE;
        sheet.draw_text(&fit(title, &heading, room), &heading, (EDGE, 280))?;
        sheet.draw_text(&fit(subtitle, &note, room), &note, (EDGE, 480))?;
        for ((x, y), style, label) in legend {
            let colour = series(style);
            match swatch {
                Swatch::Line => {
                    let line = [(x, y - 40), (x + 160, y - 40)];
                    sheet.draw(&PathElement::new(line, colour.stroke_width(20)))?;
                    sheet.draw(&marker((x + 80, y - 40), style, 42))?;
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
