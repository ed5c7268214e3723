//! The HTML report.

use ablate_records::{
    Cell, DataAccount, EvalMeasurement, Judging, LatencyMeasurement, LeftOut, LeftOutReason, Load,
    Measurement, Record, Stage, TrainMeasurement, VariantNote,
};
use ablate_report::Contents;

use crate::support::*;

/// What a browser would load: values of `src`, `href` and `url(…)`.
fn resources(html: &str) -> Vec<&str> {
    let after = |start: &'static str, ends: &'static [char]| {
        html.split(start)
            .skip(1)
            .map(move |rest| rest.split(ends).next().unwrap_or_default())
    };
    after(" src=\"", &['"'])
        .chain(after(" href=\"", &['"']))
        .chain(after("url(", &[')']))
        .collect()
}

#[test]
fn it_is_one_file() {
    let html = page(&whole_sweep());
    let resources = resources(&html);
    assert_eq!(resources.len(), 2, "two faces of a font, and nothing else");
    assert!(
        resources
            .iter()
            .all(|resource| resource.starts_with("data:"))
    );
    assert!(!html.contains("<link") && !html.contains("@import") && !html.contains("<img"));
    // Each for a desktop and for a phone.
    assert_eq!(html.matches("<svg ").count(), 2 * 11);
    // The names of SVG's elements are an address that nothing loads.
    assert_eq!(
        html.matches("http").count(),
        html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
    );
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
}

#[test]
fn it_shows_every_section() {
    let html = page(&whole_sweep());
    for section in [
        "glance",
        "accuracy",
        "speed",
        "changes",
        "summary",
        "latency",
        "classes",
        "training",
        "missing",
        "environment",
        "reproduce",
        "notes",
    ] {
        assert!(
            html.contains(&format!("<section id=\"{section}\">")),
            "{section} is missing"
        );
    }
    for text in [
        "▼ −5.8 %",
        "△ +73.3 %",
        "? +1.6",
        "the loss is NaN at epoch 3",
        "the sweep trains scale n only",
        "Dreieck △",
        "星形",
        "git checkout 12e70ed3c5a1",
        "AMD EPYC 9B14",
        "One seed",
        "val split: 120 images, 611 instances",
    ] {
        assert!(html.contains(text), "{text} is missing");
    }
}

#[test]
fn after_the_first_stage_empty_cells_say_why() {
    let html = page(&first_stage());
    assert!(html.contains("30 not finished"));
    // What no model has is no column of the summary, and is said once.
    let summary = section(&html, "summary");
    assert!(summary.contains("No latency for any model (not yet measured)."));
    assert!(summary.contains("No mAP for yolov5n (not yet measured)."));
    assert!(summary.contains(
        "No mAP for yolov5s, yolov5m, yolov5l and yolov5x (not asked for: the cell has no data set)."
    ));
    assert!(!summary.contains(">not yet measured</td>") && !summary.contains("Latency, ms"));
    assert!(
        !html.contains("<section id=\"accuracy\">") && !html.contains("<section id=\"training\">")
    );
}

/// A section of a page by its name.
fn section<'p>(html: &'p str, name: &str) -> &'p str {
    let after = html.split(&format!("<section id=\"{name}\">")).nth(1);
    after.unwrap().split("</section>").next().unwrap()
}

#[test]
fn what_a_scale_lacks_is_said_once() {
    let html = page(&whole_sweep());
    let summary = section(&html, "summary");
    assert!(!summary.contains(">skipped</td>"));
    assert!(summary.contains(
        "No mAP for yolov5s, yolov5m, yolov5l and yolov5x (skipped: the sweep trains scale n only)."
    ));
    // What failed is shown where it did.
    assert_eq!(
        summary.matches(">failed</td>").count(),
        4,
        "two figures of latency, two of mAP"
    );
}

#[test]
fn many_reasons_are_left_to_the_list_of_what_was_not_measured() {
    let reasons = ["one", "two", "three", "four"];
    let models = GRID.iter().zip(reasons).map(|((variant, ..), reason)| {
        let cell = cell(variant, "n");
        let costed = done(&cell, cost(1_000_000, 4.0));
        [costed, skipped(&cell, Stage::Latency, reason)]
    });
    let html = page(&models.flatten().collect::<Vec<_>>());
    let words = "No latency for 4 models, for several reasons: see what was not measured.";
    assert!(section(&html, "summary").contains(words));
    assert!(!section(&html, "summary").contains("(skipped: "));
    for reason in reasons {
        assert!(section(&html, "missing").contains(&format!("skipped: {reason}")));
    }
}

