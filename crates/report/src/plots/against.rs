//! Plots of one figure against another: accuracy and latency against what a model costs.

use std::collections::BTreeSet;

use anyhow::Result;

use super::many::drawn_when;
use super::scatter::{Dot, Scatter, Series};
use super::style::REST;
use super::{Kind, Plots, gather};
use crate::many::is_baseline;
use crate::number;
use crate::pareto::{Cost, Front, accuracy};
use crate::summary::{Line, Table};

type Pick = fn(&Line) -> Option<f64>;

/// A figure that models are drawn against.
#[derive(Clone, Copy)]
struct Against {
    name: &'static str,
    /// In the name of the file.
    word: &'static str,
    unit: &'static str,
    pick: Pick,
    cost: Cost,
}

const GFLOPS: Against = Against {
    name: "GFLOPs",
    word: "gflops",
    unit: "GFLOPs",
    pick: |line| Cost::Gflops.of(line),
    cost: Cost::Gflops,
};
const PARAMS: Against = Against {
    name: "parameters",
    word: "params",
    unit: "million",
    pick: |line| Cost::Params.of(line),
    cost: Cost::Params,
};
const LATENCY: Against = Against {
    name: "latency",
    word: "latency",
    unit: "ms",
    pick: latency,
    cost: Cost::Latency,
};

fn latency(line: &Line) -> Option<f64> {
    Cost::Latency.of(line)
}

impl Against {
    /// The quantity, its unit, and for GFLOPs the image that they are of.
    fn axis(&self, lines: &[&Line]) -> String {
        match (self.name, lines.first()) {
            ("GFLOPs", Some(line)) => {
                format!("GFLOPs at {} px (logarithmic)", line.cell().imgsz.cost)
            }
            (name, _) => format!("{name} ({}, logarithmic)", self.unit),
        }
    }
}

