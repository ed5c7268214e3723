//! What a report says in words: the sentences at a glance, what to know of the test images, and the
//! baseline at the same cost. And the plot of all intervals.

use ablate_records::{Aim, Cell, EvalMeasurement, Judging, Measurement, Record, Stage};
use ablate_report::terminal;

use crate::support::*;

fn seed(variant: &str, scale: &str, seed: u64) -> Cell {
    Cell {
        seed: Some(seed),
        dataset: Some("shapes".into()),
        ..cell(variant, scale)
    }
}

/// A model under three seeds, 0.2 points apart.
fn model(variant: &str, scale: &str, size: f64, map: f64) -> Vec<Record> {
    let first = seed(variant, scale, 0);
    let mut records = vec![
        done(&first, cost((1e6 * size) as u64, 4.0 * size)),
        done(&first, latency(10.0 * size)),
    ];
    for (i, chance) in [-0.002, 0.0, 0.002].into_iter().enumerate() {
        records.push(done(&seed(variant, scale, i as u64), eval(map + chance)));
    }
    records
}

fn judging(margin: f64) -> Judging {
    Judging {
        margin: Some(margin),
        ..Judging::default()
    }
}

fn screen(records: &[Record], margin: f64) -> String {
    terminal::render(records, judging(margin), None, false)
}

/// The text of the page, without tags.
fn text(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text += part.split_once('>').map_or(part, |(_, text)| text);
    }
    text.replace("&#x27;", "'")
}

fn assert_told(records: &[Record], margin: f64, sentences: &[&str]) {
    let (screen, page) = (
        screen(records, margin),
        text(&page_judged(records, judging(margin))),
    );
    for sentence in sentences {
        assert!(
            screen.contains(&format!("{sentence}\n")),
            "{sentence} is not in: {screen}"
        );
        assert!(page.contains(sentence), "{sentence} is not on the page");
    }
}

#[test]
fn each_variant_has_a_sentence() {
    let mut records = model("baseline", "n", 1.0, 0.400);
    records.extend(model("asff", "n", 1.5, 0.420));
    records.extend(model("ghost", "n", 0.76, 0.401));
    records.extend(model("gsconv", "n", 1.0, 0.390));
    assert_told(
        &records,
        1.0,
        &[
            "asff: 50 % more parameters; latency 50 % higher; mAP 2.0 points higher (3 seeds).",
            "ghost: 24 % fewer parameters; latency 24 % lower; mAP as good within 1 point (3 seeds).",
            "gsconv: as many parameters; latency as good within 3 %; mAP 1.0 points lower (3 seeds).",
        ],
    );
    let page = page_judged(&records, judging(1.0));
    let glance = page.find("<section id=\"glance\">").unwrap();
    let [sentence, plot, table] = ["class=\"answers\"", "<figure>", "class=\"glance\""]
        .map(|what| page[glance..].find(what).unwrap());
    assert!(
        sentence < plot && plot < table,
        "answers first, then the evidence"
    );
}

#[test]
fn what_can_not_be_told_says_how_many_more_seeds_would() {
    let mut records = model("baseline", "n", 1.0, 0.400);
    records.extend(model("asff", "n", 1.0, 0.404));
    let found = screen(&records, 0.2);
    let sentence = found
        .lines()
        .find(|line| line.starts_with("asff: "))
        .unwrap();
    assert!(
        sentence.ends_with(
            "mAP: can't tell yet (−0.1 … +0.9 points with 3 seeds; about 1 more would tell)."
        ),
        "{sentence}"
    );
    let one: Vec<Record> = records
        .into_iter()
        .filter(|record| record.cell.seed == Some(0))
        .collect();
    assert_told(
        &one,
        0.2,
        &[
            "asff: as many parameters; latency as good within 3 %; mAP: can't tell yet (+0.4 points, but one seed has no spread).",
        ],
    );
}

