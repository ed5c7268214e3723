//! The table as Markdown, LaTeX and CSV.

use std::collections::BTreeMap;

use ablate_records::{Cell, Judging, Measurement, Record};
use ablate_report::{Contents, TableFormat, TableOptions};

use crate::support::*;

fn table(records: &[Record], format: TableFormat, columns: &[&str]) -> anyhow::Result<String> {
    table_of(records, format, columns, &[])
}

fn table_of(
    records: &[Record],
    format: TableFormat,
    columns: &[&str],
    scales: &[&str],
) -> anyhow::Result<String> {
    let owned = |words: &[&str]| Vec::from_iter(words.iter().map(|word| word.to_string()));
    let contents = Contents {
        title: "my_sweep",
        variants: &[],
        judging: Judging {
            margin: Some(1.0),
            ..Judging::default()
        },
        records,
    };
    let options = TableOptions {
        format,
        columns: &owned(columns),
        scales: &owned(scales),
    };
    ablate_report::table(&contents, &options)
}

fn markdown(records: &[Record], columns: &[&str]) -> String {
    table(records, TableFormat::Markdown, columns).unwrap()
}

/// The cells of the table's lines, as GitHub splits them, by the model.
fn lines(markdown: &str) -> BTreeMap<String, Vec<String>> {
    let rows = markdown.lines().filter(|line| line.starts_with('|'));
    let cells = rows.map(|row| {
        let row = row.trim_matches('|').replace("\\|", "\u{1}");
        let cells = row.split('|').map(|cell| cell.trim().replace('\u{1}', "|"));
        Vec::from_iter(cells)
    });
    let cells = Vec::from_iter(cells);
    let width = cells[0].len();
    assert!(cells.iter().all(|row| row.len() == width), "{markdown}");
    cells
        .into_iter()
        .map(|mut row| (row.remove(0), row))
        .collect()
}

/// Four models of scale n under three seeds; `asff` is better beyond doubt, `gsconv` as good.
fn seeds() -> Vec<Record> {
    let maps = [
        ("baseline", [0.400, 0.402, 0.398]),
        ("gsconv", [0.401, 0.399, 0.402]),
        ("asff", [0.500, 0.502, 0.499]),
        ("ghost", [0.300, 0.301, 0.299]),
    ];
    let of_seed = |variant: &str, seed: usize, map: f64| {
        let cell = Cell {
            seed: Some(seed as u64),
            ..cell(variant, "n")
        };
        vec![
            done(
                &cell,
                cost(
                    if variant == "ghost" {
                        1_400_000
                    } else {
                        1_872_157
                    },
                    4.5,
                ),
            ),
            done(&cell, latency(12.0)),
            done(&cell, train(map, 20)),
            done(&cell, eval(map)),
        ]
    };
    maps.iter()
        .flat_map(|(variant, maps)| (0..3).map(move |seed| (*variant, seed, maps[seed])))
        .flat_map(|(variant, seed, map)| of_seed(variant, seed, map))
        .collect()
}

