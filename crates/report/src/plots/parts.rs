//! What the time of a detection goes into: a bar for each model, of the medians of its parts.

use std::collections::BTreeSet;

use anyhow::Result;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::backend::{Area, Scene, Tipped};
use super::sheet::{Key, Paper, Swatch, sheet};
use super::style::{GRID, INK, MUTED, series};
use super::text::{bold, fit, text, text_size};
use super::verdicts::shown;
use super::{Kind, Plots};
use crate::number;
use crate::rows::{BASELINE, Row};
use crate::summary::{Line, Table};
use ablate_records::{DetectMeasurement, DetectParts};

/// A part's name and its milliseconds.
type Part = (&'static str, fn(&DetectParts) -> f64);

/// The parts in their order, as the page's table calls them.
const PARTS: [Part; 5] = [
    ("letterbox", |parts| parts.letterbox_ms),
    ("upload", |parts| parts.upload_ms),
    ("forward", |parts| parts.forward_ms),
    ("download", |parts| parts.download_ms),
    ("suppression", |parts| parts.suppression_ms),
];

/// The first part's colour: the one before is the baseline's.
const FIRST_STYLE: usize = 1;

const EDGE: i32 = 160;
/// Heights of a model's row and of a group's name, and of the axis with its name.
const ROW: i32 = 210;
const GROUP: i32 = 250;
const AXIS: i32 = 480;
/// Half the height of a bar, and of the mark of the whole.
const BAR: i32 = 62;
const MARK: i32 = 88;

/// A model.
struct Bar {
    name: String,
    model: String,
    /// Milliseconds, in the order of [`PARTS`].
    parts: [f64; PARTS.len()],
    /// The median of the whole detections.
    whole: f64,
}

struct Stack {
    titles: [String; 2],
    /// A name and its models.
    groups: Vec<(String, Vec<Bar>)>,
}

impl Plots<'_> {
    /// One for each data set, device and image size.
    pub fn parts(&mut self, tables: &[Table]) -> Result<()> {
        let mut seen = BTreeSet::new();
        for table in tables {
            let s = table.setting;
            let (compared, of) = shown(table);
            let mut lines: Vec<&Line> = Vec::new();
            for line in &table.lines {
                let cell = line.cell();
                let is_shown = cell.variant == BASELINE
                    || compared.iter().any(|shown| std::ptr::eq(*shown, line));
                let timed = (s.dataset, s.device, s.imgsz.train, s.nc, &cell.model);
                if is_shown && measured(line).is_some() && seen.insert(timed) {
                    lines.push(line);
                }
            }
            let dataset = s.dataset.unwrap_or_default();
            let setting = format!("{dataset} · {} · {} px", s.device, s.imgsz.train);
            let title = "What the time of a detection goes into";
            let of = of.map_or_else(String::new, |of| format!(" · {of}"));
            let note = format!(
                "{setting} · an image at a time · medians of the parts; line and number: median of the whole{of}"
            );
            let stack = Stack {
                titles: [title.into(), note],
                groups: groups(&lines),
            };
            let file = format!(
                "detect-parts-{dataset}-{}-{}px",
                s.device,
                s.imgsz.train.word()
            );
            let alt = format!("{title}, {setting}");
            self.add(Kind::Detect, &file, alt, |paper| stack.draw(paper))?;
        }
        Ok(())
    }
}

/// Of the seed whose weights were timed.
fn measured<'a>(line: &Line<'a>) -> Option<&'a DetectMeasurement> {
    line.rows.iter().find_map(Row::detect)
}

fn groups(lines: &[&Line]) -> Vec<(String, Vec<Bar>)> {
    let mut groups: Vec<(String, Vec<Bar>)> = Vec::new();
    for line in lines {
        let Some(detect) = measured(line) else {
            continue;
        };
        let cell = line.cell();
        let bar = Bar {
            name: cell.variant.clone(),
            model: cell.model.clone(),
            parts: PARTS.map(|(_, part)| part(&detect.parts)),
            whole: detect.whole.median_ms,
        };
        let name = cell.without_variants().to_owned();
        match groups.last_mut().filter(|(group, _)| *group == name) {
            Some((_, bars)) => bars.push(bar),
            None => groups.push((name, vec![bar])),
        }
    }
    groups
}

impl Bar {
    /// The parts' ends, from zero.
    fn ends(&self) -> [f64; PARTS.len()] {
        let mut end = 0.0;
        self.parts.map(|part| {
            end += part;
            end
        })
    }

    fn label(&self) -> String {
        number::short(self.whole)
    }
}