/// Page and `results.csv` say the same of one seed.
#[test]
fn the_interval_of_one_seed_is_in_points() {
    let evaluated = |variant: &str, map: f64, slope: f64| {
        let Measurement::Eval(eval) = eval(map) else {
            unreachable!()
        };
        let resampled = (0..1001).map(|i| Some(map + slope * (f64::from(i) - 500.0)));
        let eval = EvalMeasurement {
            bootstrap: resampled.collect(),
            ..eval
        };
        done(&seed(variant, "n", 0), Measurement::Eval(eval))
    };
    let records = [
        evaluated("baseline", 0.40, 1e-5),
        evaluated("asff", 0.41, 2e-5),
    ];
    let asff = table(&records)
        .into_iter()
        .find(|row| row["variant"] == "asff")
        .unwrap();
    let end = |name: &str| asff[name].parse::<f64>().unwrap();
    assert!(
        (end("change_map50_95_low") - 0.525).abs() < 1e-6,
        "{asff:?}"
    );
    assert!((end("change_map50_95_high") - 1.475).abs() < 1e-6);
    let page = text(&page_judged(&records, judging(1.0)));
    assert!(
        page.contains("mAP50-95 +1.0 points, 95 % interval +0.5 … +1.5 over test images"),
        "{page}"
    );
}

#[test]
fn scales_that_agree_share_a_clause() {
    let mut records = Vec::new();
    for (scale, size, gain) in [("n", 1.0, 0.02), ("s", 4.0, 0.03), ("m", 9.0, -0.02)] {
        records.extend(model("baseline", scale, size, 0.4));
        records.extend(model("asff", scale, size * (1.0 + 5.0 * gain), 0.4 + gain));
    }
    // Scale l is not trained.
    for variant in ["baseline", "asff"] {
        let cell = Cell {
            dataset: None,
            seed: None,
            ..cell(variant, "l")
        };
        let size = if variant == "asff" { 22.0 } else { 20.0 };
        records.push(done(&cell, cost((1e6 * size) as u64, 4.0 * size)));
    }
    assert_told(
        &records,
        0.5,
        &[
            "asff: 10 % fewer to 15 % more parameters; latency 10 to 15 % higher at n and s, 10 % lower at m, not yet \
             measured at l; mAP 2.0 to 3.0 points higher at n and s (3 seeds), 2.0 points lower at m (3 seeds).",
        ],
    );
}

/// RepVGG's published GFLOPs are those of three branches, of which one is left.
#[test]
fn gflops_are_judged_by_what_is_counted_exactly() {
    let of = |variant, gflops| {
        let Measurement::Cost(mut measured) = cost(2_000_000, gflops) else {
            unreachable!()
        };
        measured.gflops_exact = 4.0;
        done(&cell(variant, "n"), Measurement::Cost(measured))
    };
    let records = [of("baseline", 4.1), of("repvgg", 4.2)];
    assert_told(
        &records,
        1.0,
        &["repvgg: as many parameters; as many GFLOPs, counted exactly; mAP not yet measured."],
    );
    let shown = screen(&records, 1.0);
    assert!(shown.contains("≈ +2.4 %"), "{shown}");
}

/// The default sweep: five scales are timed, the smallest is trained under one seed; a training and
/// a timing fail.
#[test]
fn what_was_not_measured_is_said() {
    assert_told(
        &whole_sweep(),
        1.0,
        &[
            "fasternet: 8 to 74 % more parameters; latency 4 to 32 % higher; mAP: its training or evaluation failed.",
            "ghost: 23 to 47 % fewer parameters; latency 3.3 to 4.5 % higher at n and s, 19 to 40 % lower at m and l, \
             failed at x; mAP: can't tell yet at n (−2.3 points, but one seed has no spread).",
        ],
    );
    let first = screen(&first_stage(), 1.0);
    assert!(
        first.contains("% more GFLOPs; mAP not yet measured.\n"),
        "{first}"
    );
}

