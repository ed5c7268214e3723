//! AP by class.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Group, Sheet, Td, Th, Tr, grouped};
use crate::many::{is_baseline, is_many};
use crate::number;
use crate::pareto::Front;
use crate::rows::{BASELINE, Row};
use crate::summary::{Line, Table};
use ablate_records::{ApFigures, EvalMeasurement};
use ablate_statistics::{
    Arm, Comparison, Contrast, Spread, confidence_of_each, mean, standard_deviation,
};

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
        let best: BTreeMap<&str, usize> = classes
            .iter()
            .filter_map(|&(name, _)| {
                let models = lines.iter().map(|line| class_seeds(line, of, name));
                let models: Vec<Vec<f64>> = models.collect();
                Some((name, best(&models, classes.len())?))
            })
            .collect();
        let is_best = |line: &Line, name: &str| {
            let best = best.get(name).map(|&index| lines[index]);
            best.is_some_and(|best| std::ptr::eq(best, line))
        };
        let cell = |line: &Line, name: &str| match class_ap(line, name) {
            None => Td::empty("–", "no objects of this class, or not evaluated"),
            Some((ap, ap50)) => {
                let td = Td::figure(number::map(ap.mean), ap.mean)
                    .note(ap50.map(|ap| number::map(ap.mean)).unwrap_or_default());
                Td {
                    class: if is_best(line, name) { "best" } else { "" },
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
            let s = if e.images == 1 { "" } else { "s" };
            format!(
                " · {} split: {} image{s}, {}",
                e.split,
                e.images,
                instances(e.instances)
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

/// The model that is better than every other one, if seeds tell: all such claims of so many classes
/// hold at once, whichever models turn out to lead. With single seeds nothing is the best.
fn best(models: &[Vec<f64>], classes: usize) -> Option<usize> {
    let means: Vec<Option<f64>> = models.iter().map(|seeds| mean(seeds)).collect();
    let measured = || {
        means
            .iter()
            .enumerate()
            .filter_map(|(i, mean)| Some((i, (*mean)?)))
    };
    let (lead, highest) = measured().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let next = measured().filter(|(index, _)| *index != lead);
    let (next, second) = next.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    if highest - second < least_apart(models, lead, next)? {
        return None;
    }
    let arm = |index: usize| Arm {
        seeds: &models[index],
        ..Arm::default()
    };
    let others = measured().filter(|(index, _)| *index != lead);
    let others: Vec<Arm> = others.map(|(index, _)| arm(index)).collect();
    let against_lead = Comparison {
        baseline: arm(lead),
        arms: &others,
        // As if each model's differences from all the others were claimed.
        confidence: confidence_of_each(classes * (others.len() + 1)),
        images: 0,
    };
    let behind = |contrast: &Option<Contrast>| contrast.is_some_and(|it| it.high < 0.0);
    against_lead.contrasts().iter().all(behind).then_some(lead)
}

/// What two models are apart at least if seeds tell them apart, however few are compared: quick,
/// where their intervals are slow. None if no model has two seeds.
fn least_apart(models: &[Vec<f64>], a: usize, b: usize) -> Option<f64> {
    let (mut squares, mut degrees) = (0.0, 0.0);
    for seeds in models {
        if let Some(std) = standard_deviation(seeds) {
            let own = (seeds.len() - 1) as f64;
            squares += own * std.powi(2);
            degrees += own;
        }
    }
    let seeds = 1.0 / models[a].len() as f64 + 1.0 / models[b].len() as f64;
    (degrees > 0.0).then(|| 1.96 * (squares / degrees * seeds).sqrt())
}

/// AP of a class in points, seed by seed.
fn class_seeds(line: &Line, of: Of, name: &str) -> Vec<f64> {
    let figures = evals(line).filter_map(|eval| {
        let mut classes = of.figures(eval)?.per_class.iter();
        classes.find(|class| class.name == name)?.ap
    });
    figures.map(|ap| 100.0 * ap).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_one_only_where_seeds_tell() {
        let better = vec![60.0, 60.4, 59.7];
        let others = [vec![50.1, 50.4, 49.8], vec![50.0, 49.6, 50.3]];
        let [one, other] = others.clone();
        assert_eq!(
            best(&[one.clone(), better.clone(), other.clone()], 3),
            Some(1)
        );
        assert_eq!(
            best(&[one.clone(), vec![50.6, 50.2, 50.5], other], 3),
            None,
            "too near"
        );
        assert_eq!(
            best(&[vec![50.0], vec![60.0]], 3),
            None,
            "one seed has no spread"
        );
        assert_eq!(best(&[better.clone(), Vec::new()], 3), None, "alone");
        assert_eq!(best(&[better, one], 1), Some(0));
    }

    /// Models that are equal, so that whatever is marked is wrong: in at most one table of twenty.
    #[test]
    fn equal_models_have_no_best() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut figure = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let wrong = (0..300).filter(|_| {
            (0..3).any(|_| {
                let models: Vec<Vec<f64>> =
                    (0..6).map(|_| (0..3).map(|_| figure()).collect()).collect();
                best(&models, 3).is_some()
            })
        });
        let wrong = wrong.count();
        assert!(wrong <= 24, "{wrong} of 300");
    }
}
