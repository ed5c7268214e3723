//! Records to draw reports from. Costs are those of the real models; latencies and mAP are
//! invented, and live here only.

use std::{collections::BTreeMap, path::Path};

use ablate_records::{
    ApFigures, By, Cell, ClassAp, CostMeasurement, DetectMeasurement, DetectParts, Environment,
    EpochLog, EvalMeasurement, FirstWeights, Judging, LatencyMeasurement, Measurement, Outcome,
    PeakMemory, Record, Rounds, Rung, Stage, TrainMeasurement,
};
use ablate_report::{Contents, Written};
use rand::{Rng, SeedableRng};

/// Variant, parameters of n s m l x with 80 classes, and published GFLOPs at 640 pixels.
pub const GRID: [(&str, [u64; 5], [f64; 5]); 6] = [
    (
        "baseline",
        [1872157, 7235389, 21190557, 46563709, 86749405],
        [4.564, 16.6253, 49.2, 109.5868, 206.3],
    ),
    (
        "gsconv",
        [1764317, 6794429, 20190000, 44780669, 83960000],
        [4.4275, 16.0639, 47.9, 107.3107, 202.7],
    ),
    (
        "asff",
        [3244662, 12674838, 33470000, 68222550, 120100000],
        [6.7198, 25.0732, 67.8, 143.0445, 258.6],
    ),
    (
        "mobilenetv2",
        [378061, 1354653, 3200000, 5662397, 9900000],
        [1.1037, 3.126, 6.9, 11.5101, 19.8],
    ),
    (
        "fasternet",
        [3262881, 9381757, 25400000, 51198461, 93700000],
        [7.4769, 20.6721, 55.1, 116.5206, 214.9],
    ),
    (
        "ghost",
        [1434773, 5455317, 13500000, 25020421, 46200000],
        [3.1091, 10.8319, 24.3, 40.2236, 72.1],
    ),
];

pub const SCALES: [&str; 5] = ["n", "s", "m", "l", "x"];

pub fn cell(variant: &str, scale: &str) -> Cell {
    let variants = if variant == "baseline" {
        String::new()
    } else {
        format!("+{variant}")
    };
    Cell {
        model: format!("yolov5{scale}{variants}"),
        family: "yolov5".into(),
        variant: variant.into(),
        scale: scale.into(),
        nc: 4,
        imgsz: 320.into(),
        dataset: (scale == "n").then(|| "shapes".into()),
        seed: (scale == "n").then_some(0),
        device: "flex".into(),
        batch: 1,
        dtype: "f32".into(),
        mode: "eager".into(),
    }
}