#[test]
fn of_many_variants_those_on_the_front_are_told_first() {
    let mut records = model("baseline", "n", 1.0, 0.4);
    for i in 0..15 {
        let map = if i == 14 { 0.5 } else { 0.3 };
        records.extend(model(&format!("own{i:02}"), "n", 2.0 + f64::from(i), map));
    }
    let found = screen(&records, 1.0);
    let told: Vec<&str> = found
        .lines()
        .filter(|line| line.starts_with("own"))
        .collect();
    assert_eq!(told.len(), 12);
    assert!(
        told[0].starts_with("own14: ") && told[1].starts_with("own00: "),
        "{told:?}"
    );
    assert!(
        found.contains(
            "3 more variants: see the table. Those on the Pareto front are told first.\n"
        )
    );
    let page = page_judged(&records, judging(1.0));
    assert!(text(&page).contains("3 more variants: see the table."));
    // The plot: the front, and the model that costs a little more than the baseline.
    assert!(page.contains(
        "2 of 15 models: those on the Pareto front and each baseline&#x27;s neighbours in latency"
    ));
}

/// Two models of three seeds, whose trainings ended after these epochs of 20.
fn ended_after(baseline: [usize; 3], asff: [usize; 3]) -> Vec<Record> {
    let mut records = Vec::new();
    for (variant, map, ends) in [("baseline", 0.40, baseline), ("asff", 0.42, asff)] {
        records.extend(model(variant, "n", 1.0, map));
        for (i, epochs) in (0..).zip(ends) {
            let mut record = done(&seed(variant, "n", i), train(map, epochs));
            record.inputs = serde_json::json!({ "recipe": { "epochs": 20, "patience": 5 } });
            records.push(record);
        }
    }
    records
}

#[test]
fn a_training_that_patience_ended_is_compared_like_others() {
    let change = |records: &[Record]| {
        let rows = table(records);
        let asff = rows.iter().find(|row| row["variant"] == "asff").unwrap();
        let keys = [
            "change_map50_95_points",
            "change_map50_95_low",
            "change_map50_95_high",
        ];
        keys.map(|key| asff[key].clone())
    };
    let whole = ended_after([20; 3], [20; 3]);
    let ended = ended_after([20, 12, 17], [9, 20, 16]);
    assert!(screen(&whole, 1.0).contains("mAP 2.0 points higher (3 seeds)"));
    assert!(screen(&ended, 1.0).contains("mAP 2.0 points higher (3 seeds)"));
    assert_eq!(change(&ended), change(&whole));
    // Another recipe is another training.
    let mut shorter = ended_after([20; 3], [10; 3]);
    for record in shorter.iter_mut().filter(|it| it.cell.variant == "asff") {
        if record.inputs.get("recipe").is_some() {
            record.inputs["recipe"]["epochs"] = 10.into();
        }
    }
    assert_eq!(change(&shorter), ["", "", ""]);
}

#[test]
fn costs_that_contradict_each_other_tell_nothing() {
    let mark = |published: f64, exact: f64| {
        let mut records = model("baseline", "n", 1.0, 0.40);
        let Measurement::Cost(mut own) = cost(1_000_000, 4.0 * published) else {
            unreachable!()
        };
        own.gflops_exact = 4.0 * 0.98 * exact;
        records.push(done(&seed("asff", "n", 0), Measurement::Cost(own)));
        let screen = screen(&records, 1.0);
        let line = screen.lines().find(|line| line.contains("yolov5n+asff"));
        line.unwrap().to_owned()
    };
    assert!(mark(0.9, 0.95).contains("▼ −10.0 %"), "{}", mark(0.9, 0.95));
    assert!(mark(0.9, 1.05).contains("? −10.0 %"), "{}", mark(0.9, 1.05));
    assert!(mark(1.0, 1.05).contains("? ±0.0 %"), "{}", mark(1.0, 1.05));
    assert!(mark(0.98, 1.0).contains("≈ −2.0 %"), "{}", mark(0.98, 1.0));
}

