//! `results.csv` as a reader of CSV sees it.

use ablate_records::{
    By, Cell, DataAccount, Environment, EvalMeasurement, Judging, LeftOut, Measurement, Outcome,
    Record, Stage, TrainMeasurement,
};

use crate::support::*;

#[test]
fn columns_come_in_the_agreed_order() {
    let (_folder, written) = written(&[]);
    let mut reader = csv::Reader::from_path(&written.csv).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let agreed = "family variant scale model nc imgsz params gflops gflops_exact device batch latency_ms_median latency_ms_mean \
        latency_ms_p90 latency_ms_p99 latency_ms_min latency_ms_std images_per_s dataset epochs seed map50 map50_95 map75 \
        map_small map_medium map_large ar_1 ar_10 ar_100 ar_small ar_medium ar_large train_s status error not_measured \
        change_params_percent change_gflops_percent change_latency_percent change_map50_points change_map50_95_points \
        change_map50_95_low change_map50_95_high latency_imgsz train_imgsz layers latency_warmup latency_iterations \
        latency_dtype latency_mode latency_rounding_error mask_map50 mask_map50_95 mask_map75 mask_map_small mask_map_medium mask_map_large \
        mask_ar_1 mask_ar_10 mask_ar_100 mask_ar_small mask_ar_medium mask_ar_large train_images_per_s train_images val_images \
        train_left_out best_epoch best_weights weights weights_taken weights_total eval_split eval_images eval_instances eval_left_out eval_s \
        latency_peak_host_mib latency_peak_device_mib train_peak_host_mib train_peak_device_mib ablate burn rustc commit os \
        cpu cores threads memory_gib cost_key latency_key train_key eval_key finished";
    let agreed: Vec<&str> = agreed.split_whitespace().collect();
    // Further columns may stand between them.
    let header: Vec<&str> = header
        .iter()
        .map(String::as_str)
        .filter(|name| agreed.contains(name))
        .collect();
    assert_eq!(header, agreed);
    assert_eq!(reader.records().count(), 0);
}

#[test]
fn a_row_holds_all_stages_of_its_cell_unrounded() {
    let rows = table(&whole_sweep());
    assert_eq!(rows.len(), 30);
    let row = rows
        .iter()
        .find(|row| row["model"] == "yolov5n+gsconv")
        .unwrap();
    assert_eq!(row["params"], "1764317");
    assert_eq!(row["gflops"], "1.106875");
    assert_eq!(row["map50_95"], "0.407");
    assert_eq!(
        row["map_large"], "",
        "COCO has no figure where there was nothing to measure"
    );
    assert_eq!(row["epochs"], "20");
    assert_eq!(row["seed"], "0");
    assert_eq!(row["status"], "done");
    assert_eq!(row["commit"], "12e70ed3c5a1");
    assert_eq!(row["change_map50_95_points"], "-0.5");
    let median: f64 = row["latency_ms_median"].parse().unwrap();
    assert_eq!(median, 6.0 + 5.3 * 1.015 * 4.4275 / 4.0);
    let change: f64 = row["change_params_percent"].parse().unwrap();
    assert!((change - 100.0 * (1764317.0 / 1872157.0 - 1.0)).abs() < 1e-9);
    assert_eq!(row["finished"], "2026-01-04T10:00:00Z");
}

#[test]
fn a_row_says_how_its_network_ran() {
    let why = "yolov5n+asff (row 10, C2PSA)";
    let rows = table(&[
        done(&cell("baseline", "n"), latency(20.0)),
        done(
            &cell("asff", "n"),
            ran(latency(20.0), By::Operations, Some(why)),
        ),
    ]);
    let ways = rows
        .iter()
        .map(|row| [row["latency_by"].as_str(), row["latency_no_plan"].as_str()]);
    assert_eq!(Vec::from_iter(ways), [["", ""], ["operations", why]]);
}