pub fn record(cell: &Cell, outcome: Outcome, stage: Stage) -> Record {
    let seed = format!("{stage:?}{cell:?}")
        .bytes()
        .fold(0u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
    Record {
        key: format!(
            "{seed:016x}{:016x}",
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ),
        stage,
        cell: cell.clone(),
        outcome,
        inputs: serde_json::json!({ "model": cell.model }),
        environment: Environment {
            ablate: "0.1.0".into(),
            burn: "0.22.1".into(),
            rustc: "1.95.0".into(),
            commit: "12e70ed3c5a1".into(),
            os: "Debian GNU/Linux 12".into(),
            cpu: "AMD EPYC 9B14".into(),
            cores: 2,
            threads: 2,
            memory_gib: 15.6,
            libtorch: None,
            tf32_override: None,
        },
        finished: format!("2026-01-0{}T10:00:00Z", 1 + stage as usize),
    }
}

pub fn done(cell: &Cell, measurement: Measurement) -> Record {
    let stage = match &measurement {
        Measurement::Cost(_) => Stage::Cost,
        Measurement::Latency(_) => Stage::Latency,
        Measurement::Train(_) => Stage::Train,
        Measurement::Eval(_) => Stage::Eval,
        Measurement::Detect(_) => Stage::Detect,
    };
    record(cell, Outcome::Done { measurement }, stage)
}

pub fn failed(cell: &Cell, stage: Stage, error: &str) -> Record {
    record(
        cell,
        Outcome::Failed {
            error: error.into(),
        },
        stage,
    )
}

pub fn skipped(cell: &Cell, stage: Stage, reason: &str) -> Record {
    record(
        cell,
        Outcome::Skipped {
            reason: reason.into(),
        },
        stage,
    )
}

/// A training of 20 epochs that halving stopped after five; its seeds share the reason.
pub fn stopped(cell: &Cell) -> Record {
    let Measurement::Train(TrainMeasurement { mut epochs, .. }) = train(0.2, 20) else {
        unreachable!()
    };
    epochs.truncate(5);
    let rung = Rung {
        epoch: 5,
        epochs: 20,
        keep: 0.5,
        ranked: 4,
        kept: 2,
        place: 3,
        fitness: 0.1,
        seeds: 1,
        least: 0.25,
        map50_95: 0.0875,
    };
    let reason = "after epoch 5 of 20 by halving: place 3 of 4".into();
    record(
        cell,
        Outcome::Stopped {
            reason,
            rung,
            epochs,
        },
        Stage::Train,
    )
}

pub fn cost(params: u64, gflops: f64) -> Measurement {
    Measurement::Cost(CostMeasurement {
        params,
        gflops,
        gflops_exact: gflops * 0.98,
        layers: 25,
    })
}

/// Samples around a median, a few of them slow.
pub fn latency(median_ms: f64) -> Measurement {
    let samples_ms: Vec<f64> = (0..40)
        .map(|i| {
            median_ms * (1.0 + 0.004 * f64::from(i % 9 - 4) + if i % 13 == 12 { 0.2 } else { 0.0 })
        })
        .collect();
    let mean_ms = samples_ms.iter().sum::<f64>() / 40.0;
    let std_ms = (samples_ms
        .iter()
        .map(|x| (x - mean_ms).powi(2))
        .sum::<f64>()
        / 39.0)
        .sqrt();
    Measurement::Latency(LatencyMeasurement {
        median_ms,
        mean_ms,
        p90_ms: median_ms * 1.02,
        p99_ms: median_ms * 1.21,
        min_ms: median_ms * 0.984,
        std_ms,
        images_per_s: 1000.0 / median_ms,
        warmup: 5,
        iterations: 40,
        rounds: Some(Rounds {
            session: "one".into(),
            medians_ms: (0..20)
                .map(|i| median_ms * (1.0 + 0.01 * f64::from(i % 3)))
                .collect(),
            aim: None,
        }),
        load: None,
        samples_ms,
        memory: PeakMemory {
            host_mib: Some(512.5),
            device_mib: None,
        },
        rounding_error: None,
        by: None,
        no_plan: None,
    })
}

/// The way from an image to its boxes, of which the forward pass is the most.
pub fn detect(median_ms: f64) -> Measurement {
    let Measurement::Latency(whole) = latency(median_ms) else {
        unreachable!()
    };
    Measurement::Detect(Box::new(DetectMeasurement {
        whole,
        parts: DetectParts {
            letterbox_ms: 1.25,
            upload_ms: 0.5,
            forward_ms: median_ms - 2.75,
            download_ms: 0.25,
            suppression_ms: 0.75,
        },
        split: "test".into(),
        images: 10,
        boxes_per_image: 7.5,
        confidence: 0.25,
    }))
}

/// A run whose mAP rises to `map`.
pub fn train(map: f64, epochs: usize) -> Measurement {
    let epoch = |epoch: usize| {
        let t = (epoch + 1) as f64 / epochs as f64;
        let wiggle = 0.01 * ((epoch * 7) as f64 + 100.0 * map).sin();
        let loss = |start: f64| start * (0.25 + 0.75 * (-3.0 * t).exp()) + wiggle * 0.3 * start;
        EpochLog {
            epoch,
            lr: 0.01 * (1.0 - t),
            losses: [
                ("box", loss(0.11)),
                ("obj", loss(0.05)),
                ("cls", loss(0.04)),
            ]
            .map(|(name, x)| (name.to_string(), x))
            .into(),
            map50: (epoch % 2 == 1)
                .then(|| ((1.0 - (-4.0 * t).exp()) * map * 1.6 + wiggle).clamp(0.0, 1.0)),
            map50_95: (epoch % 2 == 1)
                .then(|| ((1.0 - (-4.0 * t).exp()) * map + wiggle).clamp(0.0, 1.0)),
            mask_map50: None,
            mask_map50_95: None,
            seconds: 5.5,
        }
    };
    Measurement::Train(TrainMeasurement {
        epochs: (0..epochs).map(epoch).collect(),
        train_s: 5.5 * epochs as f64,
        images_per_s: 91.2,
        best_epoch: epochs - 1,
        best_weights: "weights/best.safetensors".into(),
        best_hash: None,
        last_weights: "weights/last.safetensors".into(),
        train_images: 480,
        val_images: 120,
        data: Vec::new(),
        weights: None,
        anchors: None,
        memory: PeakMemory {
            host_mib: Some(2048.0),
            device_mib: Some(1024.5),
        },
    })
}

/// The same, begun with a file of weights.
pub fn train_from(file: &str, map: f64) -> Measurement {
    let Measurement::Train(train) = train(map, 20) else {
        unreachable!()
    };
    let weights = FirstWeights {
        file: file.into(),
        taken: 342,
        total: 349,
        unused: 60,
    };
    Measurement::Train(TrainMeasurement {
        weights: Some(weights),
        ..train
    })
}

pub fn eval(map: f64) -> Measurement {
    let classes = ["circle", "square", "Dreieck △", "星形"];
    let figures = [
        ("AP", Some(map)),
        ("AP50", Some((map * 1.6).min(1.0))),
        ("AP75", Some(map * 0.9)),
        ("AP_small", Some(map * 0.5)),
        ("AP_medium", Some(map * 1.1)),
        ("AP_large", None),
        ("AR_1", Some(map * 0.6)),
        ("AR_10", Some(map * 1.1)),
        ("AR_100", Some(map * 1.2)),
        ("AR_small", Some(map * 0.6)),
        ("AR_medium", Some(map * 1.2)),
        ("AR_large", None),
    ];
    Measurement::Eval(EvalMeasurement {
        split: "val".into(),
        images: 120,
        instances: 611,
        data: None,
        boxes: ApFigures {
            coco: figures
                .map(|(name, x)| (name.to_string(), x))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            per_class: classes
                .iter()
                .enumerate()
                .map(|(i, name)| ClassAp {
                    name: (*name).into(),
                    instances: 140 + 9 * i,
                    ap: Some((map * (1.1 - 0.08 * i as f64)).clamp(0.0, 1.0)),
                    ap50: Some((map * (1.6 - 0.08 * i as f64)).clamp(0.0, 1.0)),
                })
                .collect(),
        },
        masks: None,
        bootstrap: Vec::new(),
        seconds: 4.2,
    })
}

/// mAP of the n models.
pub fn map_of(variant: &str) -> f64 {
    match variant {
        "baseline" => 0.412,
        "gsconv" => 0.407,
        "asff" => 0.428,
        "mobilenetv2" => 0.351,
        "fasternet" => 0.436,
        _ => 0.389,
    }
}

/// Costs of the 30 models: what a sweep knows within a second.
pub fn first_stage() -> Vec<Record> {
    each(|variant, scale, params, gflops| {
        vec![done(&cell(variant, scale), cost(params, gflops / 4.0))]
    })
}

/// The default sweep when it is through, but for two failures: latency of `x+ghost`, training of
/// `n+fasternet`.
pub fn whole_sweep() -> Vec<Record> {
    let later = each(|variant, scale, _, gflops| {
        let cell = cell(variant, scale);
        let slow = match variant {
            "mobilenetv2" => 1.9,
            "ghost" => 1.6,
            "gsconv" => 1.015,
            _ => 1.0,
        };
        let latency = if (variant, scale) == ("ghost", "x") {
            failed(
                &cell,
                Stage::Latency,
                "out of memory: 3.2 GiB wanted, 1.1 GiB free",
            )
        } else {
            done(&cell, latency(6.0 + 5.3 * slow * gflops / 4.0))
        };
        let reason = "the sweep trains scale n only";
        let rest = match (variant, scale) {
            ("fasternet", "n") => vec![
                failed(
                    &cell,
                    Stage::Train,
                    "the loss is NaN at epoch 3, step 12 (learning rate 0.01)",
                ),
                skipped(&cell, Stage::Eval, "training failed"),
            ],
            (variant, "n") => vec![
                done(&cell, train(map_of(variant), 20)),
                done(&cell, eval(map_of(variant))),
            ],
            _ => vec![
                skipped(&cell, Stage::Train, reason),
                skipped(&cell, Stage::Eval, reason),
            ],
        };
        [latency].into_iter().chain(rest).collect()
    });
    first_stage().into_iter().chain(later).collect()
}

/// All 30 models trained on two data sets with three seeds each, on two devices.
pub fn large_sweep() -> Vec<Record> {
    let mut records = Vec::new();
    for (d, device) in ["flex", "tch:cuda:0"].into_iter().enumerate() {
        for (set, dataset) in ["bccd", "shapes"].into_iter().enumerate() {
            for seed in 0..3u64 {
                records.extend(each(|variant, scale, params, gflops| {
                    let cell = Cell {
                        dataset: Some(dataset.into()),
                        seed: Some(seed),
                        device: device.into(),
                        ..cell(variant, scale)
                    };
                    let size = (params as f64).log10() - 6.0;
                    let map = map_of(variant)
                        + 0.08 * size
                        + 0.006 * (seed as f64 - 1.0) * (size * 9.0).cos()
                        + 0.1 * set as f64;
                    vec![
                        done(&cell, cost(params, gflops / 4.0)),
                        done(
                            &cell,
                            latency((6.0 + 5.3 * gflops / 4.0) / (1.0 + 20.0 * d as f64)),
                        ),
                        done(&cell, train(map, 30)),
                        done(&cell, eval(map)),
                    ]
                }));
            }
        }
    }
    records
}

/// A hundred and twelve variants at five scales: 560 models, costed and timed, of which those of
/// scale n were trained and evaluated, or all.
pub fn hundreds(all_trained: bool) -> Vec<Record> {
    let blocks = [
        "gsconv", "asff", "ghost", "eca", "bifpn", "simam", "wtconv", "partial",
    ];
    let singles = blocks.iter().map(|block| (*block).to_string());
    let pairs = blocks.iter().enumerate().flat_map(|(i, a)| {
        let others = blocks[i + 1..].iter();
        others.map(move |b| format!("{a}+{b}"))
    });
    let names: Vec<String> = singles.chain(pairs).collect();
    let with_arguments = [2, 4, 8].into_iter().flat_map(|ratio| {
        names
            .iter()
            .map(move |name| format!("{name}:ratio={ratio}"))
    });
    let names: Vec<String> = ["baseline".to_string()]
        .into_iter()
        .chain(names.iter().cloned())
        .chain(with_arguments)
        .take(112)
        .collect();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let mut records = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let (size, luck): (f64, f64) = match place {
            0 => (1.0, 0.5),
            _ => (random.random_range(0.35..1.7), random.random()),
        };
        let (_, params, gflops) = GRID[0];
        for (i, scale) in SCALES.into_iter().enumerate() {
            let trained = all_trained || scale == "n";
            let cell = Cell {
                dataset: trained.then(|| "shapes".into()),
                seed: trained.then_some(0),
                ..cell(name, scale)
            };
            let gflops = gflops[i] / 4.0 * size;
            records.push(done(&cell, cost((params[i] as f64 * size) as u64, gflops)));
            records.push(done(
                &cell,
                latency(6.0 + 5.3 * gflops * (0.9 + 0.2 * luck)),
            ));
            if trained {
                let map = 0.38 + 0.05 * size.ln() + 0.05 * luck + 0.03 * i as f64;
                records.push(done(&cell, train(map, 20)));
                records.push(done(&cell, eval(map)));
            } else {
                let reason = "the sweep trains scale n only";
                records.push(skipped(&cell, Stage::Train, reason));
                records.push(skipped(&cell, Stage::Eval, reason));
            }
        }
    }
    records
}

