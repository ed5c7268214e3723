//! One figure against another: a marker for each model, a line through the scales of a variant.

use super::axis::Axis;
use super::frame::{Key, Plot, Swatch, WIDTH, sheet};
use super::scene::{Anchor, Point, Scene, Type, text_width};
use super::style::Paint;

const RADIUS: f64 = 5.0;
const LABEL: f64 = 11.5;

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
    /// None where no dot can be shown.
    pub fn draw(&self) -> Option<Scene> {
        let dots = || self.series.iter().flat_map(|series| &series.dots);
        let ys = dots().flat_map(|dot| {
            [dot.y]
                .into_iter()
                .chain(dot.whisker.into_iter().flat_map(|(a, b)| [a, b]))
        });
        let x = Axis::over(dots().map(|dot| dot.x), true)?;
        let mut y = Axis::over(ys.clone(), self.y_log)?;
        if let Some((low, high)) = self.y_bounds {
            // Room for two units at least: a finer axis would show differences that are none.
            let (least, most) =
                ys.fold((high, low), |(least, most), y| (least.min(y), most.max(y)));
            y = y.including(least - 1.0, most + 1.0).within(low, high);
        }
        let keys: Vec<Key> = self
            .series
            .iter()
            .map(|series| series.key.clone())
            .collect();
        let (mut scene, top) = sheet(&self.title, &self.subtitle, &keys, Swatch::Line, 400.0);
        let plot = Plot {
            left: 66.0,
            top: top + 8.0,
            right: WIDTH - 22.0,
            bottom: top + 348.0,
        };
        plot.vertical(&mut scene, &y, &self.y_name);
        plot.horizontal(&mut scene, &x, &self.x_name, false);
        plot.floor(&mut scene, plot.bottom);

        let seen = |dot: &&Dot| dot.x > 0.0 && (!self.y_log || dot.y > 0.0);
        let place = |dot: &Dot| plot.point((&x, dot.x), (&y, dot.y));
        for series in &self.series {
            let paint = Paint::Series(series.key.style);
            let path: Vec<Point> = series.dots.iter().filter(seen).map(place).collect();
            scene.line(&path, if series.key.style == 0 { 2.4 } else { 1.8 }, paint);
            for dot in series.dots.iter().filter(seen) {
                let Some((low, high)) = dot.whisker.filter(|(low, _)| !self.y_log || *low > 0.0)
                else {
                    continue;
                };
                let (px, _) = place(dot);
                scene.line(&[(px, plot.y(&y, low)), (px, plot.y(&y, high))], 1.2, paint);
            }
        }
        let mut labels = Labels {
            taken: dots()
                .filter(seen)
                .map(|dot| around(place(dot), RADIUS))
                .collect(),
            plot,
        };
        for series in &self.series {
            for dot in series.dots.iter().filter(seen) {
                scene.marker(place(dot), RADIUS, series.key.style, &dot.tip);
            }
        }
        // The baseline's labels first: where it is crowded, they stay.
        for series in &self.series {
            for dot in series.dots.iter().filter(seen) {
                labels.put(
                    &mut scene,
                    place(dot),
                    &dot.label,
                    Paint::Series(series.key.style),
                );
            }
        }
        Some(scene)
    }
}

#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

fn around((x, y): Point, radius: f64) -> Area {
    Area {
        left: x - radius,
        top: y - radius,
        right: x + radius,
        bottom: y + radius,
    }
}

impl Area {
    fn meets(&self, other: &Area) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Puts labels beside markers where there is room, and leaves out those for which there is none.
struct Labels {
    taken: Vec<Area>,
    plot: Plot,
}

impl Labels {
    fn put(&mut self, scene: &mut Scene, (x, y): Point, label: &str, paint: Paint) {
        let (width, height) = (text_width(label, LABEL, true), LABEL * 0.8);
        let gap = RADIUS + 2.5;
        let corners = [
            (x - width / 2.0, y - gap),
            (x + gap, y + height / 2.0),
            (x - width / 2.0, y + gap + height),
            (x - gap - width, y + height / 2.0),
            (x + gap * 0.8, y - gap * 0.7),
            (x + gap * 0.8, y + gap * 0.7 + height),
            (x - gap * 0.8 - width, y - gap * 0.7),
            (x - gap * 0.8 - width, y + gap * 0.7 + height),
        ];
        let free = corners.into_iter().find_map(|(left, base)| {
            let area = Area {
                left,
                top: base - height,
                right: left + width,
                bottom: base,
            };
            let inside = left > self.plot.left
                && area.right < self.plot.right + 16.0
                && area.top > self.plot.top - 6.0
                && base < self.plot.bottom;
            (inside && !self.taken.iter().any(|other| other.meets(&area)))
                .then_some(((left, base), area))
        });
        if let Some((at, area)) = free {
            self.taken.push(area);
            scene.text(at, label, Type::new(LABEL, paint, Anchor::Start).bold());
        }
    }
}
