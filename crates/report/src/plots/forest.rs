//! A forest plot: a dot with its interval for each model, in one panel for each figure.
//!
//! The axis reaches as far as the widest interval, so none is cut. On wide paper the panels stand
//! side by side and share their names, on narrow paper one below the other.

use anyhow::Result;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, range};
use super::backend::{Area, Scene, Tipped};
use super::marker::marker;
use super::style::{GRID, INK, MUTED, PAPER, series};
use super::text::{bold, fit, text, text_size, wrap};

const EDGE: i32 = 160;
/// Heights of a model's row, of a group's name, and of an axis with its name.
const ROW: i32 = 210;
const GROUP: i32 = 270;
const AXIS: i32 = 330;
const PANEL_NAME: i32 = 390;
const RADIUS: i32 = 38;
/// Narrower paper has one panel below the other.
const SIDE_BY_SIDE: i32 = 5000;

/// What is known of a model's figure.
pub struct Dot {
    pub value: f64,
    /// None if there is none.
    pub interval: Option<(f64, f64)>,
    /// Whether anything can be told; else the dot is hollow.
    pub told: bool,
    /// At the end of the row.
    pub label: String,
    pub tip: String,
}

/// A model.
pub struct Row {
    pub name: String,
    pub style: usize,
    /// One for each panel; None if it was not measured.
    pub dots: Vec<Option<Dot>>,
}

/// A figure.
pub struct Panel {
    /// Of its axis.
    pub name: String,
    /// Its unit and its better direction, below the name.
    pub unit: String,
    /// Changes within it, on both sides of zero, are marked by a band.
    pub margin: Option<f64>,
}

pub struct Forest {
    pub title: String,
    /// Lines below the title.
    pub notes: Vec<String>,
    pub panels: Vec<Panel>,
    /// A name and its models.
    pub groups: Vec<(String, Vec<Row>)>,
}

/// Where a panel is: from left to right and down from the top.
struct Place {
    left: i32,
    right: i32,
    top: i32,
}