#[test]
fn rows_are_sorted_whatever_the_order_of_the_records() {
    let mut records = whole_sweep();
    let models: Vec<String> = table(&records)
        .iter()
        .map(|row| row["model"].clone())
        .collect();
    assert_eq!(models[0], "yolov5n");
    assert_eq!(models[6], "yolov5s");
    assert_eq!(models[29], "yolov5x+mobilenetv2");
    records.reverse();
    let again: Vec<String> = table(&records)
        .iter()
        .map(|row| row["model"].clone())
        .collect();
    assert_eq!(models, again);
}

#[test]
fn what_failed_and_what_is_missing_say_so() {
    let rows = table(&whole_sweep());
    let of = |model: &str| rows.iter().find(|row| row["model"] == model).unwrap();
    let failed = of("yolov5n+fasternet");
    assert_eq!(failed["status"], "failed");
    assert_eq!(
        failed["error"],
        "train: the loss is NaN at epoch 3, step 12 (learning rate 0.01)"
    );
    assert_eq!(failed["not_measured"], "eval: skipped: training failed");
    assert_eq!(failed["map50"], "");
    assert_eq!(of("yolov5x+ghost")["latency_ms_median"], "");
    assert_eq!(
        of("yolov5s")["status"],
        "done",
        "a stage that was not asked for is no fault"
    );

    let first = table(&first_stage());
    assert!(first.iter().all(|row| row["status"] == "partial"));
    assert_eq!(
        first[0]["not_measured"],
        "latency: not yet measured; train: not yet measured; eval: not yet measured"
    );
}

#[test]
fn a_stopped_training_is_not_a_measured_one() {
    let (base, other) = (cell("baseline", "n"), cell("asff", "n"));
    let mut records = vec![
        done(&base, train(0.4, 20)),
        done(&base, eval(0.4)),
        stopped(&other),
    ];
    for cell in [&base, &other] {
        records.extend([done(cell, cost(1_000_000, 4.0)), done(cell, latency(20.0))]);
    }
    records.push(skipped(&other, Stage::Eval, "its training was stopped"));
    let rows = table(&records);
    let row = &rows[1];
    assert_eq!(
        (row["status"].as_str(), row["error"].as_str()),
        ("stopped", "")
    );
    let why = "stopped after epoch 5 of 20 by halving: place 3 of 4";
    assert_eq!(row["not_measured"], format!("train: {why}; eval: {why}"));
    for column in [
        "map50",
        "map50_95",
        "change_map50_95_points",
        "epochs",
        "best_epoch",
        "best_weights",
    ] {
        assert_eq!(row[column], "", "{column}");
    }
    assert!(!row["train_key"].is_empty(), "there is a record of it");

    // What an earlier sweep evaluated, of weights that were trained anew and stopped.
    let last = records.len() - 1;
    records[last] = done(&other, eval(0.5));
    assert_eq!(table(&records)[1]["map50_95"], "");
    // Latency is still to come.
    records.retain(|record| record.stage != Stage::Latency);
    assert_eq!(table(&records)[1]["status"], "partial");
}

#[test]
fn a_row_without_baseline_has_no_change() {
    let records: Vec<Record> = whole_sweep()
        .into_iter()
        .filter(|record| record.cell.variant != "baseline")
        .collect();
    let rows = table(&records);
    assert_eq!(rows.len(), 25);
    assert!(
        rows.iter()
            .all(|row| row["change_params_percent"].is_empty()
                && row["change_map50_95_points"].is_empty())
    );
}

#[test]
fn the_baseline_is_that_of_the_same_setting() {
    let on = |device: &str, variant: &str| Cell {
        device: device.into(),
        ..cell(variant, "n")
    };
    let records = [
        done(&on("flex", "baseline"), latency(100.0)),
        done(&on("tch:cpu", "baseline"), latency(10.0)),
        done(&on("tch:cpu", "asff"), latency(15.0)),
        done(&on("wgpu", "asff"), latency(15.0)),
    ];
    let rows = table(&records);
    let change = |device: &str| {
        &rows
            .iter()
            .find(|row| row["device"] == device && row["variant"] == "asff")
            .unwrap()["change_latency_percent"]
    };
    assert_eq!(change("tch:cpu"), "50");
    assert_eq!(change("wgpu"), "", "no baseline was timed on this device");
}