#[test]
fn a_network_that_has_not_learnt_says_how_long_it_was_trained() {
    let mut records = Vec::new();
    for variant in ["baseline", "asff"] {
        for i in 0..2 {
            let cell = seed(variant, "n", i);
            let Measurement::Train(mut short) = train(0.0, 2) else {
                unreachable!()
            };
            short.train_images = 60;
            let mut record = done(&cell, Measurement::Train(short));
            record.inputs = serde_json::json!({
                "recipe": {"batch": 16, "nbs": 64, "warmup_epochs": 0.0, "warmup_min_steps": 0},
            });
            records.extend([record, done(&cell, eval(0.0))]);
        }
    }
    let words = "neither network has learnt (2 epochs of 60 images, 2 optimizer steps)";
    assert_told(&records, 1.0, &[&format!("asff: mAP: {words}.")]);
    let page = text(&page_judged(&records, judging(1.0)));
    assert!(
        page.contains(&format!("over 2 seeds: {words}")),
        "in the evidence, too"
    );
}

#[test]
fn intervals_that_are_wider_than_asked_for_are_named() {
    let mut records = Vec::new();
    let timed = |mut cell: Cell, mode: &str, step: usize| {
        let Measurement::Latency(mut timed) = latency(10.0) else {
            unreachable!()
        };
        let rounds = timed.rounds.as_mut().unwrap();
        rounds.medians_ms = (0..20).map(|i| 10.0 + (i % step) as f64).collect();
        rounds.aim = Some(Aim {
            within: 2.0,
            limit_s: 3.0,
        });
        cell.mode = mode.into();
        done(&cell, Measurement::Latency(timed))
    };
    for (variant, step) in [("baseline", 3), ("asff", 4)] {
        for i in 0..3 {
            let map = 0.3 + 0.01 * i as f64;
            records.push(done(&seed(variant, "n", i), eval(map)));
        }
        records.push(timed(cell(variant, "n"), "eager", step));
    }
    let judging = |width| Judging {
        first_seeds: Some(3),
        width: Some(width),
        most_seeds: Some(3),
        ..Judging::default()
    };
    let shown = |width| terminal::render(&records, judging(width), None, false);
    let of_map = "Intervals of mAP were to be 1 point wide; wider are those of yolov5n+asff (4.5 with 3 of at most 3 seeds).";
    assert!(shown(1.0).contains(of_map), "{}", shown(1.0));
    assert!(!shown(4.4).contains("Intervals of mAP"));
    let of_latency = "known within ±2 %, and these are not: yolov5n+asff (±";
    assert!(shown(1.0).contains(of_latency), "{}", shown(1.0));
    let page = text(&page_judged(&records, judging(1.0)));
    assert!(page.contains(of_map) && page.contains(of_latency));

    // Of two modes each is told apart.
    for (variant, step) in [("baseline", 3), ("asff", 4)] {
        records.push(timed(cell(variant, "n"), "graph", step));
    }
    let shown = terminal::render(&records, judging(1.0), None, false);
    let names = shown.split("these are not: ").nth(1).unwrap();
    let names = names.split(". ").next().unwrap();
    let modes = names.split(", yolov5n");
    assert!(
        modes.count() == 2 && names.contains("yolov5n+asff, graph (±"),
        "{shown}"
    );
}

#[test]
fn few_test_images_and_a_split_that_chose_are_said() {
    let evaluated = |split: &str, images: usize, boxes: usize| {
        let Measurement::Eval(eval) = eval(0.4) else {
            unreachable!()
        };
        let mut eval = EvalMeasurement {
            split: split.into(),
            images,
            bootstrap: (0..1000)
                .map(|i| Some(0.3 + 0.0002 * f64::from(i)))
                .collect(),
            ..eval
        };
        eval.boxes.per_class[1].instances = boxes;
        let cell = seed("baseline", "n", 0);
        vec![
            done(&cell, train(0.4, 20)),
            done(&cell, Measurement::Eval(eval)),
        ]
    };
    let of_images =
        "only 4 images; other images of the same kind would move one mAP by ±9.5 points (95 %).";
    let chose = "shapes, val split: it also chose the best epoch of each training";
    for (records, few, has_chosen) in [
        (evaluated("test", 120, 140), None, false),
        (evaluated("val", 120, 140), None, true),
        (evaluated("test", 4, 140), Some(of_images), false),
        (
            evaluated("test", 50, 9),
            Some("only 9 boxes of class square; "),
            false,
        ),
    ] {
        for said in [
            screen(&records, 1.0),
            text(&page_judged(&records, judging(1.0))),
        ] {
            assert_eq!(said.contains(chose), has_chosen, "{said}");
            assert_eq!(said.contains("test split: only "), few.is_some(), "{said}");
            assert!(few.is_none_or(|few| said.contains(few)), "{said}");
        }
    }
    // Where only the last epoch was evaluated, nothing was chosen.
    let mut records = evaluated("val", 120, 140);
    let Measurement::Train(mut last) = train(0.4, 20) else {
        unreachable!()
    };
    for epoch in &mut last.epochs[..19] {
        epoch.map50_95 = None;
    }
    records[0] = done(&records[0].cell, Measurement::Train(last));
    assert!(!screen(&records, 1.0).contains("chose the best epoch"));
}

