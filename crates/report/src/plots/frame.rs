//! What all plots share: title, legend, and a box with two axes.

use super::axis::Axis;
use super::scene::{Anchor, Point, Scene, Type, fit, text_width};
use super::style::Paint;

/// Width of a plot in pixels of the scene.
pub const WIDTH: f64 = 760.0;
const EDGE: f64 = 16.0;
const LEGEND_ROW: f64 = 20.0;
const LEGEND_TEXT: f64 = 12.5;
const LEGEND_NAME: f64 = 230.0;

/// A named series and the number that gives it its colour and marker.
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

/// Rows of keys as they fit side by side.
fn legend_rows(keys: &[Key]) -> Vec<Vec<(f64, String, usize)>> {
    let mut rows = vec![Vec::new()];
    let mut x = EDGE;
    for key in keys {
        let name = fit(&key.name, LEGEND_TEXT, LEGEND_NAME);
        let width = 22.0 + text_width(&name, LEGEND_TEXT, false) + 18.0;
        if x + width > WIDTH - EDGE && x > EDGE {
            rows.push(Vec::new());
            x = EDGE;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, name, key.style));
        }
        x += width;
    }
    rows
}

/// A sheet with its title and legend, `plot_height` pixels high below them, and the y where those begin. The legend
/// stands above the plot, so that it can't cover a point; a single series needs none.
pub fn sheet(
    title: &str,
    subtitle: &str,
    keys: &[Key],
    swatch: Swatch,
    plot_height: f64,
) -> (Scene, f64) {
    let rows = if keys.len() > 1 {
        legend_rows(keys)
    } else {
        Vec::new()
    };
    let top = 62.0 + LEGEND_ROW * rows.len() as f64;
    let mut scene = Scene::new(WIDTH, top + plot_height);
    let room = WIDTH - 2.0 * EDGE;
    scene.text(
        (EDGE, 28.0),
        &fit(title, 18.0, room),
        Type::new(17.0, Paint::Ink, Anchor::Start).bold(),
    );
    scene.text(
        (EDGE, 48.0),
        &fit(subtitle, 12.5, room),
        Type::new(12.5, Paint::Muted, Anchor::Start),
    );
    for (row, keys) in rows.iter().enumerate() {
        let y = 70.0 + LEGEND_ROW * row as f64;
        for (x, name, style) in keys {
            match swatch {
                Swatch::Line => {
                    scene.line(
                        &[(*x, y - 4.0), (x + 16.0, y - 4.0)],
                        2.0,
                        Paint::Series(*style),
                    );
                    scene.marker((x + 8.0, y - 4.0), 4.5, *style, "");
                }
                Swatch::Bar => scene.rect(
                    (x + 2.0, y - 10.0),
                    (x + 14.0, y + 1.0),
                    Paint::Series(*style),
                    "",
                ),
            }
            scene.text(
                (x + 22.0, y),
                name,
                Type::new(LEGEND_TEXT, Paint::Ink, Anchor::Start),
            );
        }
    }
    (scene, top)
}

/// The box that the values are drawn in.
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Plot {
    pub fn x(&self, axis: &Axis, value: f64) -> f64 {
        self.left + (self.right - self.left) * axis.at(value)
    }

    pub fn y(&self, axis: &Axis, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * axis.at(value)
    }

    pub fn point(&self, x: (&Axis, f64), y: (&Axis, f64)) -> Point {
        (self.x(x.0, x.1), self.y(y.0, y.1))
    }

    /// Grid lines and labels of the vertical axis, and its name along it.
    pub fn vertical(&self, scene: &mut Scene, axis: &Axis, name: &str) {
        let count = ((self.bottom - self.top) / 40.0) as usize;
        for (value, label) in axis.ticks(count, false) {
            let y = self.y(axis, value);
            scene.line(&[(self.left, y), (self.right, y)], 1.0, Paint::Grid);
            scene.text(
                (self.left - 8.0, y + 4.0),
                &label,
                Type::new(11.5, Paint::Muted, Anchor::End),
            );
        }
        let middle = (self.left - 46.0, (self.top + self.bottom) / 2.0);
        scene.turned_text(
            middle,
            name,
            Type::new(12.5, Paint::Ink, Anchor::Middle),
            -90.0,
        );
    }

    /// Grid lines and labels of the horizontal axis, and its name below it.
    pub fn horizontal(&self, scene: &mut Scene, axis: &Axis, name: &str, whole: bool) {
        let count = ((self.right - self.left) / 64.0) as usize;
        for (value, label) in axis.ticks(count, whole) {
            let x = self.x(axis, value);
            scene.line(&[(x, self.top), (x, self.bottom)], 1.0, Paint::Grid);
            scene.text(
                (x, self.bottom + 17.0),
                &label,
                Type::new(11.5, Paint::Muted, Anchor::Middle),
            );
        }
        let middle = ((self.left + self.right) / 2.0, self.bottom + 37.0);
        scene.text(middle, name, Type::new(12.5, Paint::Ink, Anchor::Middle));
    }

    /// The line that the values stand on.
    pub fn floor(&self, scene: &mut Scene, y: f64) {
        scene.line(&[(self.left, y), (self.right, y)], 1.2, Paint::Muted);
    }
}
