//! Plots of one figure against another: accuracy and latency against what a model costs.

use std::collections::BTreeSet;

use anyhow::Result;

use super::scatter::{Dot, Scatter, Series};
use super::{Kind, Plots, gather};
use crate::number;
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
}

const GFLOPS: Against = Against {
    name: "GFLOPs",
    word: "gflops",
    unit: "GFLOPs",
    pick: |line| line.cost().map(|cost| cost.gflops),
};
const PARAMS: Against = Against {
    name: "parameters",
    word: "params",
    unit: "million",
    pick: |line| line.cost().map(|cost| cost.params as f64 / 1e6),
};
const LATENCY: Against = Against {
    name: "latency",
    word: "latency",
    unit: "ms",
    pick: latency,
};

fn latency(line: &Line) -> Option<f64> {
    line.latency()
        .map(|latency| latency.median_ms)
        .filter(|ms| *ms > 0.0)
}

fn map(line: &Line) -> Option<f64> {
    line.coco("AP").map(|spread| 100.0 * spread.mean)
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
            |line| map(line).is_some(),
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
            |line| map(line).is_some() && latency(line).is_some(),
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
        let scatter = Scatter {
            title,
            subtitle: format!("{setting} · up and to the left is better{whiskers}"),
            x_name: x.axis(lines),
            y_name: "mAP50-95 (%)".into(),
            y_log: false,
            series: self.series(lines, x, (map, "mAP50-95"), spread),
        };
        self.add(Kind::Accuracy, file, alt, scatter.draw()?);
        Ok(())
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
                    series: self.series(lines, x, (latency, "ms"), spread),
                };
                let file = format!(
                    "latency-vs-{}-{device}-{}px-{}",
                    x.word,
                    imgsz.word(),
                    timing.word()
                );
                self.add(Kind::Latency, &file, alt, scatter.draw()?);
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
    ) -> Vec<Series> {
        let scales: BTreeSet<&str> = lines
            .iter()
            .map(|line| line.cell().scale.as_str())
            .collect();
        let mut series: Vec<Series> = Vec::new();
        for line in lines {
            let (Some(px), Some(py)) = ((x.pick)(line).filter(|x| *x > 0.0), y(line)) else {
                continue;
            };
            let (key, cell) = (self.styles.key(line), line.cell());
            // Where all models are of one scale, its letter says nothing, and the variant's name
            // all.
            let label = if scales.len() > 1 {
                &cell.scale
            } else {
                &key.name
            };
            let figures = [number::short(px), number::short(py)];
            let tip = format!(
                "{}: {} {}, {} {y_unit}",
                cell.model, figures[0], x.unit, figures[1]
            );
            let dot = Dot {
                x: px,
                y: py,
                whisker: whisker(line),
                label: label.clone(),
                tip,
            };
            match series.iter_mut().find(|series| series.key == key) {
                Some(series) => series.dots.push(dot),
                None => series.push(Series {
                    key,
                    dots: vec![dot],
                }),
            }
        }
        series.sort_by_key(|series| series.key.style);
        series
    }
}
