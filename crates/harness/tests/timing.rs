//! Timing: what is measured is the work, all of it, model by model in turn.

use std::{cell::RefCell, time::Duration};

use ablate::{
    device::BACKENDS,
    measure::{
        forward::{ForwardPass, forward_passes},
        mode::Mode,
        precision::{Precision, rounding_error},
        rounds::{measure, ratio},
        timing::{Aim, Iteration, Pending, Protocol, time},
        train_step::{TrainStep, train_step},
    },
};
use ablate_model::{Catalog, Graph, ModelName, spec::Table};
use ablate_records::{By, LatencyMeasurement};
use anyhow::{Result, bail};
use burn::tensor::{Device, Tensor};

fn protocol(budget_ms: u64, min_iterations: usize) -> Protocol {
    Protocol {
        batch: 1,
        imgsz: 64.into(),
        warmup: 1,
        budget: Duration::from_millis(budget_ms),
        min_iterations,
        min_rounds: 0,
        aim: None,
        fuse: true,
        precision: Precision::F32,
        mode: Mode::Eager,
    }
}

/// Work that returns at once and is done only when its result is waited for, as on a lazy backend.
struct Lazy(Duration);

impl Pending for Lazy {
    fn wait(self) -> Result<()> {
        std::thread::sleep(self.0);
        Ok(())
    }
}

#[test]
fn time_includes_work_that_goes_on_after_the_call_returned() {
    let took = time(|| Lazy(Duration::from_millis(40))).unwrap();
    assert!(took >= Duration::from_millis(40), "{took:?}");
}

#[test]
fn models_are_timed_in_turn_within_budget_and_minimum() {
    let order = RefCell::new(Vec::new());
    let pass = |name: char, ms: u64| -> Result<Iteration> {
        let order = &order;
        Ok(Iteration::new(move || {
            order.borrow_mut().push(name);
            std::thread::sleep(Duration::from_millis(ms));
            Ok(Duration::from_millis(ms))
        }))
    };
    let mut heard = Vec::new();
    let measured = measure(
        vec![pass('a', 1), pass('b', 4)],
        0,
        &Device::flex(),
        &protocol(20, 8),
        |done| heard.push(done),
    );
    let (a, b) = (measured[0].as_ref().unwrap(), measured[1].as_ref().unwrap());
    assert!(
        a.iterations >= 20,
        "the budget holds {} iterations of 1 ms",
        a.iterations
    );
    assert!(
        (10..16).contains(&b.iterations),
        "five would fill the budget, eight is the minimum, each of ten rounds takes one: {}",
        b.iterations
    );
    let rounds = |latency: &LatencyMeasurement| latency.rounds.as_ref().unwrap().medians_ms.len();
    assert_eq!((rounds(a), rounds(b)), (b.iterations, b.iterations));
    assert_eq!((a.median_ms, b.median_ms, a.std_ms), (1.0, 4.0, 0.0));
    assert_eq!((a.warmup, a.samples_ms.len()), (1, a.iterations));

    let order: String = order.borrow().iter().collect();
    assert!(
        order.starts_with("abab"),
        "warm-up of both comes first: {order}"
    );
    let firsts = order.as_bytes()[4..].windows(2);
    let by = |pair: &[u8]| firsts.clone().filter(|found| *found == pair).count();
    assert!(
        by(b"ab") > 0 && by(b"ba") > 0 && by(b"bb") > 0,
        "the order of a round is drawn: {order}"
    );
    let turns = order
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .count();
    assert!(turns >= 10, "they take turns: {order}");
    assert!(heard.windows(2).all(|pair| pair[0] <= pair[1]), "{heard:?}");
    assert_eq!(heard.last(), Some(&1.0));
}

#[test]
fn a_model_that_fails_or_panics_leaves_the_others_alone() {
    let mut left = 3;
    let measured = measure(
        vec![
            Ok(Iteration::new(|| Ok(Duration::from_millis(1)))),
            Ok(Iteration::new(move || {
                left -= 1;
                if left == 0 {
                    panic!("out of memory")
                } else {
                    Ok(Duration::from_millis(1))
                }
            })),
            Ok(Iteration::new(|| bail!("no such operation"))),
            Err(anyhow::anyhow!("no weights")),
        ],
        0,
        &Device::flex(),
        &protocol(5, 5),
        |_| {},
    );
    assert_eq!(measured[0].as_ref().unwrap().median_ms, 1.0);
    let errors: Vec<String> = measured[1..]
        .iter()
        .map(|result| result.as_ref().unwrap_err().to_string())
        .collect();
    assert_eq!(
        errors,
        ["panicked: out of memory", "no such operation", "no weights"]
    );
}

