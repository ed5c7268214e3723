//! AP by class.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Group, Sheet, Td, Th, Tr, grouped};
use crate::many::{is_baseline, is_many};
use crate::number;
use crate::pareto::Front;
use crate::rows::{BASELINE, Row};
use crate::summary::{Line, Table};
use ablate_records::{ApFigures, EvalMeasurement};
use ablate_statistics::Spread;

/// With more classes than this a class is a row.
const MOST_CLASSES_ACROSS: usize = 12;

/// What average precision is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Boxes,
    Masks,
}

impl Of {
    fn figures(self, eval: &EvalMeasurement) -> Option<&ApFigures> {
        match self {
            Self::Boxes => Some(&eval.boxes),
            Self::Masks => eval.masks.as_ref(),
        }
    }
}

/// AP by class, of boxes and then of masks: a row for each model, or for each class if there are
/// many.
pub fn classes(tables: &[Table]) -> Vec<Sheet> {
    let mut seen = BTreeSet::new();
    let mut sheets = Vec::new();
    for (table, of) in tables
        .iter()
        .flat_map(|table| [(table, Of::Boxes), (table, Of::Masks)])
    {
        let s = table.setting;
        let class_ap = |line: &Line, name: &str| class_ap(line, of, name);
        // Of many models, those that somebody may choose.
        let many = is_many(table);
        let front = Front::of(table).filter(|_| many);
        let chosen = table.lines.iter().enumerate().filter(|(index, line)| {
            !many || is_baseline(line) || front.as_ref().is_some_and(|front| front.has(*index))
        });
        let evaluated = chosen
            .map(|(_, line)| line)
            .filter(|line| evals(line).any(|eval| of.figures(eval).is_some()));
        let lines: Vec<&Line> = evaluated
            .filter(|line| {
                seen.insert((
                    s.device,
                    s.imgsz.train,
                    s.nc,
                    s.dataset,
                    of,
                    &line.cell().model,
                ))
            })
            .collect();
        let mut classes: Vec<(&str, usize)> = Vec::new();
        for class in lines
            .iter()
            .flat_map(|line| evals(line))
            .filter_map(|eval| of.figures(eval))
            .flat_map(|figures| &figures.per_class)
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
            None => Td::empty("–", "no objects of this class, or not evaluated"),
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
        let model = |line: &Line| Tr {
            name: line.cell().model.clone(),
            baseline: line.cell().variant == BASELINE,
            front: false,
            cells: classes.iter().map(|(name, _)| cell(line, name)).collect(),
        };
        let instances = |n: usize| format!("{n} instance{}", if n == 1 { "" } else { "s" });
        let (first, heads, groups) = if classes.len() <= MOST_CLASSES_ACROSS {
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
                grouped(lines.iter().map(|line| (line.cell(), model(line)))),
            )
        } else {
            let heads = lines
                .iter()
                .map(|line| Th {
                    text: line.cell().model.clone(),
                    tip: String::new(),
                })
                .collect();
            let class = |&(name, _): &(&str, usize)| Tr {
                name: name.into(),
                baseline: false,
                front: false,
                cells: lines.iter().map(|line| cell(line, name)).collect(),
            };
            (
                "Class",
                heads,
                vec![Group {
                    name: String::new(),
                    rows: classes.iter().map(class).collect(),
                }],
            )
        };
        let counts = evals(lines[0]).next().map(|e| {
            format!(
                " · {} split: {} images, {} instances",
                e.split, e.images, e.instances
            )
        });
        let of = if of == Of::Masks { "Masks · " } else { "" };
        sheets.push(Sheet {
            title: format!(
                "{of}{}{}{}",
                s.title(),
                counts.unwrap_or_default(),
                if many {
                    " · baselines and Pareto front"
                } else {
                    ""
                }
            ),
            first,
            heads,
            groups,
        });
    }
    sheets
}

fn evals<'a>(line: &Line<'a>) -> impl Iterator<Item = &'a EvalMeasurement> {
    line.evaluated().filter_map(Row::eval)
}

fn class_ap(line: &Line, of: Of, name: &str) -> Option<(Spread, Option<Spread>)> {
    let of_class = || {
        evals(line).filter_map(|eval| {
            of.figures(eval)?
                .per_class
                .iter()
                .find(|class| class.name == name)
        })
    };
    Some((
        Spread::of(of_class().filter_map(|class| class.ap))?,
        Spread::of(of_class().filter_map(|class| class.ap50)),
    ))
}