#[test]
fn markdown_has_units_verdicts_and_what_they_mean() {
    let text = markdown(&seeds(), &[]);
    let lines = lines(&text);
    assert_eq!(
        lines["Model"],
        [
            "Params (M)",
            "GFLOPs",
            "Latency (ms)",
            "Δ (%)",
            "mAP50-95 (%)",
            "Δ (points)",
            "mAP50 (%)"
        ]
    );
    assert_eq!(lines["yolov5n"][4], "40.0 ± 0.2");
    assert_eq!(lines["yolov5n"][5], "");
    assert_eq!(lines["yolov5n+asff"][4], "**50.0 ± 0.2**");
    assert!(lines["yolov5n+asff"][5].starts_with("▲ +10.0 (+"), "{text}");
    assert!(
        lines["yolov5n+gsconv"][5].starts_with("≈ +0.1 (−"),
        "{text}"
    );
    assert!(
        lines["yolov5n+ghost"][5].starts_with("▽ −10.0 (−"),
        "{text}"
    );
    assert_eq!(lines["yolov5n+ghost"][0], "**1.40**");
    let models = text.lines().filter(|line| line.contains("yolov5n"));
    assert!(
        models.clone().next().unwrap().starts_with("| yolov5n  "),
        "the baseline first"
    );
    let widths: Vec<usize> = models.map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    for words in [
        "**my\\_sweep**",
        "mAP on shapes (val split, 120 images), trained at 320 px for 20 epochs: mean ± standard deviation over 3 seeds.",
        "Latency: median of a forward pass, batch 1, 320 px, on flex (AMD EPYC 9B14, 2 threads).",
        "with a confidence of 95 %",
        "▲▼ better, △▽ worse, ≈ as good (the whole interval lies within 1 point of mAP, 3 % of latency, or, of a cost, the figures are the same).",
        "Bold: the best of its scale",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_pasted_table_is_of_one_mode_and_says_which() {
    let text = markdown(&both_modes(), &["latency_ms_median", "latency_mode"]);
    let tables: Vec<&str> = text.split("**my\\_sweep: ").skip(1).collect();
    let [eager, graph] = tables[..] else {
        panic!("{text}");
    };
    for (table, mode, time, words) in [
        (
            eager,
            "eager",
            "10.0",
            "Latency: median of a forward pass, operation by operation, batch 1, eager, 320 px, on tch:cuda:0 (AMD EPYC 9B14, \
             2 threads). Eager: operation by operation",
        ),
        (
            graph,
            "graph",
            "2.0",
            "Latency: median of a forward pass, batch 1, graph, 320 px, on tch:cuda:0 (AMD EPYC 9B14, 2 threads). Graph: \
             the pass is captured once",
        ),
    ] {
        let row = &lines(table)["yolov5s"];
        assert!(row[0].contains(time) && row[1] == mode, "{row:?}");
        assert!(table.contains(words), "{table}");
    }
}

#[test]
fn a_best_is_marked_only_where_the_verdicts_say_so() {
    let best = |records: &[Record], column: &str| -> Vec<String> {
        let text = markdown(records, &[column]);
        let lines = lines(&text).into_iter();
        let bold = lines.filter(|(_, cells)| cells[0].starts_with("**"));
        bold.map(|(model, _)| model).collect()
    };
    assert_eq!(best(&seeds(), "map50_95"), ["yolov5n+asff"]);
    // All are equally fast.
    assert!(best(&seeds(), "latency_ms_median").is_empty());
    // Without a comparison there is no verdict.
    assert!(best(&seeds(), "map75").is_empty());
    // Where all others are worse, it is the baseline.
    let without: Vec<Record> = seeds()
        .into_iter()
        .filter(|record| ["baseline", "ghost"].contains(&record.cell.variant.as_str()))
        .collect();
    assert_eq!(best(&without, "map50_95"), ["yolov5n"]);
    // As good as the baseline, and so perhaps as good as the best.
    let close: Vec<Record> = seeds()
        .into_iter()
        .filter(|record| record.cell.variant != "asff")
        .collect();
    assert!(best(&close, "map50_95").is_empty());
    // One seed tells nothing.
    let one: Vec<Record> = seeds()
        .into_iter()
        .filter(|record| record.cell.seed == Some(0))
        .collect();
    assert!(best(&one, "map50_95").is_empty());
    assert!(markdown(&one, &[]).contains("one seed."));
}

#[test]
fn columns_and_scales_are_chosen_by_name() {
    let records = whole_sweep();
    let names = [
        "model",
        "train_images",
        "status",
        "change_gflops_percent",
        "change_map50_95_low",
    ];
    let text = table_of(&records, TableFormat::Markdown, &names, &["n", "s"]).unwrap();
    let lines = lines(&text);
    assert_eq!(
        lines["Model"],
        ["train images", "status", "Δ (%)", "Δ low (points)"]
    );
    assert_eq!(lines["yolov5n+gsconv"], ["480", "done", "▼ −3.0", ""]);
    assert!(lines.contains_key("yolov5s") && !lines.contains_key("yolov5m"));

    for (names, words) in [
        (
            ["map5095"],
            "--columns: unknown column 'map5095'; did you mean map50_95",
        ),
        (["latency"], "did you mean "),
        (["flops"], "gflops"),
        (["zzz"], "expected a name of results.csv, such as params, "),
    ] {
        let error = table(&records, TableFormat::Latex, &names).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = table_of(&records, TableFormat::Csv, &[], &["z"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--scale: unknown scale 'z'; known: l, m, n, s, x"
    );
    let error = table(&[], TableFormat::Markdown, &[]).unwrap_err();
    assert!(error.to_string().contains("found none"), "{error}");
}

#[test]
fn large_numbers_have_commas() {
    let Measurement::Train(trained) = train(0.4, 2) else {
        unreachable!()
    };
    let cell = Cell {
        seed: Some(20_260_101),
        ..cell("baseline", "n")
    };
    let trained = ablate_records::TrainMeasurement {
        train_images: 118_287,
        ..trained
    };
    let records = [done(&cell, Measurement::Train(trained))];
    let columns = ["train_images", "seed"];
    let text = markdown(&records, &columns);
    assert_eq!(lines(&text)["yolov5n"], ["118,287", "20260101"]);
    let text = table(&records, TableFormat::Latex, &columns).unwrap();
    assert!(text.contains("118{,}287 & 20260101"), "{text}");
}

#[test]
fn names_are_text_in_every_format() {
    let odd = Cell {
        model: "a|b_c*&%${}#~^\\<x>\u{1b}".into(),
        ..cell("baseline", "n")
    };
    let records = [done(&odd, cost(1_000_000, 4.0))];
    let text = markdown(&records, &[]);
    assert!(text.contains("| a\\|b\\_c\\*&%${}#~^\\\\\\<x> "), "{text}");
    let text = table(&records, TableFormat::Latex, &[]).unwrap();
    assert!(
        text.contains(
            "a\\textbar{}b\\_c{*}\\&\\%\\$\\{\\}\\#\\textasciitilde{}\\textasciicircum{}\\textbackslash{}\\textless{}x\\textgreater{} "
        ),
        "{text}"
    );
    check_latex(&text);
    let formula = Cell {
        model: "=1+1".into(),
        ..cell("baseline", "n")
    };
    let text = table(&[done(&formula, cost(1, 4.0))], TableFormat::Csv, &[]).unwrap();
    assert!(text.contains("\n'=1+1,"), "{text}");
}

/// What a compiler would stumble over: braces, environments, mathematics, and the number of cells.
fn check_latex(text: &str) {
    let mut depth = 0i32;
    let mut dollars = 0;
    let mut escape = false;
    for c in text.chars() {
        match c {
            _ if escape => {
                escape = false;
                continue;
            }
            '\\' => escape = true,
            '{' => depth += 1,
            '}' => depth -= 1,
            '$' => dollars += 1,
            _ => {}
        }
        assert!(depth >= 0, "{text}");
    }
    assert_eq!((depth, dollars % 2), (0, 0), "{text}");
    for environment in ["table", "tabular"] {
        let count = |word: &str| text.matches(&format!("\\{word}{{{environment}}}")).count();
        assert_eq!(count("begin"), count("end"), "{text}");
    }
    let mut columns = 0;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("\\begin{tabular}{") {
            columns = rest.trim_end_matches('}').len();
        }
        if line.ends_with("\\\\") {
            let cells = line.replace("\\&", "").matches('&').count() + 1;
            assert_eq!(cells, columns, "{line}");
        }
    }
    assert!(columns > 0, "{text}");
    // What pdflatex has no letter for.
    let odd = text.chars().find(|c| "▲▼△▽≈∅±−×…Δ·".contains(*c));
    assert_eq!(odd, None, "{text}");
}

#[test]
fn latex_has_rules_signs_a_caption_and_a_label() {
    let text = table(&seeds(), TableFormat::Latex, &[]).unwrap();
    check_latex(&text);
    for words in [
        "% \\usepackage{booktabs,amssymb}\n\\begin{table}",
        "\\caption{my\\_sweep.\n",
        "\\label{tab:my-sweep}",
        "\\toprule\nModel & Params (M) & GFLOPs & Latency (ms) & $\\Delta$ (\\%) & mAP50-95 (\\%)",
        "& \\textbf{50.0} $\\pm$ 0.2 & $\\blacktriangle$ $+10.0$ {\\footnotesize [$+",
        "\\bottomrule",
        "over 3 seeds",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Two devices and two data sets: a table each.
    let text = table(&large_sweep(), TableFormat::Latex, &[]).unwrap();
    check_latex(&text);
    assert_eq!(text.matches("\\begin{table}").count(), 4);
    assert!(
        text.contains("\\caption{my\\_sweep: bccd $\\cdot$ flex $\\cdot$ 320 px "),
        "{text}"
    );
    assert!(text.contains("\\label{tab:my-sweep-4}"));
    let text = table(&whole_sweep(), TableFormat::Latex, &[]).unwrap();
    check_latex(&text);
    assert_eq!(text.matches("\\midrule").count(), 5, "one above each scale");
    let baselines: Vec<Record> = whole_sweep()
        .into_iter()
        .filter(|record| record.cell.variant == "baseline")
        .collect();
    let text = table(&baselines, TableFormat::Latex, &["train_s"]).unwrap();
    assert_eq!(text.matches("\\midrule").count(), 1, "{text}");
    assert!(
        text.contains("Model & train (s) \\\\\n\\midrule\nyolov5n & 110.0 \\\\"),
        "{text}"
    );
}

#[test]
fn csv_has_verdicts_by_model() {
    let text = table(&seeds(), TableFormat::Csv, &[]).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<BTreeMap<String, String>> =
        reader.deserialize().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 4);
    let asff = rows.iter().find(|row| row["variant"] == "asff").unwrap();
    let figure = |name: &str| asff[name].parse::<f64>().unwrap();
    assert!((figure("map50_95") - 0.500_333_333_3).abs() < 1e-9);
    assert_eq!(asff["map50_95_seeds"], "3");
    assert!(figure("map50_95_std") > 0.001);
    assert!(figure("change_map50_95_low") < 10.0333 && figure("change_map50_95_high") > 10.034);
    assert_eq!(asff["change_map50_95_verdict"], "better");
    assert_eq!(
        (asff["device"].as_str(), asff["params"].as_str()),
        ("flex", "1872157")
    );
    let open = table(
        &whole_sweep(),
        TableFormat::Csv,
        &["change_map50_95_points"],
    )
    .unwrap();
    assert!(
        open.contains("can't tell: one seed has no spread"),
        "{open}"
    );
}