#[test]
fn runs_of_different_length_are_not_compared() {
    let (base, other) = (cell("baseline", "n"), cell("asff", "n"));
    let records = [
        done(&base, train(0.4, 10)),
        done(&base, eval(0.4)),
        done(&other, train(0.5, 20)),
        done(&other, eval(0.5)),
    ];
    let rows = table(&records);
    assert_eq!(rows[1]["map50_95"], "0.5");
    assert_eq!(rows[1]["change_map50_95_points"], "");
}

#[test]
fn what_a_training_began_with_has_columns_and_is_not_compared_with_another() {
    let (base, other) = (cell("baseline", "n"), cell("asff", "n"));
    let mut records = vec![
        done(&base, train_from("yolov5n.pt", 0.4)),
        done(&base, eval(0.4)),
        done(&other, train_from("yolov5n.pt", 0.5)),
        done(&other, eval(0.5)),
    ];
    let rows = table(&records);
    assert_eq!(
        [
            &rows[0]["weights"],
            &rows[0]["weights_taken"],
            &rows[0]["weights_total"]
        ],
        ["yolov5n.pt", "342", "349"]
    );
    assert_eq!(rows[1]["change_map50_95_points"], "10");
    records[2] = done(&other, train(0.5, 20));
    let rows = table(&records);
    assert_eq!([&rows[1]["weights"], &rows[1]["weights_taken"]], ["", ""]);
    assert_eq!(
        rows[1]["change_map50_95_points"], "",
        "one began with random weights"
    );
}

#[test]
fn seeds_share_cost_and_latency() {
    let seed = |seed| Cell {
        seed: Some(seed),
        ..cell("baseline", "n")
    };
    let records = [
        done(&seed(0), cost(1_000_000, 4.0)),
        done(&seed(0), latency(20.0)),
        done(&seed(0), eval(0.4)),
        done(&seed(1), eval(0.5)),
    ];
    let rows = table(&records);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["params"], "1000000");
    assert_eq!(rows[1]["latency_ms_median"], "20");
    assert_eq!([&rows[0]["map50_95"], &rows[1]["map50_95"]], ["0.4", "0.5"]);
}

#[test]
fn the_later_of_two_records_counts() {
    let cell = cell("baseline", "n");
    let mut old = done(&cell, latency(30.0));
    old.finished = "2026-01-02T12:00:00+02:00".into();
    let mut new = done(&cell, latency(20.0));
    new.finished = "2026-01-02T10:30:00Z".into();
    assert_eq!(
        table(&[new.clone(), old.clone()])[0]["latency_ms_median"],
        "20"
    );
    assert_eq!(table(&[old, new])[0]["latency_ms_median"], "20");
}

#[test]
fn text_cannot_break_out_of_its_field() {
    let odd = Cell {
        model: "=HYPERLINK(\"http://a\")".into(),
        variant: "a,b\r\n\"c\"".into(),
        dataset: Some("@cmd|x".into()),
        ..cell("baseline", "n")
    };
    let rows = table(&[failed(
        &odd,
        Stage::Cost,
        "line one\nline two, with \"quotes\"\u{1b}[31m",
    )]);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["model"], "'=HYPERLINK(\"http://a\")");
    assert_eq!(rows[0]["variant"], "a,b  \"c\"");
    assert_eq!(rows[0]["dataset"], "'@cmd|x");
    assert_eq!(
        rows[0]["error"],
        "cost: line one line two, with \"quotes\" [31m"
    );
}

#[test]
fn a_skipped_stage_names_no_machine() {
    let mut record = skipped(&cell("baseline", "n"), Stage::Train, "not asked for");
    record.environment = Environment::default();
    record.finished = String::new();
    record.key = String::new();
    assert!(matches!(record.outcome, Outcome::Skipped { .. }));
    let rows = table(&[done(&record.cell, cost(1_000_000, 4.0)), record]);
    assert_eq!(rows[0]["commit"], "12e70ed3c5a1");
    assert_eq!(rows[0]["train_key"], "");
    assert_eq!(rows[0]["finished"], "2026-01-01T10:00:00Z");
}

