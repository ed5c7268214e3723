//! The summary on the screen.

use ablate_records::{By, Judging, Record, Stage};
use ablate_report::terminal;

use crate::support::*;

fn render(records: &[Record], width: Option<u16>, colour: bool) -> String {
    terminal::render(records, Judging::default(), width, colour)
}

#[test]
fn it_is_plain_and_whole_without_a_terminal() {
    let text = render(&whole_sweep(), None, false);
    assert!(!text.contains('\u{1b}'));
    assert!(text.contains("shapes · flex · 320 px · batch 1 · 4 classes"));
    let line = text
        .lines()
        .find(|line| line.contains("yolov5n+gsconv"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        words,
        [
            "yolov5n+gsconv",
            "1.76",
            "▼",
            "−5.8",
            "%",
            "1.11",
            "▼",
            "−3.0",
            "%",
            "1.08",
            "12.0",
            "≈",
            "−0.8",
            "%",
            "−0.8",
            "…",
            "−0.8",
            "%",
            "83.7",
            "65.1",
            "40.7",
            "?",
            "−0.5"
        ]
    );
    assert!(text.contains("2 failed:\n  yolov5n+fasternet train of seed 0: the loss is NaN"));
    assert_eq!(
        terminal::summary(&[], Judging::default()),
        "No records yet.\n"
    );
}

/// Times of different ways are named, and what had no plan.
#[test]
fn it_says_how_networks_ran() {
    let timed = |variant: &str, scale: &str, measured| done(&cell(variant, scale), measured);
    let by = |by, no_plan| ran(latency(20.0), by, no_plan);
    let one = [
        timed("baseline", "n", by(By::Plan, None)),
        timed("asff", "n", by(By::Plan, None)),
    ];
    assert!(!render(&one, None, false).contains("Latency"));
    let why = "yolov5s+asff (row 10, C2PSA)";
    let text = render(
        &[
            one.as_slice(),
            &[
                timed("baseline", "s", by(By::Operations, Some(why))),
                timed("asff", "s", by(By::Operations, Some(why))),
                timed("baseline", "m", latency(30.0)),
            ],
        ]
        .concat(),
        None,
        false,
    );
    for line in [
        "Latency: no plan for yolov5s+asff (row 10, C2PSA), so all that was timed together ran operation by operation.",
        "Latency on flex: the models did not all run in one way, so their times are not to be compared: yolov5m in a way that \
         the records do not name, yolov5n and 1 more by compiled plan, yolov5s and 1 more operation by operation.",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

/// A table for each mode, and below them what the modes are.
#[test]
fn it_says_how_passes_were_launched() {
    let records = both_modes();
    let text = render(&records, None, false);
    let eager = "Eager: operation by operation, as PyTorch does";
    let graph = "Graph: the pass is captured once and replayed";
    let apart = "Times of the two modes are not compared with each other";
    for words in [
        "tch:cuda:0 · 320 px · batch 1, eager · 4 classes",
        "tch:cuda:0 · 320 px · batch 1, graph · 4 classes",
        eager,
        graph,
        apart,
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let of = |mode: &str| {
        let records = records.iter().filter(|record| record.cell.mode == mode);
        render(&Vec::from_iter(records.cloned()), None, false)
    };
    let (one, other) = (of("eager"), of("graph"));
    assert!(one.contains(eager) && !one.contains(graph) && !one.contains(apart));
    assert!(other.contains(graph) && !other.contains(eager) && !other.contains(apart));
    // A device without graphs has no modes.
    let text = render(&whole_sweep(), None, false);
    assert!(!text.to_lowercase().contains("eager"), "{text}");
}

#[test]
fn it_says_what_trainings_began_with() {
    let trained = |variant: &str, seed| {
        let cell = ablate_records::Cell {
            seed: Some(seed),
            ..cell(variant, "n")
        };
        done(&cell, train_from("yolov5n.pt", 0.4))
    };
    let text = render(
        &[
            trained("baseline", 0),
            trained("baseline", 1),
            trained("asff", 0),
        ],
        None,
        false,
    );
    assert!(
        text.contains(
            "started from yolov5n.pt: yolov5n 342 of 349 tensors, yolov5n+asff 342 of 349 tensors\n"
        ),
        "{text}"
    );
    assert!(!render(&whole_sweep(), None, false).contains("started from"));
}

#[test]
fn stopped_models_say_where_and_why() {
    let seed = |variant: &str, seed| ablate_records::Cell {
        seed: Some(seed),
        ..cell(variant, "n")
    };
    let mut records = Vec::new();
    for i in [0, 1] {
        records.extend([
            done(&seed("baseline", i), train(0.4, 20)),
            done(&seed("baseline", i), eval(0.4)),
            stopped(&seed("asff", i)),
        ]);
    }
    let text = render(&records, None, false);
    let line = text
        .lines()
        .find(|line| line.contains("yolov5n+asff"))
        .unwrap();
    assert_eq!(
        line.split_whitespace()
            .filter(|word| *word == "stopped")
            .count(),
        2,
        "mAP50 and mAP50-95: {line}"
    );
    let why = "yolov5n+asff stopped after epoch 5 of 20 by halving: place 3 of 4\n";
    assert_eq!(
        text.matches(why).count(),
        1,
        "the seeds stop together: {text}"
    );
    assert!(!render(&whole_sweep(), None, false).contains("stopped"));

    // A seed that an earlier sweep trained to its end stands for none of the others.
    records.extend([
        done(&seed("asff", 2), train(0.5, 20)),
        done(&seed("asff", 2), eval(0.5)),
    ]);
    records.extend([
        done(&seed("baseline", 2), train(0.4, 20)),
        done(&seed("baseline", 2), eval(0.4)),
    ]);
    let text = render(&records, None, false);
    let line = text
        .lines()
        .find(|line| line.contains("yolov5n+asff"))
        .unwrap();
    assert!(
        line.contains("stopped") && !line.contains("50.0") && !line.contains("+10"),
        "{line}"
    );
}

#[test]
fn columns_give_way_to_the_width() {
    let records = whole_sweep();
    for width in [60, 80, 100, 120, 200] {
        let text = render(&records, Some(width), false);
        let widest = text
            .lines()
            .filter(|line| line.contains("yolov5"))
            .map(|line| line.trim_end().chars().count())
            .max()
            .unwrap();
        assert!(
            widest <= usize::from(width),
            "{widest} characters in {width}"
        );
        assert!(text.contains("mAP50-95"), "the figures that matter stay");
    }
    assert!(!render(&records, Some(80), false).contains("exact"));
    assert!(render(&records, Some(200), false).contains("exact"));
}

#[test]
fn colour_changes_no_width() {
    let records = whole_sweep();
    let colour = render(&records, Some(80), true);
    assert!(colour.contains('\u{1b}'));
    let mut bare = String::new();
    let mut rest = colour.as_str();
    while let Some(start) = rest.find('\u{1b}') {
        bare.push_str(&rest[..start]);
        rest = &rest[start..][rest[start..].find('m').unwrap() + 1..];
    }
    bare.push_str(rest);
    assert_eq!(bare, render(&records, Some(80), false));
}

#[test]
fn a_first_stage_says_what_is_to_come() {
    let text = render(&first_stage(), Some(100), false);
    // Eighty characters and more may be folded.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("No latency for any model (not yet measured)."));
    assert!(words.contains("No mAP for yolov5s, yolov5m, yolov5l and yolov5x (not asked for: "));
    assert!(!text.contains('…') && !text.contains("mAP50-95"), "{text}");
}

#[test]
fn of_hundreds_of_models_the_best_are_shown() {
    let records = hundreds(false);
    let text = render(&records, Some(100), false);
    let models = text.lines().filter(|line| line.starts_with(" yolov5"));
    assert_eq!(models.count(), 20);
    // A third of it are sentences on the best.
    assert!(text.lines().count() < 70, "{}", text.lines().count());
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("on the Pareto front of mAP50-95 and latency."));
    assert!(
        words.contains("540 models more in report.html and results.csv."),
        "{words}"
    );
    assert!(text.contains(" ◆ ") && !text.contains("skipped "));
    for scale in SCALES {
        assert!(
            text.contains(&format!("yolov5{scale} ")),
            "the baseline of {scale}"
        );
    }
    let mut fitted = text
        .lines()
        .filter(|line| line.contains("yolov5") || line.contains("Pareto"));
    assert!(
        fitted.all(|line| line.trim_end().chars().count() <= 100),
        "{text}"
    );
    // A small sweep is shown as a whole.
    assert!(!render(&whole_sweep(), Some(100), false).contains(" more in "));
}

#[test]
fn errors_stay_on_their_lines() {
    let error = "first\nsecond\u{1b}[2J".to_string() + &"y".repeat(5000);
    let records: Vec<_> = SCALES
        .iter()
        .chain(&["a", "b"])
        .map(|scale| failed(&cell("baseline", scale), Stage::Cost, &error))
        .collect();
    let text = render(&records, Some(80), false);
    assert!(!text.contains('\u{1b}'));
    assert!(
        text.lines()
            .all(|line| line.chars().count() <= 80 || line.contains('·'))
    );
    assert!(text.contains("7 failed:") && text.contains("and 2 more: see results.csv"));
}
