//! In what sweeps differ that stand in one report: in words, for its top.

mod aspects;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::aspects::Aspect;
use crate::source::Source;
use ablate_records::{Outcome, Record, Stage};

/// More values of one sweep are counted.
const MOST_VALUES: usize = 4;

/// More models are counted.
const MOST_MODELS: usize = 8;

/// In what sweeps differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `Data`, `Recipe`, `Code`, …
    pub what: &'static str,
    /// How, naming the sweeps.
    pub text: String,
}

/// In what the sweeps differ, and what they share; the most telling first.
pub fn differences(sources: &[Source]) -> Vec<Difference> {
    let aspects: [(&'static str, Aspect); 8] = [
        ("Data", aspects::data),
        ("Recipe", aspects::recipe),
        ("Image size", aspects::image_size),
        ("First weights", aspects::first_weights),
        ("Evaluation", aspects::evaluation),
        ("Timing", aspects::timing),
        ("Machine", aspects::machine),
        ("Code", aspects::code),
    ];
    let own = [
        ("Models", models(sources)),
        ("Networks", networks(sources)),
        ("Seeds", seeds(sources)),
    ];
    let by_aspect = aspects.map(|(what, aspect)| (what, differs(sources, aspect)));
    let shared = ("Shared records", shared(sources));
    own.into_iter()
        .chain(by_aspect)
        .chain([shared])
        .filter_map(|(what, text)| Some(Difference { what, text: text? }))
        .collect()
}

/// Records of stages that came to their end.
fn done<'a>(source: &Source<'a>) -> impl Iterator<Item = &'a Record> {
    let records = source.records.iter();
    records.filter(|record| matches!(record.outcome, Outcome::Done { .. }))
}

/// The keys of an aspect that have other values in other sweeps; None if there are none. What a
/// sweep has no record of at all is not compared.
fn differs(sources: &[Source], aspect: Aspect) -> Option<String> {
    let mut by_key: BTreeMap<String, Vec<BTreeSet<String>>> = BTreeMap::new();
    for (place, source) in sources.iter().enumerate() {
        for (key, value) in done(source).flat_map(aspect) {
            let values = by_key
                .entry(key)
                .or_insert_with(|| vec![BTreeSet::new(); sources.len()]);
            values[place].insert(value);
        }
    }
    let other = by_key.into_iter().filter(|(_, values)| {
        let mut known = values.iter().filter(|values| !values.is_empty());
        let first = known.next();
        known.any(|values| Some(values) != first)
    });
    let texts = other.map(|(key, values)| {
        let each = sources.iter().zip(&values);
        let each = each
            .filter(|(_, values)| !values.is_empty())
            .map(|(source, values)| format!("{} in {}", listed(values), source.name));
        format!("{key}: {}", Vec::from_iter(each).join(", "))
    });
    let texts = Vec::from_iter(texts);
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn listed(values: &BTreeSet<String>) -> String {
    let first = values.iter().take(MOST_VALUES).map(String::as_str);
    let text = Vec::from_iter(first).join(" and ");
    match values.len() - values.len().min(MOST_VALUES) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Models that not all sweeps have.
fn models(sources: &[Source]) -> Option<String> {
    let of = |source: &Source| -> BTreeSet<String> {
        let models = source.records.iter().map(|record| &record.cell.model);
        models.cloned().collect()
    };
    let all: Vec<BTreeSet<String>> = sources.iter().map(of).collect();
    let common = |model: &&String| all.iter().all(|models| models.contains(*model));
    let texts = sources.iter().zip(&all).filter_map(|(source, models)| {
        let own = Vec::from_iter(models.iter().filter(|model| !common(model)));
        let shown = own.iter().take(MOST_MODELS).map(|model| model.as_str());
        let mut text = Vec::from_iter(shown).join(", ");
        if own.len() > MOST_MODELS {
            text += &format!(" and {} more", own.len() - MOST_MODELS);
        }
        (!own.is_empty()).then(|| format!("in {}, not in all: {text}", source.name))
    });
    let texts = Vec::from_iter(texts);
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Models of one name that are other networks in other sweeps, with the same classes.
fn networks(sources: &[Source]) -> Option<String> {
    let mut found: BTreeMap<(&str, usize), BTreeSet<String>> = BTreeMap::new();
    for record in sources.iter().flat_map(done) {
        if record.stage == Stage::Cost {
            let key = (record.cell.model.as_str(), record.cell.nc);
            let table = record.inputs["model"].to_string();
            found.entry(key).or_default().insert(table);
        }
    }
    let other = found.into_iter().filter(|(_, tables)| tables.len() > 1);
    let names = Vec::from_iter(other.map(|((model, _), _)| model));
    (!names.is_empty()).then(|| {
        format!(
            "of the same name, but not of the same table: {}",
            names.join(", ")
        )
    })
}

/// `0, 1, 2 in a; 0 in b`.
fn seeds(sources: &[Source]) -> Option<String> {
    let of = |source: &Source| -> BTreeSet<u64> {
        let trained = done(source).filter(|record| record.stage == Stage::Train);
        trained.filter_map(|record| record.cell.seed).collect()
    };
    let all: Vec<BTreeSet<u64>> = sources.iter().map(of).collect();
    let mut trained = all.iter().filter(|seeds| !seeds.is_empty());
    let first = trained.next()?;
    trained.any(|seeds| seeds != first).then(|| {
        let each = sources
            .iter()
            .zip(&all)
            .filter(|(_, seeds)| !seeds.is_empty());
        let texts = each.map(|(source, seeds)| format!("{} in {}", ranges(seeds), source.name));
        Vec::from_iter(texts).join(", ")
    })
}

/// `0 to 2, 7`.
fn ranges(seeds: &BTreeSet<u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &seed in seeds {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(seed) => *last = seed,
            _ => ranges.push((seed, seed)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first} and {last}"),
        _ => format!("{first} to {last}"),
    });
    Vec::from_iter(texts).join(", ")
}

/// The same records in several folders, which are no further evidence.
fn shared(sources: &[Source]) -> Option<String> {
    let mut holders: BTreeMap<(&str, &str), BTreeSet<usize>> = BTreeMap::new();
    for (place, source) in sources.iter().enumerate() {
        for record in done(source) {
            let measurement = (record.key.as_str(), record.finished.as_str());
            holders.entry(measurement).or_default().insert(place);
        }
    }
    let count = holders.values().filter(|holders| holders.len() > 1).count();
    (count > 0).then(|| {
        match count {
            1 => "1 record is in more than one of the folders: one measurement, no repeat of it".into(),
            _ => format!("{count} records are in more than one of the folders: each is one measurement, no repeat of it"),
        }
    })
}