fn each(make: impl Fn(&str, &str, u64, f64) -> Vec<Record>) -> Vec<Record> {
    let models = GRID.iter().flat_map(|(variant, params, gflops)| {
        (0..5).map(move |i| (*variant, SCALES[i], params[i], gflops[i]))
    });
    models
        .flat_map(|(variant, scale, params, gflops)| make(variant, scale, params, gflops))
        .collect()
}

/// A latency of networks that ran in this way.
pub fn ran(latency: Measurement, by: By, no_plan: Option<&str>) -> Measurement {
    match latency {
        Measurement::Latency(latency) => Measurement::Latency(LatencyMeasurement {
            by: Some(by),
            no_plan: no_plan.map(String::from),
            ..latency
        }),
        other => other,
    }
}

/// Two models of a GPU, each timed eagerly and as a graph, which is the faster by a factor of its own.
pub fn both_modes() -> Vec<Record> {
    let times = [
        ("baseline", "eager", 10.0),
        ("asff", "eager", 11.0),
        ("baseline", "graph", 2.0),
        ("asff", "graph", 3.0),
    ];
    let timed = |(variant, mode, ms): (&str, &str, f64)| {
        let cell = Cell {
            device: "tch:cuda:0".into(),
            mode: mode.into(),
            ..cell(variant, "s")
        };
        done(&cell, ran(latency(ms), By::Operations, None))
    };
    times.into_iter().map(timed).collect()
}

