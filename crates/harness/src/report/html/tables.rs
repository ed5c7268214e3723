//! The tables of the page.

use std::collections::{BTreeMap, BTreeSet};

use super::super::mark::Mark;
use super::super::number;
use super::super::rows::{BASELINE, Gap, Row, Rows, STAGES, stage_name};
use super::super::summary::{Line, Spread, Table, glance};
use super::{Group, Sheet, Td, Th, Tr};
use crate::record::{EvalMeasurement, LatencyMeasurement, Stage};

impl Td {
    fn figure(text: String, sort: f64) -> Self {
        Td {
            text,
            sort: Some(sort),
            ..Td::default()
        }
    }

    fn tip(self, tip: impl Into<String>) -> Self {
        Td {
            tip: tip.into(),
            ..self
        }
    }

    fn note(self, note: impl Into<String>) -> Self {
        Td {
            note: note.into(),
            ..self
        }
    }

    /// Why there is no figure.
    fn gap(line: &Line, stage: Stage) -> Self {
        let Some(gap) = line.gap(stage) else {
            return Td {
                text: "–".into(),
                class: "gap",
                ..Td::default()
            };
        };
        Td {
            text: gap.short().into(),
            tip: cut(&gap.long(), 400),
            class: "gap",
            ..Td::default()
        }
    }

    fn change(change: Option<f64>, mark: impl Fn(f64) -> Mark, format: fn(f64) -> String) -> Self {
        let Some(x) = change else {
            return Td::default();
        };
        let mark = mark(x);
        let tip = match mark {
            Mark::Same => "not to be told from no change",
            mark => mark.word(),
        };
        Td {
            text: format!("{} {}", mark.sign(x), format(x)),
            class: mark.word(),
            sort: Some(x),
            tip: tip.into(),
            ..Td::default()
        }
    }
}

fn heads<const N: usize>(heads: [(&str, &str); N]) -> Vec<Th> {
    heads
        .map(|(text, tip)| Th {
            text: text.into(),
            tip: tip.into(),
        })
        .to_vec()
}

pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.into()
    } else {
        text.chars().take(most).chain(['…']).collect()
    }
}

/// Lines under a heading for each family and scale.
fn grouped<'t>(
    lines: impl Iterator<Item = &'t Line<'t>>,
    cells: impl Fn(&Line) -> Vec<Td>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in lines {
        let cell = line.cell();
        let name = format!("{}{}", cell.family, cell.scale);
        let row = Tr {
            name: cell.model.clone(),
            baseline: cell.variant == BASELINE,
            cells: cells(line),
        };
        match groups.last_mut().filter(|group| group.name == name) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group {
                name,
                rows: vec![row],
            }),
        }
    }
    groups
}

/// Mean change of each variant over the scales.
pub fn glances(tables: &[Table]) -> Vec<Sheet> {
    let over = |(change, n): (f64, usize), td: Td| {
        td.tip(format!(
            "mean over {n} scale{}, {change:+.2}",
            if n == 1 { "" } else { "s" }
        ))
        .note(format!("×{n}"))
    };
    let lower = |mean: Option<(f64, usize)>, clear| {
        mean.map(|m| {
            over(
                m,
                Td::change(Some(m.0), |x| Mark::lower(x, clear), number::percent),
            )
        })
    };
    let higher = |mean: Option<(f64, usize)>, clear| {
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

/// The summary: a line for each model with its change against the baseline.
pub fn summaries(tables: &[Table]) -> Vec<Sheet> {
    let sheet = |table: &Table| {
        let with_map = table.setting.dataset.is_some();
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
                (
                    "Δ",
                    "change of mAP50-95 in points against the baseline of the scale",
                ),
            ]));
        }
        Sheet {
            title: table.setting.title(),
            first: "Model",
            heads: heading,
            groups: grouped(table.lines.iter(), |line| summary(line, with_map)),
        }
    };
    tables.iter().map(sheet).collect()
}

fn summary(line: &Line, with_map: bool) -> Vec<Td> {
    let cost = |td: fn(&crate::record::CostMeasurement) -> Td| {
        line.cost().map_or_else(|| Td::gap(line, Stage::Cost), td)
    };
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
        cells.extend([
            map("AP50"),
            map("AP"),
            Td::change(
                changes.map50_95,
                |x| Mark::higher(x, line.map_is_clear()),
                number::points,
            ),
        ]);
    }
    cells
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