impl Plots<'_> {
    pub fn accuracy(&mut self, tables: &[Table]) -> Result<()> {
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz.train, s.nc),
            |line| accuracy(line).is_some(),
        );
        for ((dataset, device, imgsz, _), lines) in &trained {
            let dataset = dataset.unwrap_or_default();
            let setting = format!("{dataset} · trained on {device} at {imgsz} px");
            for x in [GFLOPS, PARAMS] {
                let file = format!("map-vs-{}-{dataset}-{device}-{}px", x.word, imgsz.word());
                self.accuracy_against(x, &file, &setting, lines)?;
            }
        }
        let timed = gather(
            tables,
            |s| *s,
            |line| accuracy(line).is_some() && latency(line).is_some(),
        );
        for (s, lines) in &timed {
            let (dataset, device, timing) = (s.dataset.unwrap_or_default(), s.device, s.timing);
            let (trained, at) = (s.imgsz.train, s.imgsz.latency);
            let setting = format!(
                "{dataset} · trained at {trained} px · timed on {device} at {at} px, {timing}"
            );
            let file = format!(
                "map-vs-latency-{dataset}-{device}-{}px-{}",
                at.word(),
                timing.word()
            );
            self.accuracy_against(LATENCY, &file, &setting, lines)?;
        }
        Ok(())
    }

    fn accuracy_against(
        &mut self,
        x: Against,
        file: &str,
        setting: &str,
        lines: &[&Line],
    ) -> Result<()> {
        let spread = |line: &Line| {
            let several = line.coco("AP").filter(|spread| spread.n > 1)?;
            Some((100.0 * several.min, 100.0 * several.max))
        };
        let seeds = lines.iter().any(|line| spread(line).is_some());
        let whiskers = if seeds {
            " · whiskers: range over seeds"
        } else {
            ""
        };
        let title = format!("mAP50-95 against {}", x.name);
        let alt = format!("{title}, {setting}");
        let front = Front::against(x.cost, lines);
        let scatter = Scatter {
            title,
            subtitle: format!("{setting} · up and to the left is better{whiskers}"),
            x_name: x.axis(lines),
            y_name: "mAP50-95 (%)".into(),
            y_log: false,
            x_log: true,
            series: self.series(lines, x, (accuracy, "mAP50-95"), spread, front.as_ref()),
            front: points(lines, x, front.as_ref()),
        };
        self.add(Kind::Accuracy, file, alt, |paper| scatter.draw(paper))
    }

    pub fn latency(&mut self, tables: &[Table]) -> Result<()> {
        let spread = |line: &Line| {
            line.latency()
                .filter(|l| l.min_ms > 0.0)
                .map(|l| (l.min_ms, l.p90_ms))
        };
        let timed = gather(
            tables,
            |s| (s.device, s.imgsz.latency, s.nc, s.timing),
            |line| latency(line).is_some(),
        );
        for ((device, imgsz, _, timing), lines) in &timed {
            let setting = format!("{device} · {imgsz} px · {timing}");
            // There is no front of latency and cost, but one of latency and accuracy to look for.
            let front = Front::against(Cost::Latency, lines).filter(|_| self.styles.many);
            for x in [GFLOPS, PARAMS] {
                let title = format!("Latency against {}", x.name);
                let alt = format!("{title}, {setting}");
                let scatter = Scatter {
                    title,
                    subtitle: format!(
                        "{setting} · median, whiskers from the fastest to the 90th percentile · lower is better"
                    ),
                    x_name: x.axis(lines),
                    y_name: "latency (ms a batch, logarithmic)".into(),
                    y_log: true,
                    x_log: true,
                    series: self.series(lines, x, (latency, "ms"), spread, front.as_ref()),
                    front: Vec::new(),
                };
                let file = format!(
                    "latency-vs-{}-{device}-{}px-{}",
                    x.word,
                    imgsz.word(),
                    timing.word()
                );
                self.add(Kind::Latency, &file, alt, |paper| scatter.draw(paper))?;
            }
        }
        Ok(())
    }

    /// A series for each variant, with a dot for each model that has both figures.
    fn series(
        &self,
        lines: &[&Line],
        x: Against,
        (y, y_unit): (Pick, &str),
        whisker: fn(&Line) -> Option<(f64, f64)>,
        front: Option<&Front>,
    ) -> Vec<Series> {
        let scales: BTreeSet<&str> = lines
            .iter()
            .map(|line| line.cell().scale.as_str())
            .collect();
        let mut series: Vec<Series> = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let (Some(px), Some(py)) = ((x.pick)(line), y(line)) else {
                continue;
            };
            let on_front = front.is_some_and(|front| front.has(index));
            let (key, cell) = (self.key_among_many(line, on_front), line.cell());
            // Where all models are of one scale, its letter says nothing, and the variant's name
            // all. Where there are many, a model on the front stands alone.
            let label = match (self.styles.many && !is_baseline(line), scales.len() > 1) {
                (true, several) => self.short_name(line, several),
                (false, true) => cell.scale.clone(),
                (false, false) => key.name.clone(),
            };
            let figures = [number::short(px), number::short(py)];
            let tip = format!(
                "{}: {} {}, {} {y_unit}{}",
                cell.model,
                figures[0],
                x.unit,
                figures[1],
                if on_front {
                    ", on the Pareto front"
                } else {
                    ""
                }
            );
            let dot = Dot {
                x: px,
                y: py,
                whisker: whisker(line).filter(|_| key.style != REST),
                label,
                tip,
            };
            Series::add(&mut series, key, dot);
        }
        self.count_the_rest(&mut series);
        series.sort_by_key(|series| drawn_when(series.key.style));
        series
    }
}

/// The points of a front, from left to right.
fn points(lines: &[&Line], x: Against, front: Option<&Front>) -> Vec<(f64, f64)> {
    let on_front = lines
        .iter()
        .enumerate()
        .filter(|(index, _)| front.is_some_and(|front| front.has(*index)));
    let mut points: Vec<(f64, f64)> = on_front
        .filter_map(|(_, line)| Some(((x.pick)(line)?, accuracy(line)?)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}