/// A latency that was not timed in turn with others.
pub fn unpaired(latency: Measurement) -> Measurement {
    match latency {
        Measurement::Latency(latency) => Measurement::Latency(LatencyMeasurement {
            rounds: None,
            ..latency
        }),
        other => other,
    }
}

/// Writes a report without notes on variants.
pub fn write(dir: &Path, title: &str, records: &[Record]) -> anyhow::Result<Written> {
    write_judged(dir, title, records, Judging::default())
}

/// The same, judged otherwise than by default.
pub fn write_judged(
    dir: &Path,
    title: &str,
    records: &[Record],
    judging: Judging,
) -> anyhow::Result<Written> {
    let contents = Contents {
        title,
        variants: &[],
        judging,
        records,
    };
    ablate_report::write(dir, &contents)
}

/// The page of a report.
pub fn page_judged(records: &[Record], judging: Judging) -> String {
    let folder = tempfile::tempdir().unwrap();
    let written = write_judged(folder.path(), "A test", records, judging).unwrap();
    std::fs::read_to_string(written.html).unwrap()
}

/// A sweep's folder with the report in it.
pub fn written(records: &[Record]) -> (tempfile::TempDir, Written) {
    let folder = tempfile::tempdir().unwrap();
    let written = write(folder.path(), "A test", records).unwrap();
    (folder, written)
}

/// The rows of `results.csv` by column.
pub fn table(records: &[Record]) -> Vec<BTreeMap<String, String>> {
    let (_folder, written) = written(records);
    let mut reader = csv::Reader::from_path(&written.csv).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

pub fn page(records: &[Record]) -> String {
    let (_folder, written) = written(records);
    std::fs::read_to_string(written.html).unwrap()
}
