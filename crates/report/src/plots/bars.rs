//! Change against the baseline: a group of bars for each scale, a bar for each variant.

use super::axis::Axis;
use super::frame::{Key, Plot, Swatch, WIDTH, sheet};
use super::scene::{Anchor, Scene, Type, text_width};
use super::style::Paint;

const VALUE: f64 = 10.5;
const WHISKER: f64 = 1.3;
/// How many times the largest bar an interval is drawn to.
const REACH: f64 = 1.6;

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
    /// Name of a group and its bars, in the order of the keys.
    pub groups: Vec<(String, Vec<Bar>)>,
}

impl Bars {
    /// None where there is no bar.
    pub fn draw(&self) -> Option<Scene> {
        let largest = self
            .groups
            .iter()
            .flat_map(|(_, bars)| bars)
            .map(|bar| bar.value.abs())
            .fold(1.0, f64::max);
        // An interval that would dwarf the bars is cut off, and open at that end.
        let within = |value: f64| value.clamp(-REACH * largest, REACH * largest);
        let ends = |bar: &Bar| {
            bar.interval.map_or([bar.value; 2], |(low, high)| {
                [within(low).min(bar.value), within(high).max(bar.value)]
            })
        };
        let values = || {
            self.groups
                .iter()
                .flat_map(|(_, bars)| bars.iter().flat_map(ends))
        };
        values().next()?;
        let axis = Axis::over(values().chain([0.0]), false)?.including(-1.0, 1.0);
        let (mut scene, top) = sheet(&self.title, &self.subtitle, &self.keys, Swatch::Bar, 300.0);
        let plot = Plot {
            left: 66.0,
            top: top + 8.0,
            right: WIDTH - 22.0,
            bottom: top + 268.0,
        };
        plot.vertical(&mut scene, &axis, &self.y_name);

        let group_width = (plot.right - plot.left) / self.groups.len() as f64;
        let zero = plot.y(&axis, 0.0);
        for (index, (name, bars)) in self.groups.iter().enumerate() {
            let middle = plot.left + group_width * (index as f64 + 0.5);
            // Bars no wider than a finger, so that one alone does not fill the sheet.
            let step = (group_width * 0.86 / bars.len().max(1) as f64).min(64.0);
            let first = middle - step * bars.len() as f64 / 2.0;
            let widest = bars
                .iter()
                .map(|bar| text_width(&bar.label, VALUE, false))
                .fold(0.0, f64::max);
            for (place, bar) in bars.iter().enumerate() {
                let left = first + step * place as f64;
                let end = plot.y(&axis, bar.value);
                let right = left + step * 0.86;
                scene.rect(
                    (left, zero),
                    (right, end),
                    Paint::Series(bar.style),
                    &bar.tip,
                );
                let middle = (left + right) / 2.0;
                let [low, high] = ends(bar).map(|value| plot.y(&axis, value));
                if let Some(interval) = bar.interval {
                    let cap = step * 0.12;
                    scene.line(&[(middle, low), (middle, high)], WHISKER, Paint::Ink);
                    for value in [interval.0, interval.1]
                        .into_iter()
                        .filter(|value| within(*value) == *value)
                    {
                        let y = plot.y(&axis, value);
                        scene.line(&[(middle - cap, y), (middle + cap, y)], WHISKER, Paint::Ink);
                    }
                }
                if widest < step + 2.0 {
                    let y = if bar.value < 0.0 {
                        low + VALUE + 1.0
                    } else {
                        high - 3.5
                    };
                    let set = Type::new(VALUE, Paint::Ink, Anchor::Middle);
                    scene.text((middle, y), &bar.label, set);
                }
            }
            scene.text(
                (middle, plot.bottom + 21.0),
                name,
                Type::new(12.5, Paint::Ink, Anchor::Middle).bold(),
            );
        }
        plot.floor(&mut scene, zero);
        Some(scene)
    }
}