impl Stack {
    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.groups.iter().flat_map(|(_, bars)| bars)
    }

    /// None if there is no bar.
    fn draw(&self, paper: Paper) -> Result<Option<Scene>> {
        // Medians do not add up: either may reach further.
        let reach = self
            .bars()
            .map(|bar| bar.ends()[PARTS.len() - 1].max(bar.whole));
        let reach = reach.fold(0.0, f64::max);
        if reach <= 0.0 || !reach.is_finite() {
            return Ok(None);
        }
        let axis = Axis::new(0.0..reach, false, paper.choose(9, 5));
        let names = PARTS.iter().enumerate();
        let keys: Vec<Key> = names
            .map(|(place, (name, _))| Key::new(*name, FIRST_STYLE + place))
            .collect();
        let rows = self
            .groups
            .iter()
            .map(|(_, bars)| GROUP + ROW * bars.len() as i32);
        let rows: i32 = rows.sum();
        let titles = [self.titles[0].as_str(), &self.titles[1]];
        let height = (rows + AXIS) as u32;
        let plot = |area: &Area| self.plot(area, &axis, paper.width(), rows);
        sheet(titles, &keys, Swatch::Bar, paper, height, plot).map(Some)
    }

    fn plot(&self, area: &Area, axis: &Axis, width: i32, bottom: i32) -> Result<()> {
        let (heading, name) = (bold(125, INK), text(125, INK));
        let label = text(115, INK).pos(Pos::new(HPos::Right, VPos::Center));
        let names = self.bars().map(|bar| text_size(&bar.name, &name).0 + 120);
        let groups = self
            .groups
            .iter()
            .map(|(group, _)| text_size(group, &heading).0);
        let names = names.chain(groups).max().unwrap_or(0).min(width / 3);
        let labels = self.bars().map(|bar| text_size(&bar.label(), &label).0);
        let left = EDGE + names + 120;
        let right = width - EDGE - labels.max().unwrap_or(0) - 120;
        let x = |value: f64| axis.map(&value, (left, right));

        for tick in axis.key_points(0) {
            let line = [(x(tick), 0), (x(tick), bottom)];
            area.draw(&PathElement::new(line, GRID.stroke_width(10)))?;
            let style = text(115, MUTED).pos(Pos::new(HPos::Center, VPos::Top));
            area.draw_text(&axis.format_ext(&tick), &style, (x(tick), bottom + 50))?;
        }
        let style = text(125, INK).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw_text("ms an image", &style, ((left + right) / 2, bottom + 230))?;

        let mut y = 0;
        for (group, bars) in &self.groups {
            let group = fit(group, &heading, names);
            area.draw_text(&group, &heading, (EDGE, y + GROUP - 70))?;
            y += GROUP;
            for bar in bars {
                let middle = y + ROW / 2;
                let shown = fit(&bar.name, &name, names - 120);
                area.draw_text(&shown, &name, (EDGE + 120, middle + 45))?;
                draw_bar(area, bar, middle, x)?;
                area.draw_text(&bar.label(), &label, (width - EDGE, middle))?;
                y += ROW;
            }
        }
        let zero = [(left, 0), (left, bottom)];
        area.draw(&PathElement::new(zero, MUTED.stroke_width(14)))?;
        Ok(())
    }
}

fn draw_bar(area: &Area, bar: &Bar, y: i32, x: impl Fn(f64) -> i32) -> Result<()> {
    let Bar { model, whole, .. } = bar;
    let whole_ms = number::short(*whole);
    let mut begin = 0.0;
    for (place, end) in bar.ends().into_iter().enumerate() {
        let corners = [(x(begin), y - BAR), (x(end), y + BAR)];
        let colour = series(FIRST_STYLE + place);
        let part = number::short(bar.parts[place]);
        area.draw(&Tipped {
            element: Rectangle::new(corners, colour.filled()).into_dyn(),
            tip: format!("{model}: {} {part} ms, whole {whole_ms} ms", PARTS[place].0),
        })?;
        begin = end;
    }
    let mark = [(x(*whole), y - MARK), (x(*whole), y + MARK)];
    area.draw(&Tipped {
        element: PathElement::new(mark, INK.stroke_width(20)).into_dyn(),
        tip: format!("{model}: median of the whole {whole_ms} ms"),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(parts: [f64; 5], whole: f64) -> Bar {
        Bar {
            name: "a-variant-with-a-rather-long-name+and-another-one".into(),
            model: "yolov5n".into(),
            parts,
            whole,
        }
    }

    fn stack(bars: Vec<Bar>) -> Stack {
        Stack {
            titles: [
                "Parts".into(),
                "Words that are too many for one line of a phone".into(),
            ],
            groups: vec![("yolov5n".into(), bars)],
        }
    }

    /// The numbers of an attribute.
    fn all(svg: &str, attribute: &str) -> Vec<i32> {
        let start = format!(" {attribute}=\"");
        let values = svg.split(start.as_str()).skip(1);
        let values = values.filter_map(|rest| rest.split('"').next()?.parse().ok());
        values.collect()
    }

    #[test]
    fn parts_follow_each_other_and_lie_on_the_paper() {
        // The whole is longer than its parts, then shorter, and a part may be next to nothing.
        let bars = vec![
            bar([1.0, 0.5, 17.0, 0.25, 0.75], 60.0),
            bar([10.0, 5.0, 40.0, 0.0, 1e-9], 50.0),
        ];
        let stack = stack(bars);
        for paper in [Paper::Wide, Paper::Narrow] {
            let svg = stack.draw(paper).unwrap().unwrap().svg("");
            let rects: Vec<&str> = svg.split("<rect ").skip(1).collect();
            let tipped = rects.iter().filter(|rect| rect.contains("<title>"));
            // What is next to nothing has no width, and is not drawn.
            assert_eq!(tipped.count(), 8, "{svg}");
            let (x, width) = (all(&svg, "x"), all(&svg, "width"));
            assert!(x.iter().all(|x| (0..=paper.width()).contains(x)), "{x:?}");
            assert!(width.iter().all(|width| *width <= paper.width()));
        }
    }

    #[test]
    fn without_a_time_there_is_no_plot() {
        assert!(stack(Vec::new()).draw(Paper::Wide).unwrap().is_none());
        let broken = stack(vec![bar([f64::INFINITY, 0.0, 0.0, 0.0, 0.0], 1.0)]);
        assert!(broken.draw(Paper::Narrow).unwrap().is_none());
    }
}