#[test]
fn the_pareto_front_is_marked_and_says_what_it_is_of() {
    let html = page(&whole_sweep());
    let summary = section(&html, "summary");
    // ghost is slower than gsconv and less accurate.
    assert_eq!(
        summary
            .matches("aria-label=\"on the Pareto front\"")
            .count(),
        4
    );
    assert!(summary.contains("4 models on the Pareto front of mAP50-95 and latency."));
    let front = |model: &str| summary.contains(&format!("front\"><th scope=\"row\">{model} <span"));
    assert!(front("yolov5n") && front("yolov5n+gsconv") && !front("yolov5n+ghost"));
    assert!(
        html.contains(
            "<title>yolov5n+asff: 1.68 GFLOPs, 42.8 mAP50-95, on the Pareto front</title>"
        )
    );

    let without = page(&first_stage());
    assert!(
        !without.contains("on the Pareto front"),
        "nothing was trained"
    );
    // Nothing was learnt, so nothing is best.
    let nothing = ["baseline", "asff"].map(|variant| {
        let cell = cell(variant, "n");
        [done(&cell, cost(1_000_000, 4.0)), done(&cell, eval(0.0))]
    });
    assert!(!page(&nothing.concat()).contains("on the Pareto front"));
}

#[test]
fn hundreds_of_models_stay_readable() {
    let html = page(&hundreds(false));
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    let summary = section(&html, "summary");
    assert!(!summary.contains(">skipped</td>"));
    assert!(summary.contains("(skipped: the sweep trains scale n only)"));
    // Within a scale: the baseline, the front, then by mAP.
    let names: Vec<&str> = summary.split("<th scope=\"row\">").skip(1).collect();
    assert_eq!(names.len(), 560);
    let on_front = |name: &&str| name.split("</th>").next().unwrap().contains("Pareto");
    let first_off = names[1..].iter().position(|name| !on_front(name)).unwrap();
    assert!(first_off > 2 && !names[1 + first_off..].iter().any(on_front));
    // No plot has bars or a legend of more than three entries.
    let changes = section(&html, "changes");
    assert!(changes.contains("Change in mAP50-95 against change in latency"));
    assert!(!changes.contains("Change in parameters against the baseline"));
    for words in [
        ">baseline</text>",
        ">Pareto front</text>",
        " models more</text>",
    ] {
        assert!(section(&html, "accuracy").contains(words), "{words}");
    }
    let curves = section(&html, "training");
    assert!(curves.contains("of 106 others none"));
}

#[test]
fn masks_stand_beside_boxes_where_a_model_makes_them() {
    let cell = |variant: &str| Cell {
        dataset: Some("cells".into()),
        ..cell(variant, "n")
    };
    let Measurement::Eval(boxes) = eval(0.4) else {
        unreachable!()
    };
    let Measurement::Eval(masks) = eval(0.3) else {
        unreachable!()
    };
    let with_masks = EvalMeasurement {
        masks: Some(masks.boxes),
        ..boxes.clone()
    };
    let mut records = vec![done(&cell("baseline"), Measurement::Eval(boxes))];
    assert!(!page(&records).contains("mask mAP50-95"));
    records.push(done(&cell("segment"), Measurement::Eval(with_masks)));
    let html = page(&records);
    assert!(
        html.contains("mask mAP50-95")
            && html.contains(">30.0<")
            && html.contains("a model without masks, or not evaluated")
    );
    assert!(html.contains("Masks · "), "AP by class, of the masks");
}

#[test]
fn no_records_make_a_page_too() {
    let html = page(&[]);
    assert!(html.contains("There are no records yet"));
    assert!(html.ends_with("</html>"));
}