/// Baselines of 10 and 40 ms: at 20 ms, half of the way, they would reach 45.
fn two_scales() -> Vec<Record> {
    let mut records = model("baseline", "n", 1.0, 0.40);
    records.extend(model("baseline", "s", 4.0, 0.50));
    records.extend(model("asff", "n", 2.0, 0.48));
    records.extend(model("ghost", "n", 0.5, 0.41));
    records.extend(model("ghost", "s", 8.0, 0.60));
    records
}

#[test]
fn a_variant_stands_beside_the_baseline_at_its_own_cost() {
    let records = two_scales();
    let rows = table(&records);
    let row = |model: &str| rows.iter().find(|row| row["model"] == model).unwrap();
    let asff = row("yolov5n+asff");
    let figure = |name: &str| asff[name].parse::<f64>().unwrap();
    assert!((figure("gain_at_latency") - 3.0).abs() < 1e-6);
    assert!((figure("gain_at_gflops") - 3.0).abs() < 1e-6);
    // 0.2 points of deviation, three seeds: t × 0.2 × √((1 + ¼ + ¼) / 3), 10 degrees of freedom.
    let half = 2.228_138_9 * 0.2 * 0.5f64.sqrt();
    assert!(
        (figure("gain_at_gflops_low") - (3.0 - half)).abs() < 1e-6,
        "{asff:?}"
    );
    assert!((figure("gain_at_gflops_high") - (3.0 + half)).abs() < 1e-6);
    let width = |at: &str| figure(&format!("{at}_high")) - figure(&format!("{at}_low"));
    assert!(
        width("gain_at_latency") > width("gain_at_gflops"),
        "timings have a chance of their own"
    );
    for outside in ["yolov5n+ghost", "yolov5s+ghost", "yolov5n"] {
        assert_eq!(row(outside)["gain_at_latency"], "");
    }
    let page = text(&page_judged(&records, judging(1.0)));
    for words in [
        "Would a smaller baseline do as well?",
        "Baseline at its latency",
        "yolov5n → yolov5s, 50 %",
        "▲ +3.0",
        "cheaper than yolov5n: yolov5n+ghost",
        "dearer than yolov5s: yolov5s+ghost",
    ] {
        assert!(page.contains(words), "{words} is missing");
    }
}

#[test]
fn one_scale_of_the_baseline_answers_nothing_and_says_what_would() {
    let mut records = model("baseline", "n", 1.0, 0.40);
    records.extend(model("asff", "n", 2.0, 0.48));
    let page_of = |records: &[Record]| text(&page_judged(records, judging(1.0)));
    assert!(
        page_of(&records).contains("trained at one scale only")
            && !page_of(&records).contains("Baseline at its")
    );
    let untrained: Vec<Record> = records
        .into_iter()
        .filter(|record| record.stage != Stage::Eval)
        .collect();
    assert!(!page_of(&untrained).contains("Would a smaller baseline do as well?"));
}

