//! The tables that set models against their baseline.

use std::collections::BTreeSet;

use serde::Serialize;

use super::table::{Group, Sheet, Td, Tr, cut, grouped, heads};
use crate::mark::Mark;
use crate::number;
use crate::rows::Gap;
use crate::summary::{Line, Spread, Table, glance};
use ablate_records::{CostMeasurement, LatencyMeasurement, Stage};

/// Mean change of each variant over the scales.
pub fn glances(tables: &[Table]) -> Vec<Sheet> {
    let over = |(change, n): (f64, usize), td: Td| {
        td.tip(format!(
            "mean over {n} scale{}, {change:+.2}",
            if n == 1 { "" } else { "s" }
        ))
        .note(format!("×{n}"))
    };
    let lower = |mean: Option<(f64, usize)>, clear: bool| {
        mean.map(|m| {
            over(
                m,
                Td::change(Some(m.0), |x| Mark::lower(x, clear), number::percent),
            )
        })
    };
    let higher = |mean: Option<(f64, usize)>, clear: Option<bool>| {
        mean.map(|m| {
            over(
                m,
                Td::change(Some(m.0), |x| Mark::higher(x, clear), number::points),
            )
        })
    };
    let empty = |gap: Option<Gap>| Td {
        text: gap.map_or("–", |gap| gap.short()).into(),
        class: "gap",
        tip: gap.map_or("not measured on both sides".into(), |gap| {
            cut(&gap.long(), 400)
        }),
        ..Td::default()
    };
    let sheets = tables.iter().map(|table| {
        let glances = glance(table);
        let families: BTreeSet<&str> = glances.iter().map(|g| g.family).collect();
        let rows = glances.iter().map(|g| Tr {
            name: if families.len() > 1 {
                format!("{} {}", g.family, g.variant)
            } else {
                g.variant.to_string()
            },
            baseline: false,
            cells: vec![
                lower(g.params, true).unwrap_or_else(|| empty(g.gap(Stage::Cost))),
                lower(g.gflops, true).unwrap_or_else(|| empty(g.gap(Stage::Cost))),
                lower(g.latency, g.latency_is_clear)
                    .unwrap_or_else(|| empty(g.gap(Stage::Latency))),
                higher(g.map50_95, g.map_is_clear).unwrap_or_else(|| empty(g.gap(Stage::Eval))),
            ],
        });
        let heading = heads([
            ("Parameters", "geometric mean over scales"),
            ("GFLOPs", "geometric mean over scales, published convention"),
            ("Latency", "geometric mean over scales, of the medians"),
            ("mAP50-95, points", "mean over scales"),
        ]);
        Sheet {
            title: table.setting.title(),
            first: "Variant",
            heads: heading,
            groups: vec![Group {
                name: String::new(),
                rows: rows.collect(),
            }],
        }
    });
    sheets
        .filter(|sheet| !sheet.groups[0].rows.is_empty())
        .collect()
}

/// What the data say of each model's mAP change, in words.
#[derive(Serialize)]
pub struct Verdict {
    pub model: String,
    pub said: String,
}

/// One for each model whose change has an interval.
pub fn verdicts(tables: &[Table]) -> Vec<Verdict> {
    let lines = tables.iter().flat_map(|table| &table.lines);
    let mut verdicts: Vec<Verdict> = lines
        .filter_map(|line| {
            Some(Verdict {
                model: line.cell().model.clone(),
                said: line.verdict()?,
            })
        })
        .collect();
    // A training that is timed on two devices has one verdict.
    verdicts.dedup_by(|a, b| (&a.model, &a.said) == (&b.model, &b.said));
    verdicts
}