#[test]
fn names_and_errors_cannot_become_markup() {
    let evil = "<script>alert(1)</script>\"'&";
    let cell = |variant: &str| Cell {
        model: format!("yolov5n+{variant}"),
        variant: variant.into(),
        dataset: Some(evil.into()),
        device: evil.into(),
        ..cell("baseline", "n")
    };
    let Measurement::Eval(mut figures) = eval(0.4) else {
        unreachable!()
    };
    figures.boxes.per_class[0].name = evil.into();
    figures.split = evil.into();
    let mut records = Vec::new();
    for variant in ["baseline", evil] {
        let cell = cell(variant);
        records.extend([
            done(&cell, cost(1_000_000, 4.0)),
            done(&cell, train(0.4, 4)),
            done(&cell, Measurement::Eval(figures.clone())),
        ]);
        records.push(failed(&cell, Stage::Latency, evil));
    }
    for record in &mut records {
        record.environment.cpu = evil.into();
        record.environment.commit = evil.into();
    }
    let folder = tempfile::tempdir().unwrap();
    let written = write(folder.path(), evil, &records).unwrap();
    let html = std::fs::read_to_string(written.html).unwrap();
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("<script>alert"));
    assert_eq!(html.matches("<script>").count(), 1, "the page's own");
    assert!(
        !html.contains("=\"<"),
        "no attribute begins with raw markup"
    );
}

#[test]
fn a_long_error_is_cut_on_the_page_and_whole_in_the_csv() {
    let error = format!("thread panicked: {}the end", "x".repeat(50_000));
    let records = [failed(&cell("baseline", "n"), Stage::Cost, &error)];
    let html = page(&records);
    assert!(html.len() < 150_000 && !html.contains("the end") && html.contains("xxx…"));
    assert!(table(&records)[0]["error"].ends_with("the end"));
}

/// Three models under three seeds: the second is two points better, the third the same on average.
fn three_seeds() -> Vec<Record> {
    let seed = |variant: &str, seed| Cell {
        seed: Some(seed),
        ..cell(variant, "n")
    };
    let mut records: Vec<Record> = Vec::new();
    for (i, base) in [0.400, 0.402, 0.404].into_iter().enumerate() {
        records.push(done(&seed("baseline", i as u64), eval(base)));
        records.push(done(&seed("asff", i as u64), eval(base + 0.02)));
        records.push(done(
            &seed("ghost", i as u64),
            eval(base + [0.003, -0.003, 0.001][i]),
        ));
    }
    records
}

#[test]
fn seeds_are_averaged_and_their_spread_decides() {
    let html = page(&three_seeds());
    assert!(html.contains("40.2 <small>± 0.2</small>"));
    assert!(html.contains("▲ +2.0"));
    assert!(html.contains("? ±0.0"));
    assert!(html.contains("better than the baseline") && html.contains("can&#x27;t tell: "));
    assert!(html.contains("up to 3 seeds") && !html.contains("One seed"));
    assert!(
        html.contains("higher is better · with 95 % intervals")
            && html.contains(" points, 95 % interval "),
        "bars have whiskers"
    );
}

#[test]
fn within_the_margin_is_as_good() {
    let judging = Judging {
        margin: Some(1.0),
        ..Judging::default()
    };
    let html = page_judged(&three_seeds(), judging);
    assert!(html.contains("≈ ±0.0") && html.contains("as good as the baseline"));
    assert!(html.contains("The margin is 1 point of mAP and 3 % of latency."));
}

#[test]
fn nothing_learnt_is_no_verdict() {
    let seed = |variant: &str, seed| Cell {
        seed: Some(seed),
        ..cell(variant, "n")
    };
    let records: Vec<Record> = [("baseline", 0), ("baseline", 1), ("asff", 0), ("asff", 1)]
        .map(|(variant, i)| done(&seed(variant, i), eval(0.0)))
        .into();
    let html = page(&records);
    assert!(html.contains("∅ ±0.0") && html.contains("neither network has learnt"));
    assert!(!html.contains("can&#x27;t tell: "));
    assert!(!html.contains("as good as the baseline"));
}

