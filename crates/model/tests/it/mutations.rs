//! Tables and variants that were damaged at random are taken or refused, never a panic, and in
//! bounded time and memory.
//!
//! A few thousand run with the tests; `ABLATE_FUZZ_SECONDS=3600 cargo test --release --test it
//! mutations` goes on for an hour with other ones.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use ablate_model::{
    Cost, Graph,
    spec::{Scaling, Table, Variant, VariantCall},
};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const TABLES: [&str; 4] = [
    include_str!("../../../../configs/models/families/yolov5.yaml"),
    include_str!("../../../../configs/models/families/yolov8.yaml"),
    include_str!("../../../../configs/models/own/tiny.yaml"),
    include_str!("../fixtures/other_blocks.yaml"),
];

const VARIANTS: [&str; 9] = [
    include_str!("../../../../configs/models/variants/asff.yaml"),
    include_str!("../../../../configs/models/variants/eca.yaml"),
    include_str!("../../../../configs/models/variants/ghost.yaml"),
    include_str!("../../../../configs/models/variants/spdconv.yaml"),
    INSERTED,
    include_str!("../../../../configs/models/variants/fasternet.yaml"),
    include_str!("../../../../configs/models/variants/mobilenetv2.yaml"),
    include_str!("../../../../configs/models/variants/repvgg.yaml"),
    include_str!("../../../../configs/models/variants/slimneck.yaml"),
];

/// Every step that no built-in variant has.
const INSERTED: &str = "
patch:
  - insert: {before: Detect, row: [-1, 1, Conv, [$0, 3]]}
  - insert: {after: [C3, C2f], in: head, row: [4, 1, Conv, [$0, 3, 1]]}
  - remove: {module: SPPF, in: backbone}
  - remove: {module: any, index: [2, 5]}
  - set: {module: Conv, stride: 2, arguments: {1: 5}, repeats: 1}
  - {replace: {any: [Conv, [$0, 3, 2]]}, in: head, stride: 2, kernel: 3}
";

/// What a number or a word becomes: the edges of every type, other types, and what YAML makes
/// something of.
const TOKENS: [&str; 40] = [
    "-1",
    "0",
    "1",
    "2",
    "3",
    "7",
    "255",
    "65536",
    "65537",
    "2147483648",
    "-9223372036854775808",
    "9223372036854775807",
    "99999999999999999999",
    "1e308",
    "-1e308",
    "1e-320",
    ".inf",
    "-.inf",
    ".nan",
    "0.0",
    "-0.5",
    "null",
    "~",
    "True",
    "False",
    "None",
    "nc",
    "anchors",
    "''",
    "[]",
    "{}",
    "[[]]",
    "[-1, -1]",
    "{a: b}",
    "&a [*a]",
    "*a",
    "!!binary aGk=",
    "nearest",
    "Detect",
    "$act",
];

const MODULES: &[&str] = ablate_model::registry::NAMES;

#[test]
fn damaged_tables_never_panic() {
    let seconds = std::env::var("ABLATE_FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let mut rng = match seconds {
        None => ChaCha8Rng::seed_from_u64(0),
        Some(_) => ChaCha8Rng::from_os_rng(),
    };
    let start = Instant::now();
    let (mut rounds, mut taken) = (0, 0);
    while seconds.map_or(rounds < 3000, |seconds| {
        start.elapsed() < Duration::from_secs(seconds)
    }) {
        let text = damaged(TABLES.choose(&mut rng).unwrap(), &mut rng);
        let variant = damaged(VARIANTS.choose(&mut rng).unwrap(), &mut rng);
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| read(&text, &variant)));
        let took = began.elapsed();
        assert!(
            result.is_ok(),
            "a panic on\n{text}\nwith the variant\n{variant}"
        );
        assert!(
            took < Duration::from_secs(5),
            "{took:?} for\n{text}\nwith the variant\n{variant}"
        );
        rounds += 1;
        taken += usize::from(result.unwrap_or_default());
    }
    println!("{rounds} rounds, {taken} tables taken");
    assert!(taken > 0, "nothing but refusals tests little");
}

/// Reads, patches, resolves and costs; whether all of it went.
fn read(text: &str, variant: &str) -> bool {
    let Ok(table) = Table::from_yaml(text, "damaged") else {
        return false;
    };
    let variant = Variant::from_yaml(variant, "damaged");
    let call: VariantCall = "damaged".parse().unwrap();
    let mut all = true;
    for (scale, scaling) in &table.scales {
        let whole = |table: &Table, scaling: Scaling| {
            Graph::resolve(table, scaling, table.nc)
                .is_ok_and(|graph| Cost::of(&graph, 64, 96).is_ok() && graph.max_stride() > 0)
        };
        all &= whole(&table, *scaling);
        if let Ok(patched) = variant
            .as_ref()
            .map_err(|_| ())
            .and_then(|v| v.apply(&table, scale, *scaling, &call).map_err(|_| ()))
        {
            whole(&patched, *scaling);
        }
    }
    all
}

/// The text with one to four wounds.
fn damaged(text: &str, rng: &mut ChaCha8Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    for _ in 0..rng.random_range(1..=4) {
        let i = rng.random_range(0..lines.len());
        match rng.random_range(0..8) {
            0 => drop(lines.remove(i)),
            1 => lines.insert(i, lines[rng.random_range(0..lines.len())].clone()),
            2 => {
                let j = rng.random_range(0..lines.len());
                lines.swap(i, j);
            }
            3 => {
                let cut: String = lines[i]
                    .chars()
                    .take(rng.random_range(0..=lines[i].chars().count()))
                    .collect();
                lines[i] = cut;
            }
            4 => {
                lines[i] = replaced(
                    &lines[i],
                    |word| MODULES.contains(&word),
                    MODULES.choose(rng).unwrap(),
                    rng,
                )
            }
            5 => {
                let at = rng.random_range(0..=lines[i].chars().count());
                let odd = *[
                    '\t', '\0', '-', ':', '[', ']', '{', '#', '"', '\u{2028}', '9', '&', '*',
                ]
                .choose(rng)
                .unwrap();
                let (head, tail): (String, String) = (
                    lines[i].chars().take(at).collect(),
                    lines[i].chars().skip(at).collect(),
                );
                lines[i] = format!("{head}{odd}{tail}");
            }
            _ => {
                lines[i] = replaced(
                    &lines[i],
                    |word| {
                        word.chars()
                            .all(|c| c.is_ascii_alphanumeric() || "-._$".contains(c))
                    },
                    TOKENS.choose(rng).unwrap(),
                    rng,
                )
            }
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.join("\n")
}

/// The line with one of its fitting words replaced.
fn replaced(line: &str, fits: impl Fn(&str) -> bool, with: &str, rng: &mut ChaCha8Rng) -> String {
    let is_end = |c: char| " ,[]{}:".contains(c);
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut start = None;
    for (i, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match (is_end(c), start) {
            (false, None) => start = Some(i),
            (true, Some(first)) => {
                words.push((first, &line[first..i]));
                start = None;
            }
            _ => {}
        }
    }
    words.retain(|(_, word)| fits(word));
    match words.choose(rng) {
        Some((at, word)) => format!("{}{with}{}", &line[..*at], &line[at + word.len()..]),
        None => line.into(),
    }
}