/// Latency with its spread.
pub fn timings(tables: &[Table]) -> Vec<Sheet> {
    let mut seen = BTreeSet::new();
    let mut sheets = Vec::new();
    for table in tables {
        let setting = super::super::summary::Setting {
            dataset: None,
            ..table.setting
        };
        let heading = heads([
            ("median", "ms"),
            ("mean", "ms"),
            ("std", "sample standard deviation, ms"),
            ("min", "ms"),
            ("p90", "ms"),
            ("p99", "ms"),
            ("n", "timed iterations"),
            ("warm-up", "iterations before the first timed one"),
            ("images/s", "batch divided by the median"),
        ]);
        let timed = table.lines.iter().filter(|line| line.latency().is_some());
        let new: Vec<&Line> = timed
            .filter(|line| seen.insert((setting, &line.cell().model)))
            .collect();
        let groups = grouped(new.into_iter(), |line| {
            let Some(l) = line.latency() else {
                return Vec::new();
            };
            let ms = [
                l.median_ms,
                l.mean_ms,
                l.std_ms,
                l.min_ms,
                l.p90_ms,
                l.p99_ms,
            ]
            .map(|x| Td::figure(number::short(x), x));
            let counts = [l.iterations, l.warmup].map(|n| Td::figure(n.to_string(), n as f64));
            let speed = Td::figure(number::short(l.images_per_s), l.images_per_s);
            ms.into_iter().chain(counts).chain([speed]).collect()
        });
        if !groups.is_empty() {
            sheets.push(Sheet {
                title: setting.title(),
                first: "Model",
                heads: heading,
                groups,
            });
        }
    }
    sheets
}

/// AP by class: models down and classes across, or the other way round where there are many classes.
pub fn classes(tables: &[Table]) -> Vec<Sheet> {
    let mut seen = BTreeSet::new();
    let mut sheets = Vec::new();
    for table in tables {
        let s = table.setting;
        let evaluated = table
            .lines
            .iter()
            .filter(|line| line.rows.iter().any(|row| row.eval().is_some()));
        let lines: Vec<&Line> = evaluated
            .filter(|line| seen.insert((s.device, s.imgsz, s.nc, s.dataset, &line.cell().model)))
            .collect();
        let mut classes: Vec<(&str, usize)> = Vec::new();
        for class in lines
            .iter()
            .flat_map(|line| evals(line))
            .flat_map(|eval| &eval.per_class)
        {
            if !classes.iter().any(|(name, _)| *name == class.name) {
                classes.push((&class.name, class.instances));
            }
        }
        if classes.is_empty() {
            continue;
        }
        let best: BTreeMap<&str, f64> = classes
            .iter()
            .map(|&(name, _)| {
                let all = lines
                    .iter()
                    .filter_map(|line| class_ap(line, name))
                    .map(|(ap, _)| ap.mean);
                (name, all.fold(f64::NEG_INFINITY, f64::max))
            })
            .collect();
        let cell = |line: &Line, name: &str| match class_ap(line, name) {
            None => Td {
                text: "–".into(),
                class: "gap",
                tip: "nothing of this class to find, or not evaluated".into(),
                ..Td::default()
            },
            Some((ap, ap50)) => {
                let td = Td::figure(number::map(ap.mean), ap.mean)
                    .note(ap50.map(|ap| number::map(ap.mean)).unwrap_or_default());
                Td {
                    class: if lines.len() > 1 && ap.mean > 0.0 && ap.mean >= best[name] {
                        "best"
                    } else {
                        ""
                    },
                    ..td
                }
            }
        };
        let instances = |n: usize| format!("{n} instance{}", if n == 1 { "" } else { "s" });
        let (first, heads, groups) = if classes.len() <= 12 {
            let heads = classes
                .iter()
                .map(|&(name, n)| Th {
                    text: name.into(),
                    tip: instances(n),
                })
                .collect();
            (
                "Model",
                heads,
                grouped(lines.iter().copied(), |line| {
                    classes.iter().map(|(name, _)| cell(line, name)).collect()
                }),
            )
        } else {
            let heads = lines
                .iter()
                .map(|line| Th {
                    text: line.cell().model.clone(),
                    tip: String::new(),
                })
                .collect();
            let row = |&(name, _): &(&str, usize)| Tr {
                name: name.into(),
                baseline: false,
                cells: lines.iter().map(|line| cell(line, name)).collect(),
            };
            (
                "Class",
                heads,
                vec![Group {
                    name: String::new(),
                    rows: classes.iter().map(row).collect(),
                }],
            )
        };
        let counts = evals(lines[0]).next().map(|e| {
            format!(
                " · {} split: {} images, {} instances",
                e.split, e.images, e.instances
            )
        });
        sheets.push(Sheet {
            title: s.title() + &counts.unwrap_or_default(),
            first,
            heads,
            groups,
        });
    }
    sheets
}

