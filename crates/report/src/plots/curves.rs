//! Training curves: a panel for each figure, a line for each run, over epochs.

use super::axis::Axis;
use super::frame::{Key, Plot, Swatch, WIDTH, sheet};
use super::scene::{Anchor, Scene, Type};
use super::style::Paint;

const ROW: f64 = 236.0;

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

impl Curves {
    /// None where no panel has a value.
    pub fn draw(&self) -> Option<Scene> {
        fn points(panel: &Panel) -> impl Iterator<Item = (f64, f64)> {
            panel
                .curves
                .iter()
                .flat_map(|curve| curve.points.iter().copied())
        }
        // One horizontal axis for all panels, so that an epoch is in the same place everywhere.
        let last = self
            .panels
            .iter()
            .flat_map(points)
            .map(|point| point.0)
            .reduce(f64::max)?;
        let x = Axis::over([1.0, last], false)?.within(0.5, last + 0.5);
        // All figures here are zero or more, and zero is where they begin or end.
        let y = |panel| {
            Some(
                Axis::over(points(panel).map(|point| point.1).chain([0.0]), false)?
                    .within(0.0, f64::INFINITY),
            )
        };
        let shown = self
            .panels
            .iter()
            .filter(|panel| points(panel).next().is_some());
        let panels: Vec<_> = shown.filter_map(|panel| Some((panel, y(panel)?))).collect();
        let columns = panels.len().min(2);
        let rows = panels.len().div_ceil(columns);
        let (mut scene, top) = sheet(
            &self.title,
            &self.subtitle,
            &self.keys,
            Swatch::Line,
            ROW * rows as f64 + 8.0,
        );
        let width = WIDTH / columns as f64;
        for (index, (panel, y)) in panels.iter().enumerate() {
            let left = width * (index % columns) as f64;
            let above = top + ROW * (index / columns) as f64;
            let plot = Plot {
                left: left + 60.0,
                top: above + 24.0,
                right: left + width - 18.0,
                bottom: above + ROW - 46.0,
            };
            let heading = Type::new(12.5, Paint::Ink, Anchor::Start).bold();
            scene.text((left + 16.0, above + 12.0), &panel.name, heading);
            plot.vertical(&mut scene, y, "");
            plot.horizontal(&mut scene, &x, "epoch", true);
            plot.floor(&mut scene, plot.bottom);
            for curve in &panel.curves {
                let path: Vec<_> = curve
                    .points
                    .iter()
                    .map(|&point| plot.point((&x, point.0), (y, point.1)))
                    .collect();
                let paint = Paint::Series(curve.style);
                // A point alone, such as the one evaluation of a training that was stopped, is a marker without a line.
                if path.len() > 1 {
                    scene.line(&path, if curve.style == 0 { 2.2 } else { 1.6 }, paint);
                }
                // Lines are told apart by their markers too: about six along each, set off from those of other lines.
                let stride = path.len().div_ceil(6).max(1);
                let offset = (curve.style * stride / 6) % stride;
                for &point in path.iter().skip(offset).step_by(stride) {
                    scene.marker(point, 3.2, curve.style, "");
                }
            }
        }
        Some(scene)
    }
}
