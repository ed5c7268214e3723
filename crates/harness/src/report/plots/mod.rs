//! Which plots a set of records gives: only those for which there is something to show.

mod axis;
mod bars;
mod curves;
mod frame;
mod scatter;
pub mod scene;
pub mod style;

use std::collections::{BTreeMap, BTreeSet};

use self::bars::{Bar, Bars};
use self::curves::{Curve, Curves, Panel};
use self::frame::Key;
use self::scatter::{Dot, Scatter, Series};
use self::scene::Scene;
use super::number;
use super::rows::{BASELINE, Changes, Row, scale_order, variant_order};
use super::summary::{Line, Setting, Table};
use crate::record::TrainMeasurement;

/// The part of the report that a plot belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// mAP against what it costs.
    Accuracy,
    /// Latency against what it should cost.
    Latency,
    /// Change against the baseline.
    Change,
    Training,
}

pub struct Figure {
    pub kind: Kind,
    /// File name of the PNG, without its ending.
    pub name: String,
    /// What it shows, in words.
    pub alt: String,
    pub scene: Scene,
}

/// All plots, in the order in which the report shows them.
pub fn figures(tables: &[Table]) -> Vec<Figure> {
    let mut plots = Plots {
        styles: Styles::of(tables),
        names: BTreeSet::new(),
        figures: Vec::new(),
    };
    plots.accuracy(tables);
    plots.latency(tables);
    plots.changes(tables);
    plots.training(tables);
    plots.figures.sort_by_key(|figure| figure.kind);
    plots.figures
}

/// A colour and a marker for every variant, the same in all plots.
struct Styles<'a> {
    series: Vec<(&'a str, &'a str)>,
    one_family: bool,
}

impl<'a> Styles<'a> {
    fn of(tables: &[Table<'a>]) -> Self {
        let cells = || tables.iter().flat_map(|table| &table.lines).map(Line::cell);
        let families: BTreeSet<&str> = cells().map(|cell| cell.family.as_str()).collect();
        let all: BTreeSet<_> = cells()
            .map(|cell| {
                (
                    variant_order(&cell.variant).0,
                    cell.family.as_str(),
                    cell.variant.as_str(),
                )
            })
            .collect();
        let series = all
            .into_iter()
            .map(|(_, family, variant)| (family, variant))
            .collect();
        Self {
            series,
            one_family: families.len() == 1,
        }
    }

    fn key(&self, line: &Line) -> Key {
        let cell = line.cell();
        let place = self
            .series
            .iter()
            .position(|&(f, v)| f == cell.family && v == cell.variant)
            .unwrap_or(0);
        // The first colour is the baseline's; without a baseline nobody gets it.
        let style = place
            + usize::from(
                self.series
                    .first()
                    .is_some_and(|(_, variant)| *variant != BASELINE),
            );
        let name = if self.one_family {
            cell.variant.clone()
        } else {
            format!("{} {}", cell.family, cell.variant)
        };
        Key { name, style }
    }
}

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

/// The lines of all tables that agree in `key`, each model once, if they have the figure.
fn gather<'t, 'a, K: Ord>(
    tables: &'t [Table<'a>],
    key: impl Fn(&Setting<'a>) -> K,
    has: impl Fn(&Line) -> bool,
) -> BTreeMap<K, Vec<&'t Line<'a>>> {
    let mut groups: BTreeMap<K, BTreeMap<_, &Line>> = BTreeMap::new();
    for table in tables {
        for line in table.lines.iter().filter(|line| has(line)) {
            let cell = line.cell();
            let model = (
                &cell.family,
                scale_order(&cell.scale),
                variant_order(&cell.variant),
            );
            groups
                .entry(key(&table.setting))
                .or_default()
                .entry(model)
                .or_insert(line);
        }
    }
    groups
        .into_iter()
        .map(|(key, lines)| (key, lines.into_values().collect()))
        .collect()
}

struct Plots<'a> {
    styles: Styles<'a>,
    names: BTreeSet<String>,
    figures: Vec<Figure>,
}