fn evals<'a>(line: &Line<'a>) -> impl Iterator<Item = &'a EvalMeasurement> {
    line.rows.iter().filter_map(Row::eval)
}

fn class_ap(line: &Line, name: &str) -> Option<(Spread, Option<Spread>)> {
    let of_class =
        || evals(line).filter_map(|eval| eval.per_class.iter().find(|class| class.name == name));
    Some((
        Spread::of(of_class().filter_map(|class| class.ap))?,
        Spread::of(of_class().filter_map(|class| class.ap50)),
    ))
}

/// Training runs.
pub fn runs(rows: &Rows) -> Option<Sheet> {
    let heading = heads([
        ("data set", ""),
        ("seed", ""),
        ("epochs", ""),
        ("best epoch", "by mAP50-95 on the validation split"),
        ("best mAP50-95", "on the validation split, percent"),
        ("time", "all epochs, with the evaluations in between"),
        (
            "images/s",
            "data loading and augmentation included, evaluation not",
        ),
        ("train images", ""),
        ("val images", ""),
    ]);
    let mut groups: Vec<Group> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &rows.rows {
        let (Some(t), Some(record)) = (row.train(), row.record(Stage::Train)) else {
            continue;
        };
        if !seen.insert((&record.key, row.cell.model.clone())) {
            continue;
        }
        let best = t
            .epochs
            .iter()
            .find(|epoch| epoch.epoch == t.best_epoch)
            .and_then(|epoch| epoch.map50_95);
        let count = |n: usize| Td::figure(n.to_string(), n as f64);
        let seed = row.cell.seed.map_or_else(Td::default, |seed| {
            Td::figure(seed.to_string(), seed as f64)
        });
        let cells = vec![
            Td {
                text: row.cell.dataset.clone().unwrap_or_default(),
                ..Td::default()
            },
            seed,
            count(t.epochs.len()),
            count(t.best_epoch + 1),
            best.map_or_else(Td::default, |map| Td::figure(number::map(map), map)),
            Td::figure(number::duration(t.train_s), t.train_s),
            Td::figure(number::short(t.images_per_s), t.images_per_s),
            count(t.train_images),
            count(t.val_images),
        ];
        let name = format!("{}{}", row.cell.family, row.cell.scale);
        let run = Tr {
            name: row.cell.model.clone(),
            baseline: row.cell.variant == BASELINE,
            cells,
        };
        match groups.last_mut().filter(|group| group.name == name) {
            Some(group) => group.rows.push(run),
            None => groups.push(Group {
                name,
                rows: vec![run],
            }),
        }
    }
    (!groups.is_empty()).then(|| Sheet {
        title: String::new(),
        first: "Model",
        heads: heading,
        groups,
    })
}

/// The records behind each cell.
pub fn keys(rows: &Rows) -> Sheet {
    let mut heading = heads([
        ("data set", ""),
        ("seed", ""),
        ("device", ""),
        ("px", "image size"),
        ("batch", "of the latency"),
    ]);
    heading.extend(STAGES.iter().map(|&stage| Th {
        text: stage_name(stage).into(),
        tip: "key of the record".into(),
    }));
    let key = |row: &Row, stage: Stage| match row.ran(stage) {
        Some(record) => Td {
            text: record.key.chars().take(12).collect(),
            tip: format!("{}, {}", record.key, record.finished),
            class: "key",
            ..Td::default()
        },
        None => Td {
            text: "–".into(),
            class: "gap",
            ..Td::default()
        },
    };
    let row = |row: &Row| {
        let c = row.cell;
        let plain = |text: String| Td {
            text,
            ..Td::default()
        };
        let setting = [
            c.dataset.clone().unwrap_or("–".into()),
            c.seed.map_or("–".into(), |s| s.to_string()),
            c.device.clone(),
            c.imgsz.to_string(),
            c.batch.to_string(),
        ];
        let cells = setting
            .map(plain)
            .into_iter()
            .chain(STAGES.iter().map(|&stage| key(row, stage)))
            .collect();
        Tr {
            name: c.model.clone(),
            baseline: c.variant == BASELINE,
            cells,
        }
    };
    Sheet {
        title: String::new(),
        first: "Model",
        heads: heading,
        groups: vec![Group {
            name: String::new(),
            rows: rows.rows.iter().map(row).collect(),
        }],
    }
}