/// A claim of one table is made more carefully the more of them there are.
#[test]
fn intervals_of_a_table_hold_together() {
    let seed = |variant: &str, scale: &str, seed| Cell {
        seed: Some(seed),
        ..cell(variant, scale)
    };
    let sweep = |scales: &[&str]| -> Vec<Record> {
        let mut records = Vec::new();
        for scale in scales {
            for (i, base) in [0.400, 0.402, 0.404].into_iter().enumerate() {
                records.push(done(&seed("baseline", scale, i as u64), eval(base)));
                records.push(done(&seed("asff", scale, i as u64), eval(base + 0.02)));
            }
        }
        records
    };
    assert!(page(&sweep(&["n"])).contains("95 % interval +1.5 … +2.5 over 3 seeds"));
    assert!(page(&sweep(&["n", "s", "m"])).contains("95 % interval +1.4 … +2.6 over 3 seeds"));
}

#[test]
fn a_latency_is_judged_by_its_rounds() {
    let records = [
        done(&cell("baseline", "n"), latency(20.0)),
        done(&cell("gsconv", "n"), latency(20.1)),
        done(&cell("ghost", "n"), latency(22.0)),
        done(&cell("asff", "n"), unpaired(latency(30.0))),
    ];
    let html = page(&records);
    assert!(html.contains("≈ +0.5 %"));
    assert!(html.contains("△ +10.0 %"));
    assert!(html.contains("95 % interval +10.0 … +10.0 % over 20 rounds"));
    assert!(html.contains("? +50.0 %") && html.contains("not timed in the same rounds"));
}

#[test]
fn what_a_user_waits_for_is_compared_and_its_parts_are_shown() {
    let records = [
        done(&cell("baseline", "n"), detect(20.0)),
        done(&cell("asff", "n"), detect(22.0)),
    ];
    let html = page(&records);
    assert!(html.contains("What a user waits for"));
    for heading in ["letterbox", "upload", "forward", "download", "suppression"] {
        assert!(html.contains(&format!(">{heading}</th>")), "{heading}");
    }
    assert!(html.contains(">17.2"), "forward");
    // Beside the table, a bar of the parts of each model.
    assert!(html.contains(r#"aria-label="What the time of a detection goes into"#));
    assert!(
        html.contains("yolov5n: forward 17.2 ms, whole 20.0 ms"),
        "a tip"
    );
    assert!(html.contains("△ +10.0 %"));
    // The sentence and the plot name what was timed, and the summary has the figure.
    assert!(html.contains("detection time 10 % higher") && !html.contains("latency 10 %"));
    assert!(html.contains(">detection time</text>") && html.contains("percent · lower is better"));
    assert!(html.contains(">20.0 <small>"), "Detect, ms");
    // Sweeps of earlier versions have no such stage, and say nothing of it.
    let html = page(&[done(&cell("baseline", "n"), latency(20.0))]);
    assert!(!html.contains("What a user waits for") && !html.contains("Detect, ms"));
}

/// Each mode has a table, and detection, which is always eager, names none.
#[test]
fn tables_of_latency_name_the_mode() {
    let mut records = both_modes();
    let graph = records.last().unwrap().cell.clone();
    records.push(done(&graph, detect(20.0)));
    let html = page(&records);
    let latency = section(&html, "latency");
    for words in [
        "<caption>tch:cuda:0 · 320 px · batch 1, eager · 4 classes</caption>",
        "<caption>tch:cuda:0 · 320 px · batch 1, graph · 4 classes</caption>",
        "<p>Eager: operation by operation",
        "<p>Graph: the pass is captured once",
    ] {
        assert!(latency.contains(words), "{words}: {latency}");
    }
    let detection = section(&html, "detect");
    assert!(
        detection.contains("<caption>tch:cuda:0 · 320 px · batch 1 · 4 classes</caption>"),
        "{detection}"
    );
}

#[test]
fn a_disturbed_timing_says_how() {
    let Measurement::Latency(quiet) = latency(20.0) else {
        unreachable!()
    };
    let load = |others| Load {
        others,
        stolen: 0.0,
        clock_mhz: Some((3000.0, 2950.0)),
        temperature_c: None,
    };
    let record = |others| {
        let measured = LatencyMeasurement {
            load: Some(load(others)),
            ..quiet.clone()
        };
        let mut record = done(&cell("baseline", "n"), Measurement::Latency(measured));
        record.environment.cores = 2;
        record
    };
    let html = page(&[record(1.2)]);
    assert!(
        html.contains(">disturbed</th>") && html.contains("other programs kept 1.2 cores busy")
    );
    assert!(!page(&[record(0.01)]).contains(">disturbed</th>"));
}

#[test]
fn what_a_training_began_with_is_said_where_it_was_a_file() {
    let random = done(&cell("asff", "n"), train(0.4, 20));
    assert!(!page(std::slice::from_ref(&random)).contains("started from"));
    let html = page(&[
        done(&cell("baseline", "n"), train_from("yolov5n.pt", 0.4)),
        random,
    ]);
    assert!(
        html.contains(">started from</th>")
            && html.contains(">yolov5n.pt <small>342 of 349 tensors</small></td>")
    );
    assert!(html.contains(">random weights</td>"));
}

#[test]
fn a_stopped_model_has_no_map_but_a_reason() {
    let (base, other) = (cell("baseline", "n"), cell("asff", "n"));
    let mut records = vec![done(&base, train(0.4, 20)), done(&base, eval(0.4))];
    let without = page(&records);
    assert!(!without.contains("halving") && !without.contains("Stopped"));
    records.extend([
        stopped(&other),
        skipped(&other, Stage::Eval, "its training was stopped"),
    ]);
    for cell in [&base, &other] {
        records.extend([done(cell, cost(1_000_000, 4.0)), done(cell, latency(20.0))]);
    }
    let html = page(&records);
    assert!(html.contains("2: 1 done, 1 stopped early"));
    // mAP50 and mAP50-95 of the summary, the change at a glance, best epoch and its mAP of the
    // training.
    assert_eq!(html.matches(">stopped</td>").count(), 5);
    assert!(html.contains(
        "<strong>train, eval</strong> stopped: after epoch 5 of 20 by halving: place 3 of 4"
    ));
    assert!(
        html.contains(">5 <small>of 20</small></td>") && html.contains("A curve that ends early")
    );
    assert!(
        !html.contains("<strong>yolov5n+asff</strong>: mAP"),
        "there is nothing to judge"
    );
}

#[test]
fn many_classes_go_down_and_models_across() {
    let Measurement::Eval(mut figures) = eval(0.4) else {
        unreachable!()
    };
    let class = figures.boxes.per_class[0].clone();
    figures.boxes.per_class = (0..80)
        .map(|i| ablate_records::ClassAp {
            name: format!("class {i}"),
            ap: (i > 0).then_some(0.4),
            ..class.clone()
        })
        .collect();
    let html = page(&[done(&cell("baseline", "n"), Measurement::Eval(figures))]);
    assert!(html.contains("<th scope=\"row\">class 79</th>"));
    assert!(html.contains("<th scope=\"col\">Class</th>"));
}

#[test]
fn a_report_is_written_over_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "first", &first_stage()).unwrap();
    let written = write(folder.path(), "second", &whole_sweep()).unwrap();
    assert!(
        std::fs::read_to_string(&written.html)
            .unwrap()
            .contains("<h1>second</h1>")
    );
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "no temporary file stays: {left:?}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = write(file.path(), "A test", &[]).unwrap_err();
    assert!(format!("{error:#}").contains("results.csv"), "{error:#}");
}

