//! Plots of the change against the baseline.

use super::bars::{Bar, Bars};
use super::frame::Key;
use super::{Kind, Plots, gather};
use crate::number;
use crate::summary::{Changes, Line, Table};

impl Plots<'_> {
    pub fn changes(&mut self, tables: &[Table]) {
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
            let sure = if bars
                .groups
                .iter()
                .flat_map(|(_, bars)| bars)
                .any(|bar| bar.interval.is_some())
            {
                " · with 95 % intervals"
            } else {
                ""
            };
            let bars = Bars {
                title,
                subtitle: format!("{setting} · {better} is better{sure}"),
                y_name: if points { "points" } else { "percent" }.into(),
                ..bars
            };
            self.add(Kind::Change, &file, &alt, bars.draw());
        };
        let costed = gather(
            tables,
            |s| (s.imgsz.cost, s.nc),
            |line| line.changes.params.is_some(),
        );
        for ((imgsz, nc), lines) in &costed {
            let setting = format!("{imgsz} px · {nc} classes");
            draw(
                "parameters",
                &format!("{nc} classes"),
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
            |s| (s.device, s.imgsz.latency, s.nc, s.timing),
            |line| line.changes.latency.is_some(),
        );
        for ((device, imgsz, _, timing), lines) in &timed {
            let setting = format!("{device} · {imgsz} px · {timing} · median");
            draw(
                "latency",
                &setting,
                format!("change-latency-{device}-{imgsz}px-{}", timing.word()),
                "lower",
                lines,
                |c| c.latency,
            );
        }
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz.train, s.nc),
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
            // Only mAP has one, and only mAP changes by points.
            let interval = line.changes.map_interval.filter(|_| points);
            let sure = interval.map_or_else(String::new, |interval| {
                format!(", 95 % interval {interval}")
            });
            let bar = Bar {
                style: key.style,
                value,
                interval: interval.map(|interval| (interval.low, interval.high)),
                label,
                tip: format!("{}: {change}{sure}", cell.model),
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
}