impl Forest {
    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|(_, rows)| rows)
    }

    /// Whether a panel has a dot in this group.
    fn has(rows: &[Row], panel: usize) -> bool {
        rows.iter().any(|row| row.dots[panel].is_some())
    }

    /// The groups that a panel shows: on narrow paper, those that have anything to show.
    fn groups_of(&self, panel: usize, stacked: bool) -> impl Iterator<Item = &(String, Vec<Row>)> {
        let shown = move |group: &&(String, Vec<Row>)| !stacked || Self::has(&group.1, panel);
        self.groups.iter().filter(shown)
    }

    fn height_of(&self, panel: usize, stacked: bool) -> i32 {
        let groups = self.groups_of(panel, stacked);
        let rows: i32 = groups
            .map(|(_, rows)| GROUP + ROW * rows.len() as i32)
            .sum();
        PANEL_NAME + rows + AXIS
    }

    /// On paper of this width, in tenths of a pixel. None if there is no dot.
    pub fn draw(&self, width: i32) -> Result<Option<Scene>> {
        let axes: Option<Vec<Axis>> = (0..self.panels.len())
            .map(|panel| self.axis(panel, width))
            .collect();
        let Some(axes) = axes.filter(|axes| !axes.is_empty()) else {
            return Ok(None);
        };
        let stacked = width < SIDE_BY_SIDE;
        let note = text(125, MUTED);
        let notes: Vec<String> = self
            .notes
            .iter()
            .flat_map(|line| wrap(line, &note, width - 2 * EDGE))
            .collect();
        let top = 480 + 170 * notes.len() as i32;
        let heights: Vec<i32> = (0..axes.len())
            .map(|panel| self.height_of(panel, stacked))
            .collect();
        let height = match stacked {
            true => heights.iter().sum(),
            false => heights.iter().copied().max().unwrap_or(0),
        };
        let names = self.names_width(width);
        let drawn = Scene::drawn(width as u32, (top + height) as u32, |sheet| {
            sheet.fill(&PAPER)?;
            let heading = bold(170, INK);
            sheet.draw_text(
                &fit(&self.title, &heading, width - 2 * EDGE),
                &heading,
                (EDGE, 280),
            )?;
            for (index, line) in notes.iter().enumerate() {
                sheet.draw_text(line, &note, (EDGE, 480 + 170 * index as i32))?;
            }
            let begin = EDGE + names;
            let share = (width - EDGE - begin) / axes.len() as i32;
            let mut below = top;
            for (panel, axis) in axes.into_iter().enumerate() {
                let place = match stacked {
                    true => Place {
                        left: begin,
                        right: width - EDGE,
                        top: below,
                    },
                    false => {
                        let left = begin + share * panel as i32;
                        Place {
                            left,
                            right: left + share,
                            top,
                        }
                    }
                };
                if stacked || panel == 0 {
                    self.draw_names(sheet, panel, stacked, place.top, names)?;
                }
                self.draw_panel(sheet, panel, stacked, axis, &place)?;
                below += heights[panel];
            }
            Ok(())
        });
        drawn.map(Some)
    }

    /// As far as the widest interval, zero included.
    fn axis(&self, panel: usize, width: i32) -> Option<Axis> {
        let dots = || self.rows().filter_map(|row| row.dots[panel].as_ref());
        dots().next()?;
        let ends = dots().flat_map(|dot| {
            let (low, high) = dot.interval.unwrap_or((dot.value, dot.value));
            [low, high, dot.value]
        });
        let range = range(ends.chain([0.0]), false)?;
        let count = if width < SIDE_BY_SIDE { 5 } else { 7 };
        Some(Axis::new(
            range.start.min(-1.0)..range.end.max(1.0),
            false,
            count,
        ))
    }

    fn names_width(&self, width: i32) -> i32 {
        let names = self
            .rows()
            .map(|row| text_size(&row.name, &text(125, INK)).0 + 120);
        let groups = self
            .groups
            .iter()
            .map(|(name, _)| text_size(name, &bold(125, INK)).0);
        names.chain(groups).max().unwrap_or(0).min(width / 3) + 120
    }

    fn draw_names(
        &self,
        sheet: &Area,
        panel: usize,
        stacked: bool,
        top: i32,
        width: i32,
    ) -> Result<()> {
        let (heading, name) = (bold(125, INK), text(125, INK));
        let mut y = top + PANEL_NAME;
        for (group, rows) in self.groups_of(panel, stacked) {
            sheet.draw_text(
                &fit(group, &heading, width - 60),
                &heading,
                (EDGE, y + GROUP - 70),
            )?;
            y += GROUP;
            for row in rows {
                let label = fit(&row.name, &name, width - 180);
                sheet.draw_text(&label, &name, (EDGE + 120, y + ROW / 2 + 45))?;
                y += ROW;
            }
        }
        Ok(())
    }

    fn draw_panel(
        &self,
        sheet: &Area,
        index: usize,
        stacked: bool,
        axis: Axis,
        place: &Place,
    ) -> Result<()> {
        let panel = &self.panels[index];
        let labels = self.rows().filter_map(|row| row.dots[index].as_ref());
        let label = text(115, INK).pos(Pos::new(HPos::Right, VPos::Center));
        let labels = labels
            .map(|dot| text_size(&dot.label, &label).0)
            .max()
            .unwrap_or(0);
        let (left, right) = (place.left + 60, place.right - labels - 140);
        let x = |value: f64| axis.map(&value, (left, right));
        let top = place.top + PANEL_NAME;
        let bottom = place.top + self.height_of(index, stacked) - AXIS;

        if let Some(margin) = panel.margin {
            let range = axis.range();
            let ends = [-margin, margin].map(|end| x(end.clamp(range.start, range.end)));
            let band = Rectangle::new([(ends[0], top), (ends[1], bottom)], GRID.filled());
            sheet.draw(&band)?;
        }
        let style = text(115, MUTED).pos(Pos::new(HPos::Center, VPos::Top));
        // Where the labels of neighbours would touch, only every second or third is labelled, zero always.
        let ticks = axis.key_points(0);
        let widths = ticks
            .iter()
            .map(|tick| text_size(&axis.format_ext(tick), &style).0);
        let room = widths.max().unwrap_or(0) + 40;
        let apart = ticks.windows(2).map(|pair| x(pair[1]) - x(pair[0])).min();
        let apart = apart.unwrap_or(room).max(1);
        let each = (room as usize).div_ceil(apart as usize).max(1);
        let zero_at = ticks
            .iter()
            .position(|tick| x(*tick) == x(0.0))
            .unwrap_or(0);
        for (number, tick) in ticks.into_iter().enumerate() {
            let line = [(x(tick), top), (x(tick), bottom)];
            sheet.draw(&PathElement::new(line, GRID.stroke_width(10)))?;
            if number.abs_diff(zero_at).is_multiple_of(each) {
                sheet.draw_text(&axis.format_ext(&tick), &style, (x(tick), bottom + 50))?;
            }
        }
        let zero = [(x(0.0), top), (x(0.0), bottom)];
        sheet.draw(&PathElement::new(zero, MUTED.stroke_width(14)))?;
        let place_of_words = Pos::new(HPos::Center, VPos::Bottom);
        let words = [
            (&panel.name, bold(125, INK), 150),
            (&panel.unit, text(115, MUTED), 310),
        ];
        for (words, style, below) in words {
            let style = style.pos(place_of_words);
            let words = fit(words, &style, place.right - place.left - 80);
            let middle = (place.left + place.right) / 2;
            sheet.draw_text(&words, &style, (middle, place.top + below))?;
        }

        let mut y = top;
        for (_, rows) in self.groups_of(index, stacked) {
            y += GROUP;
            for row in rows {
                let middle = y + ROW / 2;
                if let Some(dot) = &row.dots[index] {
                    draw_dot(sheet, dot, row.style, middle, x)?;
                    sheet.draw_text(&dot.label, &label, (place.right - 60, middle))?;
                }
                y += ROW;
            }
        }
        Ok(())
    }
}

