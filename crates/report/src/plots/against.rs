//! Plots of one figure against another: accuracy and latency against what a model costs.

use std::collections::BTreeSet;

use super::scatter::{Dot, Scatter, Series};
use super::{Kind, Plots, gather};
use crate::number;
use crate::summary::{Line, Setting, Table};
use ablate_records::ImageSizes;

type Pick = fn(&Line) -> Option<f64>;

fn params(line: &Line) -> Option<f64> {
    line.cost().map(|cost| cost.params as f64 / 1e6)
}

fn gflops(line: &Line) -> Option<f64> {
    line.cost().map(|cost| cost.gflops)
}

fn latency(line: &Line) -> Option<f64> {
    line.latency().map(|latency| latency.median_ms)
}

fn map(line: &Line) -> Option<f64> {
    line.coco("AP").map(|spread| 100.0 * spread.mean)
}

/// The quantity, its unit, and for GFLOPs the image that they are of.
fn x_name(what: &str, unit: &str, lines: &[&Line]) -> String {
    match (what, lines.first()) {
        ("GFLOPs", Some(line)) => format!("GFLOPs at {} px (logarithmic)", line.cell().imgsz.cost),
        _ => format!("{what} ({unit}, logarithmic)"),
    }
}

impl Plots<'_> {
    pub fn accuracy(&mut self, tables: &[Table]) {
        let spread = |line: &Line| {
            line.coco("AP")
                .filter(|s| s.n > 1)
                .map(|s| (100.0 * s.min, 100.0 * s.max))
        };
        let mut draw =
            |what: &str, file: &str, unit: &str, x: Pick, lines: &[&Line], setting: &str| {
                let series = self.series(lines, x, map, spread, [unit, "mAP50-95"]);
                let seeds = lines
                    .iter()
                    .filter_map(|line| line.coco("AP"))
                    .map(|s| s.n)
                    .max()
                    .unwrap_or(1);
                let whiskers = if seeds > 1 {
                    " · whiskers: least and greatest of the seeds"
                } else {
                    ""
                };
                let title = format!("mAP50-95 against {what}");
                let subtitle = format!("{setting} · up and to the left is better{whiskers}");
                let alt = format!("{title}, {setting}");
                let scatter = Scatter {
                    title,
                    subtitle,
                    x_name: x_name(what, unit, lines),
                    y_name: "mAP50-95 (%)".into(),
                    y_log: false,
                    y_bounds: Some((0.0, 100.0)),
                    series,
                };
                self.add(Kind::Accuracy, file, &alt, scatter.draw());
            };
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz.train, s.nc),
            |line| map(line).is_some(),
        );
        for ((dataset, device, imgsz, _), lines) in &trained {
            let dataset = dataset.unwrap_or_default();
            let setting = format!("{dataset} · trained on {device} at {imgsz} px");
            let file = |x: &str| format!("map-vs-{x}-{dataset}-{device}-{imgsz}px");
            draw("GFLOPs", &file("gflops"), "GFLOPs", gflops, lines, &setting);
            draw(
                "parameters",
                &file("params"),
                "million",
                params,
                lines,
                &setting,
            );
        }
        let timed = gather(
            tables,
            |s| *s,
            |line| map(line).is_some() && latency(line).is_some(),
        );
        for (
            Setting {
                dataset,
                device,
                imgsz,
                timing,
                ..
            },
            lines,
        ) in &timed
        {
            let dataset = dataset.unwrap_or_default();
            let ImageSizes {
                latency: timed,
                train: trained,
                ..
            } = imgsz;
            let setting = format!(
                "{dataset} · trained at {trained} px · timed on {device} at {timed} px, {timing}"
            );
            let file = format!(
                "map-vs-latency-{dataset}-{device}-{timed}px-{}",
                timing.word()
            );
            draw("latency", &file, "ms", latency, lines, &setting);
        }
    }

    pub fn latency(&mut self, tables: &[Table]) {
        let spread = |line: &Line| line.latency().map(|l| (l.min_ms, l.p90_ms));
        let timed = gather(
            tables,
            |s| (s.device, s.imgsz.latency, s.nc, s.timing),
            |line| latency(line).is_some(),
        );
        for ((device, imgsz, _, timing), lines) in &timed {
            let setting = format!("{device} · {imgsz} px · {timing}");
            let axes: [(&str, &str, &str, Pick); 2] = [
                ("GFLOPs", "gflops", "GFLOPs", gflops),
                ("parameters", "params", "million", params),
            ];
            for (what, file, unit, x) in axes {
                let title = format!("Latency against {what}");
                let alt = format!("{title}, {setting}");
                let scatter = Scatter {
                    title,
                    subtitle: format!(
                        "{setting} · median, whiskers from the fastest to the 90th percentile · lower is better"
                    ),
                    x_name: x_name(what, unit, lines),
                    y_name: "latency (ms a batch, logarithmic)".into(),
                    y_log: true,
                    y_bounds: None,
                    series: self.series(lines, x, latency, spread, [unit, "ms"]),
                };
                self.add(
                    Kind::Latency,
                    &format!("latency-vs-{file}-{device}-{imgsz}px-{}", timing.word()),
                    &alt,
                    scatter.draw(),
                );
            }
        }
    }

    /// A series for each variant, with a dot for each model that has both figures.
    fn series(
        &self,
        lines: &[&Line],
        x: Pick,
        y: Pick,
        whisker: fn(&Line) -> Option<(f64, f64)>,
        unit: [&str; 2],
    ) -> Vec<Series> {
        let scales: BTreeSet<&str> = lines
            .iter()
            .map(|line| line.cell().scale.as_str())
            .collect();
        let mut series: Vec<Series> = Vec::new();
        for line in lines {
            let (Some(px), Some(py)) = (x(line), y(line)) else {
                continue;
            };
            let key = self.styles.key(line);
            // Where all models are of one scale, its letter says nothing, and the variant's name all.
            let label = if scales.len() > 1 {
                line.cell().scale.clone()
            } else {
                key.name.clone()
            };
            let tip = format!(
                "{}: {} {}, {} {}",
                line.cell().model,
                number::short(px),
                unit[0],
                number::short(py),
                unit[1]
            );
            let dot = Dot {
                x: px,
                y: py,
                whisker: whisker(line),
                label,
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