#[test]
fn a_change_of_one_seed_has_an_interval_over_the_test_images() {
    let evaluated = |variant: &str, map: f64, bootstrap: Vec<Option<f64>>| {
        let Measurement::Eval(figures) = eval(map) else {
            unreachable!()
        };
        let measured = EvalMeasurement {
            bootstrap,
            ..figures
        };
        done(&cell(variant, "n"), Measurement::Eval(measured))
    };
    let base: Vec<_> = (0..1000).map(|i| Some(f64::from(i % 7) / 8.0)).collect();
    // Differences of 0 to 999 hundredths of a point: quantiles lie between two of them.
    let own = base.iter().zip(0..);
    let own = own.map(|(base, i)| base.map(|base| base + f64::from(i) / 1e4));
    let records = [
        evaluated("baseline", 0.4, base.clone()),
        evaluated("asff", 0.45, own.collect()),
    ];
    let rows = table(&records);
    let change = ["points", "low", "high"].map(|end| {
        let field = &rows[1][&format!("change_map50_95_{end}")];
        field.parse::<f64>().unwrap()
    });
    for (figure, expected) in change.into_iter().zip([5.0, 0.249_75, 9.740_25]) {
        assert!((figure - expected).abs() < 1e-9, "{change:?}");
    }
    assert_eq!(rows[0]["change_map50_95_low"], "");
    // The screen says the same.
    let screen = ablate_report::terminal::render(&records, Judging::default(), None, false);
    assert!(screen.contains("+0.2 … +9.7"), "{screen}");
}

#[test]
fn what_was_left_out_of_the_data_is_counted() {
    let account = |split: &str, images| DataAccount {
        split: split.into(),
        left_out: LeftOut {
            images,
            annotations: 2,
            masks: 1,
            ..LeftOut::default()
        },
        ..DataAccount::default()
    };
    let Measurement::Train(trained) = train(0.4, 2) else {
        unreachable!()
    };
    let Measurement::Eval(evaluated) = eval(0.4) else {
        unreachable!()
    };
    let trained = TrainMeasurement {
        data: vec![account("train", 4), account("val", 0)],
        ..trained
    };
    let evaluated = EvalMeasurement {
        data: Some(account("val", 0)),
        ..evaluated
    };
    let (new, old) = (cell("baseline", "n"), cell("gsconv", "n"));
    let rows = table(&[
        done(&new, Measurement::Train(trained)),
        done(&new, Measurement::Eval(evaluated)),
        done(&old, train(0.4, 2)),
    ]);
    assert_eq!(
        (
            rows[0]["train_left_out"].as_str(),
            rows[0]["eval_left_out"].as_str()
        ),
        ("7", "3")
    );
    assert_eq!(
        rows[1]["train_left_out"], "",
        "a record of an earlier version"
    );
}

/// The baseline of a replayed pass is one that was replayed, too.
#[test]
fn each_mode_is_a_row_with_a_baseline_of_its_own() {
    let mut records = both_modes();
    let shown = |records: &[Record]| -> Vec<[String; 3]> {
        let of_row = |row: &std::collections::BTreeMap<String, String>| {
            ["variant", "latency_mode", "change_latency_percent"].map(|name| row[name].clone())
        };
        table(records).iter().map(of_row).collect()
    };
    let found = shown(&records);
    let kinds: Vec<[&str; 2]> = found.iter().map(|row| [&*row[0], &*row[1]]).collect();
    let expected = [
        ["baseline", "eager"],
        ["baseline", "graph"],
        ["asff", "eager"],
        ["asff", "graph"],
    ];
    assert_eq!(kinds, expected);
    let change = |row: usize| found[row][2].parse::<f64>().unwrap();
    assert!((change(2) - 10.0).abs() < 1e-9, "{}", change(2));
    assert!((change(3) - 50.0).abs() < 1e-9, "{}", change(3));

    // Without a baseline of its mode there is no change.
    records.retain(|record| record.cell.variant != "baseline" || record.cell.mode == "eager");
    let found = shown(&records);
    let graph = found.iter().find(|row| row[1] == "graph").unwrap();
    assert_eq!(graph[2], "");
}
