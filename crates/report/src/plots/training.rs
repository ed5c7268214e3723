//! Plots of training.

use std::collections::BTreeSet;

use ablate_records::EpochLog;
use anyhow::Result;

use super::curves::{Curve, Curves, Panel};
use super::sheet::Key;
use super::{Kind, Plots, gather};
use crate::rows::{Row, scale_order};
use crate::summary::{Line, Table};

impl Plots<'_> {
    pub fn training(&mut self, tables: &[Table]) -> Result<()> {
        let trained = gather(
            tables,
            |s| (s.dataset, s.device, s.imgsz.train, s.nc),
            |line| line.rows.iter().any(|r| r.epochs().is_some()),
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
                let all = lines.len();
                let lines = self.with_curves(lines);
                let keys = self.keys_of_curves(&lines);
                let left_out = match all - lines.len() {
                    0 => String::new(),
                    n => format!(
                        " · baseline and best of the Pareto front, of {} others none",
                        n
                    ),
                };
                let model = format!("{family}{}", scale.1);
                let title = format!("Training of {model}");
                let setting = format!("{dataset} · {device} · {imgsz} px");
                let curves = Curves {
                    title: title.clone(),
                    subtitle: format!(
                        "{setting} · mAP on the validation split, of the moving average of the weights{left_out}"
                    ),
                    panels: self.panels(&lines, &keys),
                    keys,
                };
                let alt = format!("{title}, {setting}: mAP and losses by epoch");
                self.add(
                    Kind::Training,
                    &format!("training-{model}-{dataset}-{device}-{}px", imgsz.word()),
                    alt,
                    |paper| curves.draw(paper),
                )?;
            }
        }
        Ok(())
    }

    /// mAP50-95, mAP50, that of masks where there are any, then a panel for each loss.
    fn panels(&self, lines: &[&Line], keys: &[Key]) -> Vec<Panel> {
        let runs = || {
            lines.iter().zip(keys).flat_map(|(line, key)| {
                line.rows
                    .iter()
                    .filter_map(Row::epochs)
                    .map(move |epochs| (key, epochs))
            })
        };
        let losses: BTreeSet<&String> = runs()
            .flat_map(|(_, epochs)| epochs.iter().flat_map(|epoch| epoch.losses.keys()))
            .collect();
        type Figure<'f> = Box<dyn Fn(&[EpochLog]) -> Vec<(f64, f64)> + 'f>;
        let mut panels: Vec<(String, Figure)> = vec![
            (
                "mAP50-95 (%)".into(),
                Box::new(|epochs| curve(epochs, |epoch| epoch.map50_95.map(|map| 100.0 * map))),
            ),
            (
                "mAP50 (%)".into(),
                Box::new(|epochs| curve(epochs, |epoch| epoch.map50.map(|map| 100.0 * map))),
            ),
        ];
        if runs().any(|(_, epochs)| epochs.iter().any(|epoch| epoch.mask_map50_95.is_some())) {
            let masks = |epochs: &[EpochLog]| {
                curve(epochs, |epoch| epoch.mask_map50_95.map(|map| 100.0 * map))
            };
            panels.push(("mask mAP50-95 (%)".into(), Box::new(masks)));
        }
        for loss in losses {
            panels.push((
                format!("{loss} loss"),
                Box::new(move |epochs| curve(epochs, |epoch| epoch.losses.get(loss).copied())),
            ));
        }
        let panel = |(name, figure): (String, Figure)| {
            let curves = runs().map(|(key, epochs)| Curve {
                style: key.style,
                points: figure(epochs),
            });
            Panel {
                name,
                curves: curves.collect(),
            }
        };
        panels.into_iter().map(panel).collect()
    }
}

fn curve(epochs: &[EpochLog], pick: impl Fn(&EpochLog) -> Option<f64>) -> Vec<(f64, f64)> {
    let point = |epoch: &EpochLog| Some((epoch.epoch as f64 + 1.0, pick(epoch)?));
    let points = epochs.iter().filter_map(point);
    points.filter(|(_, y)| y.is_finite()).collect()
}
