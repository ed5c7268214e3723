//! Plots of the change against the baseline.

use anyhow::Result;

use super::bars::{Bar, Bars, Group};
use super::sheet::Key;
use super::{Kind, Plots, gather};
use crate::columns::ChangeUnit;
use crate::interval::Interval;
use crate::number;
use crate::summary::{Changes, Line, Table};

type Pick = fn(&Changes) -> Option<f64>;
type Sure = fn(&Changes) -> Option<Interval>;

impl Plots<'_> {
    pub fn changes(&mut self, tables: &[Table]) -> Result<()> {
        if self.styles.many {
            return self.changes_of_many(tables);
        }
        let costed = gather(
            tables,
            |s| (s.imgsz.cost, s.nc),
            |line| line.changes.params.is_some(),
        );
        for ((imgsz, nc), lines) in &costed {
            let classes = format!("{nc} classes");
            let file = format!("change-params-{nc}classes");
            self.change("parameters", &classes, &file, lines, |c| c.params, |_| None)?;
            let setting = format!("{imgsz} px · {classes}");
            let file = format!("change-gflops-{}px-{nc}classes", imgsz.word());
            self.change("GFLOPs", &setting, &file, lines, |c| c.gflops, |_| None)?;
        }
        let timed = gather(
            tables,
            |s| (s.device, s.imgsz.latency, s.nc, s.timing),
            |line| line.changes.latency.is_some(),
        );
        for ((device, imgsz, _, timing), lines) in &timed {
            let setting = format!("{device} · {imgsz} px · {timing} · median");
            let file = format!(
                "change-latency-{device}-{}px-{}",
                imgsz.word(),
                timing.word()
            );
            self.change(
                "latency",
                &setting,
                &file,
                lines,
                |c| c.latency,
                |c| c.latency_interval,
            )?;
        }
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz.train, s.nc),
            |line| line.changes.map50_95.is_some(),
        );
        for ((dataset, device, imgsz, _), lines) in &trained {
            let dataset = dataset.unwrap_or_default();
            let setting = format!("{dataset} · trained on {device} at {imgsz} px");
            let file = format!("change-map-{dataset}-{device}-{}px", imgsz.word());
            self.change(
                "mAP50-95",
                &setting,
                &file,
                lines,
                |c| c.map50_95,
                |c| c.map_interval,
            )?;
        }
        Ok(())
    }

    fn change(
        &mut self,
        what: &str,
        setting: &str,
        file: &str,
        lines: &[&Line],
        pick: Pick,
        interval: Sure,
    ) -> Result<()> {
        // Only mAP changes by points, and only of mAP more is better.
        let points = what == "mAP50-95";
        let (better, unit) = if points {
            ("higher", "points")
        } else {
            ("lower", "percent")
        };
        let (keys, groups) = self.bars(lines, pick, interval, points);
        let mut bars = groups.iter().flat_map(|(_, bars)| bars);
        let sure = bars.any(|bar| bar.interval.is_some());
        let sure = if sure { " · with 95 % intervals" } else { "" };
        let title = format!("Change in {what} against the baseline");
        let alt = format!("{title}, {setting}");
        let subtitle = format!("{setting} · {better} is better{sure}");
        let bars = Bars {
            title,
            subtitle,
            y_name: unit.into(),
            keys,
            groups,
        };
        self.add(Kind::Change, file, alt, |paper| bars.draw(paper))
    }

    /// Series and groups of bars of the lines that have the change.
    fn bars(
        &self,
        lines: &[&Line],
        pick: Pick,
        sure: Sure,
        points: bool,
    ) -> (Vec<Key>, Vec<Group>) {
        let mut keys: Vec<Key> = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        for line in lines {
            let Some(value) = pick(&line.changes) else {
                continue;
            };
            let (key, cell) = (self.styles.key(line), line.cell());
            let group = cell.without_variants().to_owned();
            let label = number::signed(value, usize::from(value.abs() < 9.95));
            let interval = sure(&line.changes);
            let unit = if points {
                ChangeUnit::Points
            } else {
                ChangeUnit::Percent
            };
            let change = unit.with_unit(value);
            let within = interval.map_or_else(String::new, |interval| {
                format!(", 95 % interval {}", unit.interval(&interval))
            });
            let bar = Bar {
                style: key.style,
                value,
                interval: interval.map(|interval| (interval.low, interval.high)),
                label,
                tip: format!("{}: {change}{within}", cell.model),
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
        (keys, groups)
    }
}