/// A timing without rounds has a chance that nobody knows: there is a gain, but no interval.
#[test]
fn gains_at_a_latency_of_unknown_chance_have_no_interval() {
    let mut records = two_scales();
    for record in &mut records {
        if let ablate_records::Outcome::Done { measurement } = &mut record.outcome {
            *measurement = unpaired(measurement.clone());
        }
    }
    let rows = table(&records);
    let asff = rows
        .iter()
        .find(|row| row["model"] == "yolov5n+asff")
        .unwrap();
    assert!(!asff["gain_at_latency"].is_empty() && asff["gain_at_latency_low"].is_empty());
    assert!(!asff["gain_at_gflops_low"].is_empty());
}

#[test]
fn a_best_class_is_marked_where_seeds_tell() {
    let best = |records: &[Record]| page(records).matches("<td class=\"best\"").count();
    let mut records = model("baseline", "n", 1.0, 0.40);
    records.extend(model("asff", "n", 1.0, 0.48));
    assert_eq!(best(&records), 4, "the better one, of each class");
    let mut records = model("baseline", "n", 1.0, 0.40);
    records.extend(model("asff", "n", 1.0, 0.402));
    assert_eq!(best(&records), 0, "a fifth of a point is no lead");
    let one: Vec<Record> = records
        .into_iter()
        .filter(|record| record.cell.seed == Some(0))
        .collect();
    assert_eq!(best(&one), 0);
}

/// The ends of the interval of a model in the plot of all intervals, less zero, in tenths of a pixel.
fn drawn(svg: &str, model: &str) -> [f64; 2] {
    let tip = format!("<title>{model}: mAP50-95");
    let line = svg
        .lines()
        .find(|line| line.starts_with("<polyline") && line.contains(&tip))
        .unwrap();
    let points = line
        .split("points=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let x = |point: &str| point.split(',').next().unwrap().parse::<f64>().unwrap();
    let ends: Vec<f64> = points.split(' ').map(x).collect();
    let zero = svg
        .lines()
        .find(|line| line.contains("class=\"k-muted\""))
        .unwrap();
    let zero = x(zero.split("points=\"").nth(1).unwrap());
    [ends[0] - zero, ends[1] - zero]
}

/// Whatever their width, intervals are drawn whole and to scale.
#[test]
fn no_interval_is_cut() {
    let mut records = Vec::new();
    let wild = |variant: &str, maps: [f64; 3]| {
        let maps = maps.into_iter().enumerate();
        let records = maps.map(|(i, map)| done(&seed(variant, "n", i as u64), eval(map)));
        records.collect::<Vec<Record>>()
    };
    records.extend(wild("baseline", [0.40, 0.41, 0.39]));
    records.extend(wild("asff", [0.30, 0.55, 0.42]));
    records.extend(wild("ghost", [0.44, 0.43, 0.45]));
    let page = page_judged(&records, judging(1.0));
    let begin = page.find("aria-label=\"Intervals of all changes").unwrap();
    let begin = page[..begin].rfind("<svg ").unwrap();
    let svg = &page[begin..][..page[begin..].find("</svg>").unwrap()];
    let said = |model: &str| -> [f64; 2] {
        let tip = svg.split(&format!("<title>{model}: ")).nth(1).unwrap();
        let interval = tip
            .split("interval ")
            .nth(1)
            .unwrap()
            .split(" over")
            .next()
            .unwrap();
        let ends: Vec<f64> = interval
            .split(" … ")
            .map(|end| end.replace('−', "-").parse().unwrap())
            .collect();
        [ends[0], ends[1]]
    };
    let (wide, narrow) = (said("yolov5n+asff"), said("yolov5n+ghost"));
    assert!(wide[1] - wide[0] > 20.0, "{wide:?}");
    let scale =
        (drawn(svg, "yolov5n+asff")[1] - drawn(svg, "yolov5n+asff")[0]) / (wide[1] - wide[0]);
    for (model, said) in [("yolov5n+asff", wide), ("yolov5n+ghost", narrow)] {
        for (drawn, said) in drawn(svg, model).into_iter().zip(said) {
            // Words have one decimal.
            assert!(
                (drawn - scale * said).abs() < 0.06 * scale + 2.0,
                "{model}: {drawn} for {said}"
            );
        }
    }
}