#[test]
fn the_variants_of_the_report_are_explained() {
    let note = |name: &str, summary: &str| VariantNote {
        name: name.into(),
        title: format!("Title of {name}"),
        summary: summary.into(),
        source: "Li & Wang, arXiv:2206.02424".into(),
    };
    let notes = [
        note("asff", "Fuses <all> levels."),
        note("gsconv", "GSConv in the neck."),
        note("ghost", "Not in this report."),
    ];
    let combined = Cell {
        variant: "gsconv+asff:order=sequential,rfb=true".into(),
        ..cell("baseline", "n")
    };
    let records = [done(&combined, cost(1_000_000, 4.0))];
    let folder = tempfile::tempdir().unwrap();
    let contents = Contents {
        title: "A test",
        variants: &notes,
        judging: Judging::default(),
        records: &records,
    };
    let written = ablate_report::write(folder.path(), &contents).unwrap();
    let html = std::fs::read_to_string(written.html).unwrap();
    assert!(html.contains("<section id=\"variants\">"));
    for text in [
        "<dt>Title of asff <code>asff</code></dt>",
        "Fuses &lt;all&gt; levels. <small>Li &amp; Wang, arXiv:2206.02424</small>",
        "GSConv in the neck.",
    ] {
        assert!(html.contains(text), "{text} is missing");
    }
    assert!(!html.contains("Not in this report"));
    assert!(!page(&records).contains("<section id=\"variants\">"));
}

