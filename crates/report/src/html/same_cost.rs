//! Would a smaller baseline do as well? Each variant beside the baseline at its own cost.

use std::collections::BTreeMap;

use serde::Serialize;

use super::table::{Sheet, Td, Th, Tr, grouped};
use crate::columns::{AtCost, Change, ChangeUnit, Gain, SameCost};
use crate::number;
use crate::rows::BASELINE;
use crate::summary::{Line, Table};

/// The block about it.
#[derive(Serialize)]
pub struct Block {
    sheets: Vec<Sheet>,
    /// Models that cost less or more than all trained baselines: `cheaper than yolov5n: yolov5n+ghost`.
    outside: Vec<String>,
    /// What would answer it, if nothing does.
    wanting: Option<&'static str>,
}

/// None if no variant was evaluated beside a baseline: then there is nothing to ask.
pub fn block(tables: &[Table]) -> Option<Block> {
    let sheets: Vec<Sheet> = tables.iter().filter_map(sheet).collect();
    let outside = outside(tables);
    let answered = !sheets.is_empty() || !outside.is_empty();
    (answered || tables.iter().any(is_asked)).then_some(Block {
        sheets,
        outside,
        wanting: (!answered).then_some(
            "The baseline was trained at one scale only, so nothing tells what it reaches at another cost: \
             train it at a second one (key scales of train).",
        ),
    })
}

/// Whether a family has evaluated variants, and one evaluated baseline.
fn is_asked(table: &Table) -> bool {
    let mut families: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for line in table
        .lines
        .iter()
        .filter(|line| line.evaluated().next().is_some())
    {
        let cell = line.cell();
        families.entry(&cell.family).or_default()[usize::from(cell.variant == BASELINE)] += 1;
    }
    families
        .values()
        .any(|[variants, baselines]| *variants > 0 && *baselines == 1)
}

/// The models that lie beyond the baseline's scales in whatever they cost, by where, and of which table if
/// there are several.
fn outside(tables: &[Table]) -> Vec<String> {
    let of = |table: &Table| {
        let places = outside_of(table).into_iter();
        let title = match tables.len() {
            1 => String::new(),
            _ => format!("{}: ", table.setting.title()),
        };
        places
            .map(move |place| format!("{title}{place}"))
            .collect::<Vec<_>>()
    };
    tables.iter().flat_map(of).collect()
}

fn outside_of(table: &Table) -> Vec<String> {
    let mut by_place: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in &table.lines {
        let found = SameCost::ALL.map(|cost| line.at_same(cost));
        let place = match found.into_iter().flatten().collect::<Vec<_>>()[..] {
            [] | [AtCost::Between(_), ..] | [_, AtCost::Between(_)] => continue,
            [AtCost::Cheaper(than), ..] => format!("cheaper than {than}"),
            [AtCost::Dearer(than), ..] => format!("dearer than {than}"),
        };
        let models = by_place.entry(place).or_default();
        if !models.contains(&line.cell().model.as_str()) {
            models.push(&line.cell().model);
        }
    }
    let place = |(place, models): (String, Vec<&str>)| format!("{place}: {}", models.join(", "));
    by_place.into_iter().map(place).collect()
}

/// The variants that a baseline's scales enclose; None if there is none.
fn sheet(table: &Table) -> Option<Sheet> {
    let compared = table.lines.iter().filter(|line| {
        let mut costs = SameCost::ALL.into_iter();
        costs.any(|cost| matches!(line.at_same(cost), Some(AtCost::Between(_))))
    });
    let compared: Vec<&Line> = compared.collect();
    let costs = SameCost::ALL.into_iter();
    let costs = costs.filter(|cost| compared.iter().any(|line| line.at_same(*cost).is_some()));
    let costs: Vec<SameCost> = costs.collect();
    let heads = costs.iter().flat_map(|cost| {
        let name = cost.name();
        [
            Th {
                text: format!("Baseline at its {name}"),
                tip: format!(
                    "mAP50-95 of the baseline, interpolated linearly between its scales in the logarithm of {name}"
                ),
            },
            Th {
                text: "Gain".into(),
                tip: "points of mAP50-95 above that, with the 95 % interval".into(),
            },
        ]
    });
    let map = Th {
        text: "mAP50-95".into(),
        tip: "mean over the seeds".into(),
    };
    let row = |line: &Line| {
        let own = line.coco("AP").map_or_else(Td::default, |spread| {
            Td::figure(number::map(spread.mean), spread.mean)
        });
        let beside = costs
            .iter()
            .flat_map(|&cost| cells(line.at_same(cost), cost));
        Tr {
            front: false,
            name: line.cell().model.clone(),
            baseline: false,
            cells: [own].into_iter().chain(beside).collect(),
        }
    };
    (!compared.is_empty()).then(|| Sheet {
        title: table.setting.title(),
        first: "Model",
        heads: [map].into_iter().chain(heads).collect(),
        groups: grouped(compared.iter().map(|line| (line.cell(), row(line)))),
    })
}

fn cells(found: Option<&AtCost>, cost: SameCost) -> [Td; 2] {
    let outside = |text: String| {
        let why = format!(
            "outside the baseline's trained scales in {}, and nothing is extrapolated",
            cost.name()
        );
        [Td::empty(&text, why), Td::empty("–", "")]
    };
    match found {
        None => [
            Td::empty("–", format!("no {} measured here or there", cost.name())),
            Td::empty("–", ""),
        ],
        Some(AtCost::Cheaper(smallest)) => outside(format!("cheaper than {smallest}")),
        Some(AtCost::Dearer(largest)) => outside(format!("dearer than {largest}")),
        Some(AtCost::Between(gain)) => between(gain),
    }
}

fn between(gain: &Gain) -> [Td; 2] {
    let [below, above] = &gain.between;
    let percent = 100.0 * gain.share;
    let baseline = Td::figure(format!("{:.1}", gain.baseline), gain.baseline)
        .note(format!("{below} → {above}, {percent:.0} %"));
    let unit = ChangeUnit::Points;
    let change = &gain.change;
    let td = Td {
        class: change.mark.word(),
        ..Td::figure(
            format!(
                "{} {}",
                change.mark.sign(change.value),
                unit.text(change.value)
            ),
            change.value,
        )
    };
    let td = td.tip(verdict(change));
    [
        baseline,
        match &change.interval {
            Some(interval) => td.note(unit.interval(interval)),
            None => td,
        },
    ]
}

fn verdict(change: &Change) -> String {
    match change.mark.is_told() {
        true => format!("{}, 95 % interval", change.mark.meaning()),
        false => change.verdict(),
    }
}