fn draw_dot(sheet: &Area, dot: &Dot, style: usize, y: i32, x: impl Fn(f64) -> i32) -> Result<()> {
    let colour = series(style);
    let mut shapes = Vec::new();
    if let Some((low, high)) = dot.interval {
        let line = [(x(low), y), (x(high), y)];
        shapes.push(PathElement::new(line, colour.stroke_width(22)).into_dyn());
        for end in [low, high] {
            let cap = [(x(end), y - 36), (x(end), y + 36)];
            shapes.push(PathElement::new(cap, colour.stroke_width(14)).into_dyn());
        }
    }
    shapes.push(marker((x(dot.value), y), style, RADIUS));
    if !dot.told {
        let hole = Circle::new((x(dot.value), y), RADIUS * 2 / 5, PAPER.filled());
        shapes.push(hole.into_dyn());
    }
    for element in shapes {
        let tip = dot.tip.clone();
        sheet.draw(&Tipped { element, tip })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forest(intervals: &[(f64, f64)]) -> Forest {
        let row = |&(low, high): &(f64, f64)| Row {
            name: "a-variant-with-a-rather-long-name".into(),
            style: 1,
            dots: vec![
                Some(Dot {
                    value: f64::midpoint(low, high),
                    interval: Some((low, high)),
                    told: low > 0.0,
                    label: "+1.0".into(),
                    tip: String::new(),
                }),
                None,
            ],
        };
        let panel = |margin| Panel {
            name: "mAP50-95".into(),
            unit: "points".into(),
            margin,
        };
        Forest {
            title: "Change".into(),
            notes: vec!["Words that are far too many for one line of a narrow sheet of paper, or of a phone".into()],
            panels: vec![panel(Some(1000.0)), panel(None)],
            groups: vec![("yolov5n".into(), intervals.iter().map(row).collect())],
        }
    }

    /// All numbers of `points` and `x`.
    fn places(svg: &str) -> Vec<i32> {
        let lines = svg
            .split("points=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap());
        let points = lines.flat_map(|line| line.split(' '));
        points
            .map(|point| point.split(',').next().unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn whatever_is_drawn_lies_on_the_paper() {
        let mut one = forest(&[(-0.1, 0.2), (-500.0, 3000.0), (0.5, 0.7)]);
        // A panel without a dot makes no plot.
        assert!(one.draw(7600).unwrap().is_none());
        one.panels.pop();
        let heights = [7600, 3760].map(|width| {
            let svg = one.draw(width).unwrap().unwrap().svg("");
            let places = places(&svg);
            assert!(
                places.len() > 20 && places.iter().all(|x| (0..=width).contains(x)),
                "{places:?}"
            );
            let size = svg
                .split("viewBox=\"0 0 ")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            size.split(' ').nth(1).unwrap().parse::<i32>().unwrap()
        });
        assert!(heights[1] > heights[0], "notes take more lines");
    }
}