/// The summary: a line for each model with its change against the baseline.
pub fn summaries(tables: &[Table]) -> Vec<Sheet> {
    let sheet = |table: &Table| {
        let with_map = table.setting.dataset.is_some();
        let with_masks = table
            .lines
            .iter()
            .any(|line| line.coco_of_masks("AP").is_some());
        let mut heading = heads([
            ("Params, M", "trainable parameters in millions"),
            (
                "Δ",
                "change of parameters against the baseline of the scale",
            ),
            ("GFLOPs", "published (THOP) convention"),
            (
                "Δ",
                "change of published GFLOPs against the baseline of the scale",
            ),
            (
                "exact",
                "GFLOPs, 2 × multiply-accumulates of every convolution and matrix product",
            ),
            ("Latency, ms", "median of a forward pass of the whole batch"),
            (
                "Δ",
                "change of the median against the baseline of the scale",
            ),
            ("Images/s", "batch divided by the median"),
        ]);
        if with_map {
            heading.extend(heads([
                ("mAP50", "percent"),
                ("mAP50-95", "percent"),
                ("Δ", "change of mAP50-95 in points against the baseline of the scale, and its 95 % interval"),
            ]));
        }
        if with_masks {
            heading.extend(heads([
                ("mask mAP50", "of the masks, percent"),
                ("mask mAP50-95", "of the masks, percent"),
            ]));
        }
        Sheet {
            title: table.setting.title(),
            first: "Model",
            heads: heading,
            groups: grouped(table.lines.iter(), |line| {
                summary(line, with_map, with_masks)
            }),
        }
    };
    tables.iter().map(sheet).collect()
}

fn summary(line: &Line, with_map: bool, with_masks: bool) -> Vec<Td> {
    let cost =
        |td: fn(&CostMeasurement) -> Td| line.cost().map_or_else(|| Td::gap(line, Stage::Cost), td);
    let latency = |td: fn(&LatencyMeasurement) -> Td| {
        line.latency()
            .map_or_else(|| Td::gap(line, Stage::Latency), td)
    };
    let map = |name| {
        line.coco(name)
            .map_or_else(|| Td::gap(line, Stage::Eval), spread)
    };
    let changes = &line.changes;
    let mut cells = vec![
        cost(|c| {
            Td::figure(number::millions(c.params), c.params as f64).tip(number::thousands(c.params))
        }),
        Td::change(changes.params, |x| Mark::lower(x, true), number::percent),
        cost(|c| Td::figure(number::short(c.gflops), c.gflops).tip(c.gflops.to_string())),
        Td::change(changes.gflops, |x| Mark::lower(x, true), number::percent),
        cost(|c| {
            Td::figure(number::short(c.gflops_exact), c.gflops_exact)
                .tip(c.gflops_exact.to_string())
        }),
        latency(|l| {
            Td::figure(number::short(l.median_ms), l.median_ms)
                .note(format!("± {}", number::short(l.std_ms)))
        }),
        Td::change(
            changes.latency,
            |x| Mark::lower(x, changes.latency_is_clear),
            number::percent,
        ),
        latency(|l| Td::figure(number::short(l.images_per_s), l.images_per_s)),
    ];
    if with_map {
        cells.extend([map("AP50"), map("AP"), with_interval(line)]);
    }
    if with_masks {
        let none = || Td {
            text: "–".into(),
            class: "gap",
            tip: "a model without masks, or not evaluated".into(),
            ..Td::default()
        };
        cells.extend(["AP50", "AP"].map(|name| line.coco_of_masks(name).map_or_else(none, spread)));
    }
    cells
}

/// The change of mAP50-95, its interval beside it.
fn with_interval(line: &Line) -> Td {
    let td = Td::change(
        line.changes.map50_95,
        |x| Mark::higher(x, line.map_is_clear()),
        number::points,
    );
    match (line.changes.map_interval, line.verdict()) {
        (Some(interval), Some(verdict)) => td.note(interval.to_string()).tip(verdict),
        _ => td,
    }
}

fn spread(s: Spread) -> Td {
    let td = Td::figure(number::map(s.mean), s.mean);
    match s.std {
        Some(std) => td
            .note(format!("± {}", number::map(std)))
            .tip(format!("mean and standard deviation of {} seeds", s.n)),
        None => td.tip(format!("{:.4}, one seed", s.mean)),
    }
}