#[test]
fn epochs_are_counted_from_one() {
    let cell = cell("baseline", "n");
    let Measurement::Train(mut training) = train(0.4, 20) else {
        unreachable!()
    };
    // Records count from zero.
    training.best_epoch = 7;
    let best = training.epochs[7].map50_95.unwrap();
    let records = [done(&cell, Measurement::Train(training))];
    let html = page(&records);
    let best = format!("{best:.6e}").parse::<f64>().unwrap();
    let row = format!(">8</td><td data-sort=\"{best}\">{:.1}</td>", 100.0 * best);
    assert!(html.contains(&row), "{row} is missing");
    assert_eq!(table(&records)[0]["best_epoch"], "8");
}

#[test]
fn the_columns_of_the_csv_are_explained() {
    let (_folder, written) = written(&[done(&cell("baseline", "n"), cost(1_000_000, 4.0))]);
    let html = std::fs::read_to_string(&written.html).unwrap();
    let mut reader = csv::Reader::from_path(&written.csv).unwrap();
    for name in reader.headers().unwrap() {
        let heading = format!("<th scope=\"row\"><code>{name}</code></th>");
        assert!(html.contains(&heading), "{name} is missing");
    }
}

#[test]
fn the_data_have_a_block_with_what_was_left_out() {
    let account = |split: &str, images| DataAccount {
        name: "cells <2>".into(),
        split: split.into(),
        images,
        boxes: 2003,
        background: 12,
        ..DataAccount::default()
    };
    let with_gaps = DataAccount {
        left_out: LeftOut {
            images: 4,
            annotations: 0,
            masks: 1,
            ..LeftOut::default()
        },
        reasons: vec![LeftOutReason {
            what: "image".into(),
            reason: "corrupt image".into(),
            count: 4,
            examples: vec!["a<b>.png: corrupt image: no header".into()],
        }],
        ..account("train", 800)
    };
    let trained = |variant: &str, data: Vec<DataAccount>| {
        let Measurement::Train(train) = train(0.4, 2) else {
            unreachable!()
        };
        let measurement = Measurement::Train(TrainMeasurement { data, ..train });
        done(&cell(variant, "n"), measurement)
    };
    assert!(
        !page(&[trained("baseline", Vec::new())]).contains("<section id=\"data\">"),
        "records of earlier versions have no account"
    );
    let clean = page(&[trained("baseline", vec![account("train", 800)])]);
    assert!(clean.contains("Nothing was left out."));
    let noted = DataAccount {
        reasons: vec![LeftOutReason {
            what: "note".into(),
            reason: "… images are in train, too".into(),
            count: 1,
            examples: Vec::new(),
        }],
        ..account("val", 120)
    };
    let noted = page(&[trained("baseline", vec![noted])]);
    assert!(
        noted.contains("Nothing was left out.") && noted.contains("</strong> note: … images are"),
        "a note loses nothing, and is told"
    );

    let Measurement::Eval(eval) = eval(0.4) else {
        unreachable!()
    };
    let eval = EvalMeasurement {
        data: Some(account("val", 120)),
        ..eval
    };
    let both = || vec![account("val", 120), with_gaps.clone()];
    let html = page(&[
        trained("baseline", both()),
        trained("gsconv", both()),
        done(&cell("baseline", "n"), Measurement::Eval(eval)),
    ]);
    let block = html.split("<section id=\"data\">").nth(1).unwrap();
    let block = block.split("</section>").next().unwrap();
    // A row for each split, whoever used it; training comes first.
    assert_eq!(block.matches("cells &lt;2&gt;</th>").count(), 2);
    assert!(block.find(">train<").unwrap() < block.find(">val<").unwrap());
    for text in [
        ">800<",
        "class=\"lost\" data-sort=\"5.0\">4 images, 1 mask<",
        "cells &lt;2&gt;, train: 4 images, 1 mask left out",
        "<strong>4</strong> images: corrupt image",
        "a&lt;b&gt;.png: corrupt image: no header",
        "… and 3 more",
    ] {
        assert!(block.contains(text), "{text} is missing: {block}");
    }
}
