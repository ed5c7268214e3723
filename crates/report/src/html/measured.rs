//! The tables of what was measured and how: latency, training, and the records behind them.

use std::collections::BTreeSet;

use super::table::{Group, Sheet, Td, Th, Tr, grouped, heads};
use crate::number;
use crate::rows::{BASELINE, Row, Rows};
use crate::summary::{Line, Setting, Table};
use ablate_records::{
    EpochLog, FirstWeights, Measurement, Outcome, PeakMemory, Rung, Stage, TrainMeasurement,
};

const HOST: &str = "most memory that the process held meanwhile; of a latency, with the weights of the models that it is timed against";
const DEVICE: &str =
    "memory that the device's allocator had reserved; empty where the backend keeps no account";
const ROUNDING: &str =
    "largest difference from 32 bits, of boxes or of probabilities, as a share of the largest";

fn peaks(memory: PeakMemory) -> [Td; 2] {
    [memory.host_mib, memory.device_mib]
        .map(|mib| mib.map_or_else(Td::default, |mib| Td::figure(format!("{mib:.0}"), mib)))
}

/// Latency with its spread.
pub fn timings(tables: &[Table]) -> Vec<Sheet> {
    let mut seen = BTreeSet::new();
    let mut sheets = Vec::new();
    for table in tables {
        let rounded = table.setting.timing.rounded_to.is_some();
        let setting = Setting {
            dataset: None,
            ..table.setting
        };
        let mut heading = heads([
            ("median", "ms"),
            ("mean", "ms"),
            ("std", "sample standard deviation, ms"),
            ("min", "ms"),
            ("p90", "ms"),
            ("p99", "ms"),
            ("n", "timed iterations"),
            ("warm-up", "iterations before the first timed one"),
            ("images/s", "batch divided by the median"),
            ("host MiB", HOST),
            ("device MiB", DEVICE),
        ]);
        if rounded {
            heading.push(Th {
                text: "rounding".into(),
                tip: ROUNDING.into(),
            });
        }
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
            let error = l.rounding_error.map_or_else(Td::default, |error| {
                Td::figure(format!("{} %", number::short(100.0 * error)), error)
            });
            ms.into_iter()
                .chain(counts)
                .chain([speed])
                .chain(peaks(l.memory))
                .chain(rounded.then_some(error))
                .collect()
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

/// Training runs.
pub fn runs(rows: &Rows) -> Option<Sheet> {
    let mut heading = heads([
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
        ("host MiB", HOST),
        ("device MiB", DEVICE),
    ]);
    // Where every training began with random weights, there is nothing to say.
    let from_file = rows
        .rows
        .iter()
        .any(|row| row.train().is_some_and(|train| train.weights.is_some()));
    if from_file {
        heading.push(Th {
            text: "started from".into(),
            tip: "whatever fitted of the file; all else was random".into(),
        });
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &rows.rows {
        let Some(record) = row.record(Stage::Train) else {
            continue;
        };
        let run = match &record.outcome {
            Outcome::Done {
                measurement: Measurement::Train(train),
            } => run(train, from_file),
            Outcome::Stopped {
                reason,
                rung,
                epochs,
            } => cut_short(reason, rung, epochs, from_file),
            _ => continue,
        };
        if !seen.insert((&record.key, row.cell.model.clone())) {
            continue;
        }
        let seed = row.cell.seed.map_or_else(Td::default, |seed| {
            Td::figure(seed.to_string(), seed as f64)
        });
        let dataset = Td {
            text: row.cell.dataset.clone().unwrap_or_default(),
            ..Td::default()
        };
        let cells = [dataset, seed].into_iter().chain(run).collect();
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

fn count(n: usize) -> Td {
    Td::figure(n.to_string(), n as f64)
}

/// Of a training that went to its end: epochs and what follows them.
fn run(train: &TrainMeasurement, from_file: bool) -> Vec<Td> {
    let best = train
        .epochs
        .iter()
        .find(|epoch| epoch.epoch == train.best_epoch)
        .and_then(|epoch| epoch.map50_95);
    let mut cells = vec![
        count(train.epochs.len()),
        count(train.best_epoch + 1),
        best.map_or_else(Td::default, |map| Td::figure(number::map(map), map)),
        Td::figure(number::duration(train.train_s), train.train_s),
        Td::figure(number::short(train.images_per_s), train.images_per_s),
        count(train.train_images),
        count(train.val_images),
    ];
    cells.extend(peaks(train.memory));
    if from_file {
        cells.push(train.weights.as_ref().map_or_else(
            || Td {
                text: "random weights".into(),
                ..Td::default()
            },
            started,
        ));
    }
    cells
}

/// Of one that halving stopped: it has no best epoch, and its mAP at the rung is none to read beside the others.
fn cut_short(reason: &str, rung: &Rung, epochs: &[EpochLog], from_file: bool) -> Vec<Td> {
    let stopped = || Td {
        text: "stopped".into(),
        tip: format!("stopped {reason}"),
        class: "gap",
        ..Td::default()
    };
    let seconds = epochs.iter().map(|epoch| epoch.seconds).sum();
    let known = [
        count(rung.epoch).note(format!("of {}", rung.epochs)),
        stopped(),
        stopped(),
        Td::figure(number::duration(seconds), seconds),
    ];
    known
        .into_iter()
        .chain(vec![Td::default(); 5 + usize::from(from_file)])
        .collect()
}

/// What a training began with.
fn started(weights: &FirstWeights) -> Td {
    let FirstWeights {
        file,
        taken,
        total,
        unused,
    } = weights;
    let td = Td::figure(file.clone(), *taken as f64 / (*total).max(1) as f64);
    td.note(format!("{taken} of {total} tensors"))
        .tip(format!("{unused} tensors of the file had no place"))
}

/// The records behind each cell.
pub fn keys(rows: &Rows) -> Sheet {
    let mut heading = heads([
        ("data set", ""),
        ("seed", ""),
        ("device", ""),
        ("px", "image size of cost, latency, training"),
        (
            "latency",
            "batch size, and number format where it is not f32",
        ),
    ]);
    heading.extend(Stage::ALL.iter().map(|&stage| Th {
        text: stage.name().into(),
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
            format!("{} / {} / {}", c.imgsz.cost, c.imgsz.latency, c.imgsz.train),
            c.timing().to_string(),
        ];
        let cells = setting
            .map(plain)
            .into_iter()
            .chain(Stage::ALL.iter().map(|&stage| key(row, stage)))
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
