//! Plots of training.

use std::collections::BTreeSet;

use ablate_records::EpochLog;
use anyhow::Result;

use super::curves::{Curve, Curves, Panel};
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
                    &format!("training-{model}-{dataset}-{device}-{}px", imgsz.word()),
                    alt,
                    curves.draw()?,
                );
            }
        }
        Ok(())
    }

    /// mAP50-95, mAP50, that of masks where there are any, then a panel for each loss.
    fn panels(&self, lines: &[&Line]) -> Vec<Panel> {
        let runs = || {
            lines.iter().flat_map(|line| {
                line.rows
                    .iter()
                    .filter_map(Row::epochs)
                    .map(move |epochs| (line, epochs))
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
            let curves = runs().map(|(line, epochs)| Curve {
                style: self.styles.key(line).style,
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