/// Durations that wander by 10 %, the same for both models of a round; the second takes 5 % longer.
#[test]
fn rounds_go_on_until_the_ratio_is_known() {
    let pass = |factor: f64| {
        let mut calls = 0_u32;
        Ok(Iteration::new(move || {
            calls += 1;
            let wander = 1.0 + 0.05 * (f64::from(calls) * 1.7 * factor).sin();
            Ok(Duration::from_secs_f64(0.001 * factor * wander))
        }))
    };
    let timed = |aim| {
        let protocol = Protocol {
            aim,
            budget: Duration::ZERO,
            ..protocol(0, 1)
        };
        let measured = measure(
            vec![pass(1.0), pass(1.05)],
            0,
            &Device::flex(),
            &protocol,
            |_| {},
        );
        let [base, own] = [0, 1].map(|i| measured[i].as_ref().unwrap().clone());
        let rounds = base.rounds.as_ref().unwrap().medians_ms.len();
        assert_eq!(rounds, own.rounds.as_ref().unwrap().medians_ms.len());
        (rounds, ratio(&own, &base, 1).unwrap())
    };
    let aim = |within, limit_s| {
        Some(Aim {
            within,
            limit: Duration::from_secs(limit_s),
            claims: 1,
        })
    };
    assert_eq!(timed(None).0, 10);
    let (rounds, [ratio, low, high]) = timed(aim(0.5, 100));
    assert!(
        rounds > 10 && high - low < 0.0106,
        "{rounds} rounds, {low} … {high}"
    );
    assert!((1.03..1.07).contains(&ratio) && low > 1.0, "{ratio}");
    // A limit that is reached ends it.
    assert_eq!(timed(aim(0.0001, 0)).0, 10);
}

fn graph(model: &str) -> Graph {
    let name: ModelName = model.parse().unwrap();
    Catalog::builtin()
        .resolve(&name)
        .unwrap()
        .graph(Some(3))
        .unwrap()
}

fn forward_pass(graph: &Graph, device: &Device, protocol: &Protocol) -> Result<Iteration<'static>> {
    forward_passes(vec![("one", ForwardPass::new(graph, device, protocol))]).remove(0)
}

