//! Sweeps and recipes that were damaged at random are taken or refused, with the file's name, never
//! a panic, and in bounded time.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use ablate::sweep::{config::SweepConfig, plan::Plan};
use ablate_model::Catalog;
use ablate_training::Recipe;

/// Every key of a sweep.
const SWEEP: &str = "
name: test
families: [yolov5]
scales: [n, s]
variants: [baseline, 'asff:order=sequential,rfb=true', ghost+gsconv]
models: [yolov5x+gsconv, yolov5n]
tables: []
nc: 3
devices: [flex, 'cuda:0']
seeds: [0, 7]
cost: {imgsz: 640}
latency: {scales: [n, s], imgsz: [320, 384], batch: 2, budget_s: 1.5, warmup: 0, min_iterations: 1, dtype: [f32, f16], mode: [eager, graph]}
train:
  scales: [n]
  data: data.yaml
  recipe: {yolov5: recipe.yaml}
  overrides: {lr0: 0.02, freeze: [0, 2], multi_scale: true, anchors: 3}
  weights: first.pt
  imgsz: 160
  epochs: 3
  batch: -1
  halving: {rungs: 2, keep: 0.5, among: models}
eval: {split: test}
detect: {images: 4, confidence: 0.25, budget_s: 1.5, within: 1, limit_s: 3}
";

/// The parser would be at it for minutes.
#[test]
fn brackets_that_never_close_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep.yaml");
    fs::write(&file, format!("name: a\nnames: {}", "[{a: ".repeat(50_000))).unwrap();
    let start = Instant::now();
    let errors = [
        format!("{:#}", SweepConfig::read(&file).unwrap_err()),
        Recipe::load(&file).unwrap_err().to_string(),
        ablate_detection::dataset::DataSpec::load(&file)
            .unwrap_err()
            .to_string(),
        Catalog::builtin().add_file(&file).unwrap_err().to_string(),
    ];
    for error in errors {
        assert!(
            error.contains("expected brackets at most 1000 deep")
                && (error.contains("deep.yaml:2: ")
                    || error.contains("deep.yaml: ") && error.contains("at line 2")),
            "{error}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(2));
}

const SWEEPS: [&str; 3] = [
    SWEEP,
    include_str!("../../../configs/sweeps/smoke.yaml"),
    include_str!("../../../configs/sweeps/halving.yaml"),
];

const RECIPES: [&str; 5] = [
    include_str!("../../../configs/recipes/yolov5-scratch-low.yaml"),
    include_str!("../../../configs/recipes/yolov8.yaml"),
    include_str!("../../../configs/recipes/shapes-64.yaml"),
    "task: detect\nmode: train\nfreeze: [0, 2]\nbox: 7.5\ncls_pw: 0.0\ndfl: 1.5\ncopy_paste: 0.1\ncopy_paste_mode: flip\n",
    "{lr0: 0.01, anchor_free: {box: 7, dfl: 1}, multi_scale: true, anchors: 3.2, batch: -1}",
];

/// What YAML makes something of, and the edges of numbers.
const SPLICES: [&str; 40] = [
    "\t",
    "\0",
    "\n",
    "\r",
    "- ",
    ": ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "#",
    "\"",
    "'",
    "|\n",
    ">\n",
    "&a ",
    "*a",
    "!!int ",
    "!x ",
    "<<: ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "~",
    "null",
    "true",
    ".nan",
    "-.inf",
    "1e999",
    "-1",
    "0",
    "0x1f",
    "18446744073709551616",
    "-9223372036854775809",
    "1.0",
    "\u{FEFF}",
    "\u{2028}",
    "é",
];

/// Xorshift, so that every run damages alike.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }

    /// The bytes with one to four wounds.
    fn damaged(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(24)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
                3 => bytes.truncate(at),
                // In place of a value or a part of one.
                4 => {
                    let splice = SPLICES[self.below(SPLICES.len())];
                    bytes.splice(at..end, splice.bytes());
                }
                _ => {
                    let splice = SPLICES[self.below(SPLICES.len())];
                    bytes.splice(at..at, splice.bytes());
                }
            }
        }
        bytes
    }
}

/// Damages the texts by turns, and reads each; how many were taken.
fn survives(texts: &[&str], name: &str, read: impl Fn(&Path) -> Result<(), String>) -> usize {
    const ROUNDS: usize = 2000;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0;
    for round in 0..ROUNDS {
        let bytes = random.damaged(texts[round % texts.len()]);
        fs::write(&file, &bytes).unwrap();
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| read(&file)));
        let (took, text) = (start.elapsed(), String::from_utf8_lossy(&bytes));
        let result = result.unwrap_or_else(|_| panic!("a panic on\n{text}"));
        assert!(took < Duration::from_secs(5), "{took:?} for\n{text}");
        match result {
            Ok(()) => taken += 1,
            Err(error) => assert!(error.contains(name), "no name in '{error}', of\n{text}"),
        }
    }
    println!("{taken} of {ROUNDS} taken");
    assert!((1..ROUNDS).contains(&taken), "nothing but one tests little");
    taken
}

#[test]
fn damaged_sweeps_never_panic() {
    let catalog = Catalog::builtin();
    survives(&SWEEPS, "sweep.yaml", |file| {
        let config = SweepConfig::read(file).map_err(|error| format!("{error:#}"))?;
        // Its models may not be there, which is for later to say.
        let _ = Plan::new(&config, &catalog, 3, Some("data"));
        Ok(())
    });
}

#[test]
fn damaged_recipes_never_panic() {
    survives(&RECIPES, "recipe.yaml", |file| {
        let (recipe, _) = Recipe::load(file).map_err(|error| error.to_string())?;
        recipe.check().map_err(|error| error.to_string())
    });
}