impl Plots<'_> {
    fn add(&mut self, kind: Kind, name: &str, alt: &str, scene: Option<Scene>) {
        let Some(scene) = scene else { return };
        let plain = name.chars().map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        });
        let stem: String = plain.take(120).collect();
        let names = (1..).map(|n| {
            if n == 1 {
                stem.clone()
            } else {
                format!("{stem}-{n}")
            }
        });
        for name in names {
            if self.names.insert(name.clone()) {
                self.figures.push(Figure {
                    kind,
                    name,
                    alt: alt.to_string(),
                    scene,
                });
                return;
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

    fn accuracy(&mut self, tables: &[Table]) {
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
                    x_name: format!("{what} ({unit}, logarithmic)")
                        .replace("GFLOPs (GFLOPs, ", "GFLOPs ("),
                    y_name: "mAP50-95 (%)".into(),
                    y_log: false,
                    y_bounds: Some((0.0, 100.0)),
                    series,
                };
                self.add(Kind::Accuracy, file, &alt, scatter.draw());
            };
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz, s.nc),
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
                batch,
                ..
            },
            lines,
        ) in &timed
        {
            let dataset = dataset.unwrap_or_default();
            let setting = format!("{dataset} · {device} · {imgsz} px · batch {batch}");
            let file = format!("map-vs-latency-{dataset}-{device}-{imgsz}px-batch{batch}");
            draw("latency", &file, "ms", latency, lines, &setting);
        }
    }

    fn latency(&mut self, tables: &[Table]) {
        let spread = |line: &Line| line.latency().map(|l| (l.min_ms, l.p90_ms));
        let timed = gather(
            tables,
            |s| (s.device, s.imgsz, s.nc, s.batch),
            |line| latency(line).is_some(),
        );
        for ((device, imgsz, _, batch), lines) in &timed {
            let setting = format!("{device} · {imgsz} px · batch {batch}");
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
                    x_name: format!("{what} ({unit}, logarithmic)")
                        .replace("GFLOPs (GFLOPs, ", "GFLOPs ("),
                    y_name: "latency (ms a batch, logarithmic)".into(),
                    y_log: true,
                    y_bounds: None,
                    series: self.series(lines, x, latency, spread, [unit, "ms"]),
                };
                self.add(
                    Kind::Latency,
                    &format!("latency-vs-{file}-{device}-{imgsz}px-batch{batch}"),
                    &alt,
                    scatter.draw(),
                );
            }
        }
    }

    fn changes(&mut self, tables: &[Table]) {
        let mut draw = |what: &str,
                        setting: &str,
                        file: String,
                        better: &str,
                        lines: &[&Line],
                        pick: fn(&Changes) -> Option<f64>| {
            let points = better == "higher";
            let title = format!("Change in {what} against the baseline");
            let alt = format!("{title}, {setting}");
            let bars = self.bars(lines, pick, points);
            let bars = Bars {
                title,
                subtitle: format!("{setting} · {better} is better"),
                y_name: if points { "points" } else { "percent" }.into(),
                ..bars
            };
            self.add(Kind::Change, &file, &alt, bars.draw());
        };
        let costed = gather(
            tables,
            |s| (s.imgsz, s.nc),
            |line| line.changes.params.is_some(),
        );
        for ((imgsz, nc), lines) in &costed {
            let setting = format!("{imgsz} px · {nc} classes");
            draw(
                "parameters",
                &setting,
                format!("change-params-{nc}classes"),
                "lower",
                lines,
                |c| c.params,
            );
            draw(
                "GFLOPs",
                &setting,
                format!("change-gflops-{imgsz}px-{nc}classes"),
                "lower",
                lines,
                |c| c.gflops,
            );
        }
        let timed = gather(
            tables,
            |s| (s.device, s.imgsz, s.nc, s.batch),
            |line| line.changes.latency.is_some(),
        );
        for ((device, imgsz, _, batch), lines) in &timed {
            let setting = format!("{device} · {imgsz} px · batch {batch} · median");
            draw(
                "latency",
                &setting,
                format!("change-latency-{device}-{imgsz}px-batch{batch}"),
                "lower",
                lines,
                |c| c.latency,
            );
        }
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz, s.nc),
            |line| line.changes.map50_95.is_some(),
        );
        for ((dataset, device, imgsz, _), lines) in &trained {
            let dataset = dataset.unwrap_or_default();
            let setting = format!("{dataset} · trained on {device} at {imgsz} px");
            draw(
                "mAP50-95",
                &setting,
                format!("change-map-{dataset}-{device}-{imgsz}px"),
                "higher",
                lines,
                |c| c.map50_95,
            );
        }
    }

    fn bars(&self, lines: &[&Line], pick: fn(&Changes) -> Option<f64>, points: bool) -> Bars {
        let mut keys: Vec<Key> = Vec::new();
        let mut groups: Vec<(String, Vec<Bar>)> = Vec::new();
        for line in lines {
            let Some(value) = pick(&line.changes) else {
                continue;
            };
            let (key, cell) = (self.styles.key(line), line.cell());
            let group = format!("{}{}", cell.family, cell.scale);
            let label = number::signed(value, usize::from(value.abs() < 9.95));
            let change = if points {
                number::points(value) + " points"
            } else {
                number::percent(value)
            };
            let bar = Bar {
                style: key.style,
                value,
                label,
                tip: format!("{}: {change}", cell.model),
            };
            match groups.last_mut().filter(|(name, _)| *name == group) {
                Some((_, bars)) => bars.push(bar),
                None => groups.push((group, vec![bar])),
            }
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys.sort_by_key(|key| key.style);
        Bars {
            title: String::new(),
            subtitle: String::new(),
            y_name: String::new(),
            keys,
            groups,
        }
    }

    fn training(&mut self, tables: &[Table]) {
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz, s.nc),
            |line| line.rows.iter().any(|r| r.train().is_some()),
        );
        for ((dataset, device, imgsz, _), lines) in &trained {
            let dataset = dataset.unwrap_or_default();
            let models: BTreeSet<_> = lines
                .iter()
                .map(|line| (&line.cell().family, scale_order(&line.cell().scale)))
                .collect();
            for (family, scale) in models {
                let of_scale =
                    |line: &&&Line| line.cell().family == *family && line.cell().scale == scale.1;
                let lines: Vec<&Line> = lines.iter().filter(of_scale).copied().collect();
                let model = format!("{family}{}", scale.1);
                let title = format!("Training of {model}");
                let setting = format!("{dataset} · {device} · {imgsz} px");
                let curves = Curves {
                    title: title.clone(),
                    subtitle: format!(
                        "{setting} · mAP on the validation split, of the moving average of the weights"
                    ),
                    keys: lines.iter().map(|line| self.styles.key(line)).collect(),
                    panels: self.panels(&lines),
                };
                let alt = format!("{title}, {setting}: mAP and losses by epoch");
                self.add(
                    Kind::Training,
                    &format!("training-{model}-{dataset}-{device}-{imgsz}px"),
                    &alt,
                    curves.draw(),
                );
            }
        }
    }

    /// mAP50-95, mAP50, then a panel for each loss.
    fn panels(&self, lines: &[&Line]) -> Vec<Panel> {
        let runs = || {
            lines.iter().flat_map(|line| {
                line.rows
                    .iter()
                    .filter_map(Row::train)
                    .map(move |train| (line, train))
            })
        };
        let losses: BTreeSet<&String> = runs()
            .flat_map(|(_, train)| train.epochs.iter().flat_map(|epoch| epoch.losses.keys()))
            .collect();
        type Figure<'f> = Box<dyn Fn(&TrainMeasurement) -> Vec<(f64, f64)> + 'f>;
        let mut panels: Vec<(String, Figure)> = vec![
            (
                "mAP50-95 (%)".into(),
                Box::new(|train| curve(train, |epoch| epoch.map50_95.map(|map| 100.0 * map))),
            ),
            (
                "mAP50 (%)".into(),
                Box::new(|train| curve(train, |epoch| epoch.map50.map(|map| 100.0 * map))),
            ),
        ];
        for loss in losses {
            panels.push((
                format!("{loss} loss"),
                Box::new(move |train| curve(train, |epoch| epoch.losses.get(loss).copied())),
            ));
        }
        let panel = |(name, figure): (String, Figure)| {
            let curves = runs().map(|(line, train)| Curve {
                style: self.styles.key(line).style,
                points: figure(train),
            });
            Panel {
                name,
                curves: curves.collect(),
            }
        };
        panels.into_iter().map(panel).collect()
    }
}

fn curve(
    train: &TrainMeasurement,
    pick: impl Fn(&crate::record::EpochLog) -> Option<f64>,
) -> Vec<(f64, f64)> {
    train
        .epochs
        .iter()
        .filter_map(|epoch| Some((epoch.epoch as f64 + 1.0, pick(epoch)?)))
        .collect()
}