/// All by plans, or none, and the record says which.
#[test]
fn what_is_timed_together_runs_in_one_way() {
    // A pool that the engine does not have.
    let table = "nc: 3\nbackbone:\n  - [-1, 1, Conv, [16, 3, 2]]\n  - [-1, 1, nn.MaxPool2d, [1, 1, 0, 2]]\nhead:\n  - [[-1], 1, Detect, [nc]]\n";
    let table = Table::from_yaml(table, "own").unwrap();
    let own = Graph::resolve(&table, table.scales[0].1, table.nc).unwrap();
    let plain = graph("yolov5n");
    let (device, protocol) = (Device::flex(), protocol(1, 1));
    let ways = |graphs: &[(&'static str, &Graph)]| -> Vec<(Option<By>, Option<String>)> {
        let passes = graphs.iter();
        let passes =
            passes.map(|(name, graph)| (*name, ForwardPass::new(graph, &device, &protocol)));
        let iterations = forward_passes(passes.collect());
        let measured = measure(iterations, 0, &device, &protocol, |_| {});
        let way = |latency: Result<LatencyMeasurement>| {
            let latency = latency.unwrap();
            (latency.by, latency.no_plan)
        };
        measured.into_iter().map(way).collect()
    };
    assert_eq!(ways(&[("yolov5n", &plain)]), [(Some(By::Plan), None)]);
    let why = Some("own (row 1, nn.MaxPool2d)".to_string());
    let all = (Some(By::Operations), why);
    let found = ways(&[("yolov5n", &plain), ("own", &own)]);
    assert_eq!(found, [all.clone(), all]);
}

#[test]
fn a_device_that_cannot_capture_is_refused() {
    let protocol = Protocol {
        mode: Mode::Graph,
        ..protocol(1, 1)
    };
    let pass = ForwardPass::new(&graph("yolov5n"), &Device::flex(), &protocol);
    let error = pass.err().expect("no graph by Burn alone").to_string();
    assert!(
        error.starts_with("mode graph: ") && error.contains("LibTorch"),
        "{error}"
    );
}

#[cfg(all(feature = "tch", target_os = "linux", target_arch = "x86_64"))]
#[test]
#[allow(deprecated, reason = "burn-tch is deprecated as a whole")]
fn a_network_is_replayed_by_libtorch() {
    let protocol = Protocol {
        mode: Mode::Graph,
        ..protocol(1, 3)
    };
    let device = Device::libtorch();
    // What the replay gives is compared with the pass when it is captured.
    for model in ["yolov5n+asff", "yolov8n+ghost", "yolov9t"] {
        let pass = ForwardPass::new(&graph(model), &device, &protocol);
        let pass = forward_passes(vec![(model, pass)]).remove(0);
        let latency = measure(vec![pass], 0, &device, &protocol, |_| {}).remove(0);
        let latency = latency.unwrap_or_else(|error| panic!("{model}: {error:#}"));
        assert!(latency.median_ms > 0.0 && latency.by == Some(By::Operations));
    }
}

#[test]
fn a_forward_pass_is_timed_on_the_device_without_autodiff() {
    let protocol = Protocol {
        batch: 2,
        ..protocol(1, 3)
    };
    let pass = forward_pass(&graph("yolov5n"), &Device::flex(), &protocol);
    let latency = measure(vec![pass], 0, &Device::flex(), &protocol, |_| {})
        .remove(0)
        .unwrap();
    assert!(latency.iterations >= 3);
    assert!(
        latency.min_ms > 0.1,
        "no network passes in {} ms",
        latency.min_ms
    );
    assert!(
        latency.min_ms <= latency.median_ms
            && latency.median_ms <= latency.p90_ms
            && latency.p90_ms <= latency.p99_ms
    );
    assert!((latency.images_per_s - 2e3 / latency.median_ms).abs() < 1e-9 * latency.images_per_s);
}

/// Steps that learn their batch have gone through loss, gradients and optimizer, each from where
/// the one before it came. YOLOv8's loss may rise at first: what it asks for grows with how well
/// the boxes fit.
#[test]
fn training_steps_learn_their_batch() {
    let losses = |model: &str| -> Vec<f32> {
        let mut step = TrainStep::new(
            &graph(model),
            &Device::flex(),
            &Protocol {
                batch: 2,
                ..protocol(0, 0)
            },
        )
        .unwrap();
        (0..12)
            .map(|_| step.run().unwrap().sum().into_scalar::<f32>())
            .collect()
    };
    let v5 = losses("yolov5n");
    assert!(v5[11] < v5[5] && v5[5] < v5[0], "{v5:?}");
    let v8 = losses("yolov8n");
    assert!(
        v8.windows(2)
            .all(|pair| pair[0] != pair[1] && pair[1].is_finite()),
        "{v8:?}"
    );
}

#[test]
fn a_training_step_is_timed_to_its_end() {
    let (device, protocol) = (
        Device::flex(),
        Protocol {
            batch: 2,
            ..protocol(1, 5)
        },
    );
    let graph = graph("yolov5n");
    let iterations = vec![
        forward_pass(&graph, &device, &protocol),
        train_step(&graph, &device, &protocol),
    ];
    let measured = measure(iterations, 0, &device, &protocol, |_| {});
    let [forward, step] = [0, 1].map(|i| measured[i].as_ref().unwrap());
    assert!(step.iterations >= 5);
    assert!(
        step.min_ms > 1.5 * forward.min_ms,
        "{} ms for a step, {} ms for its forward pass",
        step.min_ms,
        forward.min_ms
    );
}

#[test]
fn a_head_that_makes_masks_has_nothing_to_learn_from() {
    let protocol = protocol(1, 1);
    let step = train_step(&graph("yolov5n+segment"), &Device::flex(), &protocol);
    let error = measure(vec![step], 0, &Device::flex(), &protocol, |_| {})
        .remove(0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("masks"), "{error}");
}

/// Where a device has no room for a model, the models after it are measured all the same. Not on
/// the CPU's own backend: there the program ends.
#[test]
fn a_device_without_room_fails_that_model_alone() {
    for backend in BACKENDS.iter().filter(|backend| backend.name != "flex") {
        let Ok(device) = backend
            .name
            .parse::<ablate::device::DeviceName>()
            .unwrap()
            .open()
        else {
            continue;
        };
        let ones = |count: usize| -> Result<Iteration> {
            let device = device.clone();
            Ok(Iteration::new(move || {
                time(|| Tensor::<2>::ones([count, 1 << 20], &device) * 2.0)
            }))
        };
        let measured = measure(
            vec![ones(1 << 20), ones(1)],
            0,
            &device,
            &protocol(1, 2),
            |_| {},
        );
        let error = ablate::guard::one_line(measured[0].as_ref().unwrap_err());
        assert!(
            error.starts_with("out of memory: ") && !error.contains("frame #"),
            "{}: {error}",
            backend.name
        );
        assert!(measured[1].is_ok(), "{}: {:?}", backend.name, measured[1]);
    }
}

/// 8 bits of a number in bfloat16, 11 in half precision.
#[test]
fn rounding_is_measured() {
    let error = |precision| {
        rounding_error(
            &graph("yolov5n"),
            &Device::flex(),
            &Protocol {
                precision,
                ..protocol(1, 1)
            },
        )
        .unwrap()
    };
    let [half, brain] =
        [Precision::F16, Precision::Bf16].map(|precision| error(precision).unwrap());
    assert_eq!(error(Precision::F32), None, "nothing is rounded");
    assert!(0.0 < half && half < brain && brain < 0.05, "{half} {brain}");
}
