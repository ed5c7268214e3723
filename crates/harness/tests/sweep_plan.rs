//! From a sweep's file to cells.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use ablate::sweep::{
    Workbench,
    config::{Among, HalvingConfig, SweepConfig, in_file},
    plan::{Plan, PlannedCell, Selection},
};
use ablate_model::{Catalog, Detector, inference::Execution};
use ablate_records::Stage;
use burn::tensor::{Device, Tensor};

const SWEEP: &str = "
name: test
families: [yolov5]
scales: [n, s]
variants: [baseline, 'asff:order=sequential,rfb=true', ghost+gsconv]
models: [yolov5x+gsconv, yolov5n]
seeds: [0, 7]
latency: {scales: [n, s], imgsz: 320, batch: 2}
train:
  scales: [n]
  data: ../data/cells.yaml
  overrides: {lr0: 0.02}
  imgsz: 160
  epochs: 3
eval: {split: test}
detect: {}
";

fn read(text: &str) -> anyhow::Result<SweepConfig> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sweep.yaml");
    fs::write(&path, text)?;
    SweepConfig::read(&path)
}

fn plan(text: &str) -> Plan {
    Plan::new(&read(text).unwrap(), &Catalog::builtin(), 3, Some("cells")).unwrap()
}

#[test]
fn singles_and_pairs_are_all_that_fit() {
    let plan = plan(
        "name: grid\nfamilies: [yolov5, yolov8]\nscales: [n]\nvariants: [baseline, singles, pairs]\n",
    );
    let variants = |family: &str| -> Vec<String> {
        plan.cells
            .iter()
            .filter(|cell| cell.cell.family == family)
            .map(|cell| cell.cell.variant.clone())
            .collect()
    };
    let found = variants("yolov5");
    assert_eq!(found, variants("yolov8"));
    assert_eq!(found[0], "baseline");
    let (pairs, singles): (Vec<&String>, Vec<&String>) =
        found[1..].iter().partition(|variant| variant.contains('+'));
    assert!(
        singles.len() >= 9 && singles.iter().any(|variant| *variant == "ghost"),
        "{singles:?}"
    );
    assert!(pairs.iter().any(|pair| *pair == "asff+ghost"), "{pairs:?}");
    // The other way round ghost-static leaves no C3 to the neck.
    assert!(
        pairs.iter().any(|pair| *pair == "slimneck+ghost-static"),
        "{pairs:?}"
    );
    // Two backbones, two necks, and a backbone without the rows that the other would change.
    for pair in [
        "fasternet+mobilenetv2",
        "gsconv+slimneck",
        "fasternet+repvgg",
    ] {
        assert!(
            !pairs.iter().any(|found| *found == pair),
            "{pair} can't meet"
        );
    }
}

#[test]
fn what_singles_and_pairs_leave_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let own = "families: [yolov8]\npatch: [{replace: {Conv: GSConv}, in: backbone}]\n";
    fs::write(folder.path().join("own.yaml"), own).unwrap();
    let path = folder.path().join("sweep.yaml");
    let sweep = "name: grid\nfamilies: [yolov5, yolov8]\nscales: [n]\nvariants: [baseline, singles, pairs]\ntables: [own.yaml]\n";
    fs::write(&path, sweep).unwrap();
    let bench = Workbench::new(SweepConfig::read(&path).unwrap()).unwrap();
    let reason = |name: &str| {
        let start = format!("{name}: ");
        let found = bench.left_out.iter().find(|line| line.starts_with(&start));
        found.unwrap_or_else(|| panic!("{name} is not left out: {:?}", bench.left_out))
    };
    assert!(reason("yolov5n+own").contains("expected a model of yolov8, found one of yolov5"));
    assert!(reason("yolov8n+fasternet+mobilenetv2").contains("has swapped the backbone already"));
    assert!(
        !bench
            .left_out
            .iter()
            .any(|line| line.starts_with("yolov8n+own:")),
        "{:?}",
        bench.left_out
    );
}

#[test]
fn models_that_can_t_be_made_are_told_before_they_run() {
    let config =
        read("name: a\nmodels: [yolov5n, yolov5n+fasternet+mobilenetv2, yolov5n+segment26]\n");
    let bench = Workbench::new(config.unwrap()).unwrap();
    let plan = bench.plan().unwrap();
    let cells = plan.select(&Selection::default()).unwrap();
    let misfits = Vec::from_iter(bench.misfits(&cells));
    assert_eq!(misfits.len(), 2, "{misfits:?}");
    assert!(
        misfits[0].ends_with("fasternet has swapped the backbone already"),
        "{misfits:?}"
    );
    assert!(bench.misfits(&cells[..1]).is_empty());
}

#[test]
fn words_of_a_command_line_are_the_cells_variants() {
    let config = read("name: a\nfamilies: [yolov5]\nscales: [n]\nvariants: [baseline]\n");
    let bench = Workbench::new(config.unwrap()).unwrap();
    let called = |words: &[&str]| {
        let words = words.iter().map(ToString::to_string).collect::<Vec<_>>();
        bench.variants_called(&words).unwrap()
    };
    assert_eq!(
        called(&["baseline", "asff:rfb=true,order=sequential", "baseline"]),
        ["baseline", "asff:order=sequential,rfb=true"]
    );
    let singles = called(&["singles", "ghost"]);
    assert!(singles.contains(&"gsconv".into()) && !singles.contains(&"segment26".into()));
    assert_eq!(singles.iter().filter(|it| *it == "ghost").count(), 1);
    // The cells are those that the sweep has: of data without masks, none that make some.
    let config = read(
        "name: a\nfamilies: [yolov5]\nscales: [n]\nvariants: [singles]\ntrain: {data: shapes, imgsz: 64}\n",
    );
    let bench = Workbench::new(config.unwrap()).unwrap();
    let selection = Selection {
        variants: bench.variants_called(&["singles".into()]).unwrap(),
        ..Selection::default()
    };
    let plan = bench.plan().unwrap();
    assert_eq!(plan.select(&selection).unwrap().len(), plan.cells.len());
    let config = read("name: a\nmodels: ['yolov5n+asff:rfb=true,order=sequential']\n");
    let bench = Workbench::new(config.unwrap()).unwrap();
    let called = bench.variants_called(&["asff:rfb=true,order=sequential".into()]);
    assert_eq!(called.unwrap(), ["asff:order=sequential,rfb=true"]);
}

#[test]
fn singles_make_masks_only_where_the_data_have_some() {
    let folder = tempfile::tempdir().unwrap();
    let bench = |data: &str| {
        let data =
            format!("format: shapes\nimgsz: 64\nimages: {{train: 8, val: 4, test: 4}}\n{data}");
        fs::write(folder.path().join("drawn.yaml"), data).unwrap();
        let path = folder.path().join("sweep.yaml");
        let sweep = "name: grid\nfamilies: [yolov8]\nscales: [n]\nvariants: [baseline, singles]\ntrain: {data: drawn.yaml, imgsz: 64}\n";
        fs::write(&path, sweep).unwrap();
        Workbench::new(SweepConfig::read(&path).unwrap()).unwrap()
    };
    let reason = "yolov8n+segment: not every object of drawn has a mask";
    let segments = |bench: &ablate::sweep::Workbench| {
        let plan = bench.plan().unwrap();
        plan.cells.iter().any(|cell| cell.cell.variant == "segment")
    };
    let boxes = bench("");
    assert!(
        boxes.left_out.iter().any(|line| line == reason),
        "{:?}",
        boxes.left_out
    );
    assert!(!segments(&boxes));
    let masks = bench("masks: true\n");
    assert!(!masks.left_out.iter().any(|line| line == reason));
    assert!(segments(&masks));
}

#[test]
fn cells_are_models_times_seeds_where_they_are_trained() {
    let plan = plan(SWEEP);
    let ids: Vec<&str> = plan.cells.iter().map(|cell| cell.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "yolov5n@flex@cells@0",
            "yolov5n@flex@cells@7",
            "yolov5n+asff-order=sequential-rfb=true@flex@cells@0",
            "yolov5n+asff-order=sequential-rfb=true@flex@cells@7",
            "yolov5n+ghost+gsconv@flex@cells@0",
            "yolov5n+ghost+gsconv@flex@cells@7",
            "yolov5s@flex",
            "yolov5s+asff-order=sequential-rfb=true@flex",
            "yolov5s+ghost+gsconv@flex",
            "yolov5x+gsconv@flex",
        ]
    );
    let cell = &plan.cells[2].cell;
    assert_eq!(cell.model, "yolov5n+asff:order=sequential,rfb=true");
    assert_eq!(
        (
            cell.family.as_str(),
            cell.variant.as_str(),
            cell.scale.as_str()
        ),
        ("yolov5", "asff:order=sequential,rfb=true", "n")
    );
    assert_eq!(
        (cell.nc, cell.imgsz.latency, cell.batch),
        (3, 320.into(), 2)
    );
    assert_eq!(
        (cell.dataset.as_deref(), cell.seed),
        (Some("cells"), Some(0))
    );
    assert_eq!(
        (&plan.cells[6].cell.dataset, plan.cells[6].cell.seed),
        (&None, None)
    );
}

#[test]
fn a_stage_that_is_not_asked_for_says_why() {
    let plan = plan(SWEEP);
    let skipped = |id: &str, stage| {
        plan.cells
            .iter()
            .find(|cell| cell.id == id)
            .unwrap()
            .skipped(stage)
            .map(str::to_owned)
    };
    assert!(
        Stage::ALL
            .iter()
            .all(|stage| skipped("yolov5n@flex@cells@0", *stage).is_none())
    );
    assert_eq!(skipped("yolov5n@flex@cells@7", Stage::Eval), None);
    assert_eq!(
        skipped("yolov5n@flex@cells@7", Stage::Detect).unwrap(),
        "detection is timed with the weights of the first seed"
    );
    assert_eq!(skipped("yolov5s@flex", Stage::Cost), None);
    assert_eq!(skipped("yolov5s@flex", Stage::Latency), None);
    assert_eq!(
        skipped("yolov5s@flex", Stage::Train).unwrap(),
        "not trained: the sweep trains the scales n only"
    );
    assert_eq!(
        skipped("yolov5s@flex", Stage::Eval),
        skipped("yolov5s@flex", Stage::Train)
    );
    assert_eq!(
        skipped("yolov5x+gsconv@flex", Stage::Latency).unwrap(),
        "latency is measured for the scales n, s only"
    );
}

#[test]
fn detection_is_timed_by_weights_that_were_evaluated() {
    let error = |text: &str| {
        let error = read(
            &SWEEP
                .replace("eval: {split: test}\n", "")
                .replace("detect: {}", text),
        );
        format!("{:#}", error.unwrap_err())
    };
    assert!(error("detect: {}").ends_with(
        "key `detect`: requires the keys `train` and `eval`: it times the weights that have the mAP"
    ));
    assert!(
        error("eval: {}\ndetect: {confidence: 2}")
            .ends_with("sweep.yaml:16: detect.confidence: expected a number from 0 to 1, found 2")
    );
}

/// What would leave a stage out without a word is an error.
#[test]
fn a_stage_is_never_left_out_unsaid() {
    let error = |from: &str, to: &str| {
        assert!(SWEEP.contains(from), "{from}");
        format!("{:#}", read(&SWEEP.replace(from, to)).unwrap_err())
    };
    let nothing = error("eval: {split: test}", "eval:");
    assert!(
        nothing.ends_with(
            "sweep.yaml:15: key `eval`: expected keys, found nothing; `eval: {}` takes all defaults"
        ),
        "{nothing}"
    );
    let short = error("batch: 2", "batch: 2, budget_s: 5, limit_s: 2");
    assert!(
        short.ends_with("key `latency.limit_s`: expected at least `budget_s`, 5, found 2"),
        "{short}"
    );
    let recipe = error("overrides: {lr0: 0.02}", "lr0: 0.02");
    assert!(
        recipe
            .contains("train: unknown key 'lr0': a key of the recipe; write it under `overrides`"),
        "{recipe}"
    );
    let twice = error("seeds: [0, 7]", "seeds: [0, 7, 0]");
    assert!(twice.ends_with("key `seeds`: 0 is listed twice"), "{twice}");
    let config =
        read(&SWEEP.replace("latency: {scales: [n, s]", "latency: {scales: [n, q]")).unwrap();
    let models = config.models(&Catalog::builtin());
    let scales = config.check_scales(&models).unwrap_err().to_string();
    assert_eq!(
        scales,
        "key `latency.scales`: no model of the sweep has the scale 'q'"
    );
}

#[test]
fn a_device_that_is_not_there_is_skipped_and_its_costs_are_not() {
    let plan = plan(&SWEEP.replace("seeds:", "devices: [flex, 'cuda:0']\nseeds:"));
    let cell = plan
        .cells
        .iter()
        .find(|cell| cell.id == "yolov5n@cuda-0@cells@0")
        .unwrap();
    assert_eq!(cell.skipped(Stage::Cost), None);
    let reason = cell.skipped(Stage::Train).unwrap();
    assert!(
        reason.starts_with("device absent: ") && reason.contains("feature `cuda`"),
        "{reason}"
    );
}

/// A second number format is one more latency of each model; its networks are trained once.
#[test]
fn number_formats_have_cells_that_are_not_trained_again() {
    let plan = plan(&SWEEP.replace("batch: 2", "batch: 2, dtype: [f32, f16, f32]"));
    let (half, single): (Vec<_>, Vec<_>) =
        plan.cells.iter().partition(|cell| cell.cell.dtype == "f16");
    let models: std::collections::BTreeSet<&str> =
        single.iter().map(|cell| cell.cell.model.as_str()).collect();
    assert_eq!((single.len(), half.len()), (10, models.len()));
    assert!(
        half.iter()
            .all(|cell| cell.id.ends_with("@flex@f16") && cell.skipped(Stage::Train).is_some())
    );
}

/// A second mode, too. Where no device can have it, its cells say so, whatever the machine; where one
/// can, they wait for a machine that has it.
#[test]
fn modes_have_cells_that_say_which_devices_can() {
    let plan_on = |devices: &str| {
        plan(&SWEEP.replace(
            "batch: 2}",
            &format!(
                "batch: 2, dtype: [f32, f16], mode: [eager, graph, eager]}}\ndevices: {devices}"
            ),
        ))
    };
    let plan = plan_on("[flex]");
    let (graph, eager): (Vec<_>, Vec<_>) = plan
        .cells
        .iter()
        .partition(|cell| cell.cell.mode == "graph");
    let models: BTreeSet<&str> = eager.iter().map(|cell| cell.cell.model.as_str()).collect();
    // Those of f32 are trained with two seeds.
    assert_eq!(
        (eager.len(), graph.len()),
        (10 + models.len(), 2 * models.len())
    );
    let ids: BTreeSet<&str> = plan.cells.iter().map(|cell| cell.id.as_str()).collect();
    for id in [
        "yolov5s@flex",
        "yolov5s@flex@graph",
        "yolov5s@flex@f16@graph",
    ] {
        assert!(ids.contains(id), "{id}: {ids:?}");
    }
    for cell in graph {
        let timed = cell.cell.scale != "x";
        let reason = "mode graph: expected a device of LibTorch (tch, tch:cuda:0), found flex";
        assert_eq!(cell.skipped(Stage::Latency) == Some(reason), timed);
        assert!(!cell.asks(Stage::Latency), "{}", cell.id);
        assert!(cell.skipped(Stage::Train).is_some(), "{}", cell.id);
    }
    let timed = |cell: &&PlannedCell| cell.cell.scale != "x";
    assert!(
        eager
            .into_iter()
            .filter(timed)
            .all(|cell| cell.skipped(Stage::Latency).is_none())
    );
    let plan = plan_on("['tch:cuda:0']");
    let mut cells = plan.cells.iter().filter(timed);
    assert!(cells.all(|cell| cell.asks(Stage::Latency)));
}

#[test]
fn a_selection_keeps_what_it_names() {
    let plan = plan(SWEEP);
    let count = |selection: Selection| {
        plan.select(&selection)
            .map(|cells| cells.len())
            .map_err(|error| error.to_string())
    };
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| word.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(count(Selection::default()), Ok(10));
    assert_eq!(
        count(Selection {
            scales: words(&["s", "x"]),
            ..Selection::default()
        }),
        Ok(4)
    );
    assert_eq!(
        count(Selection {
            variants: words(&["ghost+gsconv"]),
            scales: words(&["n"]),
            ..Selection::default()
        }),
        Ok(2)
    );
    assert_eq!(
        count(Selection {
            cells: words(&["yolov5s@flex"]),
            ..Selection::default()
        }),
        Ok(1)
    );
    let unknown = count(Selection {
        variants: words(&["gsconf"]),
        ..Selection::default()
    })
    .unwrap_err();
    assert!(
        unknown.contains("unknown variant 'gsconf'") && unknown.contains("ghost+gsconv"),
        "{unknown}"
    );
    let nothing = count(Selection {
        scales: words(&["x"]),
        variants: words(&["baseline"]),
        ..Selection::default()
    });
    assert!(nothing.unwrap_err().contains("no cell"));
}

#[test]
fn a_mistake_in_a_sweep_names_file_line_and_key() {
    let mistakes = [
        (
            "  epochs: 3",
            "  epoch: 3",
            "unknown key 'epoch'; did you mean 'epochs'?",
            14,
        ),
        (
            "scales: [n, s]\nvariants",
            "scales: [n, s m]\nvariants",
            "expected a scale such as n, s, m, l or x, found 's m'",
            4,
        ),
        (
            "imgsz: 160",
            "imgsz: 100",
            "expected a multiple of 32, found 100; next: 128",
            13,
        ),
        ("seeds: [0, 7]", "devices: [npu]", "unknown device 'npu'", 7),
        (
            "[yolov5x+gsconv",
            "[yolov5x++gsconv",
            "invalid model name",
            6,
        ),
        (
            "imgsz: 160",
            "imgsz: [160, 250]",
            "expected a multiple of 32, found 250; next: 256",
            13,
        ),
        ("imgsz: 160", "imgsz: [1, 2, 3]", "height and width", 13),
        ("batch: 2", "batch: 0", "1 to", 8),
        ("batch: 2", "dtype: half", "unknown number format 'half'", 8),
        ("batch: 2", "dtype: []", "empty list", 8),
        (
            "batch: 2",
            "mode: [eager, graphs]",
            "unknown mode 'graphs'; known: eager, graph",
            8,
        ),
        (
            "batch: 2",
            "mode: []",
            "expected eager or graph, found an empty list",
            8,
        ),
        ("{split: test}", "{split: testing}", "testing", 15),
        ("rfb=true", "rfb", "rfb", 5),
        ("epochs: 3", "halving: {keep: 1}", "between 0 and 1", 14),
        ("epochs: 3", "halving: {keep: half}", "number", 14),
        ("epochs: 3", "halving: {rungs: 0}", "1 to", 14),
        ("epochs: 3", "halving: {rungs: 1.5}", "whole number", 14),
        (
            "epochs: 3",
            "halving: {rung: 2}",
            "did you mean 'rungs'",
            14,
        ),
        (
            "epochs: 3",
            "halving: {among: scales}",
            "found 'scales'",
            14,
        ),
    ];
    for (right, wrong, word, line) in mistakes {
        assert!(SWEEP.contains(right), "{right}");
        let error = format!(
            "{:#}",
            read(&SWEEP.replacen(right, wrong, 1)).expect_err(wrong)
        );
        assert!(error.contains(word), "{error}");
        assert!(
            error.contains(&format!("sweep.yaml:{line}: ")),
            "line {line} of: {error}"
        );
    }
    let wrong = [
        (
            "epochs: 3",
            "epochs: 1\n  halving: {}",
            "sweep.yaml:15: key `train.halving`",
        ),
        (
            "epochs: 3",
            "recipe: [fast.yaml]",
            "sweep.yaml:14: train.recipe: expected a file, or a file for each family such as {yolov5: FILE}, found a list",
        ),
        (
            "families: [yolov5]\n",
            "",
            "sweep.yaml: key `families`: missing",
        ),
        ("name: test", "name: ../test", "sweep.yaml:2: key `name`"),
        ("seeds: [0, 7]", "seeds: []", "sweep.yaml:7: key `seeds`"),
        (
            "lr0: 0.02",
            "lr0: fast",
            "sweep.yaml:12: key `train.overrides.lr0`: expected a number, found 'fast'",
        ),
        (
            "lr0: 0.02",
            "lr: 0.02",
            "sweep.yaml:12: key `train.overrides`: unknown key 'lr'; did you mean 'lr0'?",
        ),
        (
            "epochs: 3",
            "epochs: 0",
            "sweep.yaml:14: key `train.epochs`: expected a whole number from 1 to 1000000, found 0",
        ),
        (
            "epochs: 3",
            "epochs: many",
            "sweep.yaml:14: train.epochs: expected a whole number, 0 or more, found 'many'",
        ),
        (
            "seeds: [0, 7]",
            "seeds: [0, seven]",
            "sweep.yaml:7: seeds[1]: expected a whole number, 0 or more, found 'seven'",
        ),
        (
            "seeds: [0, 7]",
            "name: again",
            "sweep.yaml:2: key `name`: listed twice",
        ),
        (
            "  data: ../data/cells.yaml\n",
            "",
            "train: key `data`: missing",
        ),
        (
            "  imgsz: 160",
            "\timgsz: 160",
            "YAML is indented with blanks, not with tabs",
        ),
        (
            SWEEP,
            "",
            "sweep.yaml: expected the keys of a sweep, found an empty file",
        ),
    ];
    for (right, wrong, word) in wrong {
        let error = format!(
            "{:#}",
            read(&SWEEP.replacen(right, wrong, 1)).expect_err(word)
        );
        assert!(
            error.contains("sweep.yaml") && error.contains(word),
            "{error}"
        );
    }
    let error = format!(
        "{:#}",
        SweepConfig::read(&PathBuf::from("no/such.yaml")).unwrap_err()
    );
    assert!(error.contains("no/such.yaml"), "{error}");
}

#[test]
fn what_a_sweep_names_and_is_not_there_is_told_by_file_line_and_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.yaml");
    fs::write(folder.path().join("two.yaml"), "nc: 3\n---\nnc: 4\n").unwrap();
    let error = |text: &str, included: &[&str]| {
        fs::write(&path, text).unwrap();
        let mut config = SweepConfig::read(&path).unwrap();
        let included = included.iter().map(ToString::to_string).collect::<Vec<_>>();
        config.include(&[], &included, &[]).unwrap();
        let error = Workbench::new(config).map(drop).unwrap_err();
        format!("{:#}", in_file(&path, error)).replace(&format!("{}/", folder.path().display()), "")
    };
    let grid = "name: a\nfamilies: [yolov5]\nscales: [n]\nvariants:\n  - baseline\n";
    for (text, start) in [
        (
            grid.replace("yolov5", "yolov5, yolov55"),
            "sweep.yaml:2: families[1]: unknown family 'yolov55'",
        ),
        (
            grid.replace("[n]", "[n, q]"),
            "sweep.yaml:3: scales[1]: yolov5q: unknown scale 'q'",
        ),
        (
            format!("{grid}  - gsconf\n"),
            "sweep.yaml:6: variants[1]: yolov5n+gsconf: unknown variant 'gsconf'",
        ),
        (
            format!("{grid}  - gsconv\n  - ghost+gs\n"),
            "sweep.yaml:7: variants[2]: yolov5n+ghost+gs: unknown variant 'gs'",
        ),
        (
            format!("{grid}models:\n- yolov5n\n- yolov9n\n"),
            "sweep.yaml:8: models[1]: yolov9n: unknown scale 'n'",
        ),
        (
            format!("{grid}models: [yolov5n, null]\n"),
            "sweep.yaml:6: models[1]: unknown family 'null'",
        ),
        (
            grid.replace("[n]", "[n, 1]"),
            "sweep.yaml:3: scales[1]: yolov51: unknown scale '1'",
        ),
        (
            format!("{grid}models: [yolov5n, yolov5]\n"),
            "sweep.yaml:6: models[1]: yolov5: expected a scale",
        ),
        (
            format!("{grid}models: [yolov5q]\n"),
            "sweep.yaml:6: models[0]: yolov5q: unknown scale 'q'",
        ),
        (
            format!("{grid}  - asff\n  - asff:order=odd\n"),
            "sweep.yaml:7: variants[2]: yolov5n+asff:order=odd: variant asff: argument 'order': expected one of",
        ),
        (
            format!("{grid}models: [yolov5n+ghost+asff:ordr=odd]\n"),
            "sweep.yaml:6: models[0]: yolov5n+ghost+asff:ordr=odd: variant asff: unknown argument 'ordr'",
        ),
        (
            format!("{grid}tables: [mine.yaml]\n"),
            "sweep.yaml:6: key `tables`: mine.yaml: ",
        ),
        (
            format!("{grid}tables: [two.yaml]\n"),
            "sweep.yaml:6: key `tables`: two.yaml: expected one document, found `---`, which begins another at line 2",
        ),
        (
            format!("{grid}train: {{data: cells.yaml, imgsz: 64, epochs: 1}}\n"),
            "sweep.yaml:6: key `train.data`: cells.yaml: not found",
        ),
        (
            format!("{grid}latency:\n  scales: [x]\n"),
            "sweep.yaml:7: key `latency.scales`: no model of the sweep has the scale 'x'",
        ),
    ] {
        let error = error(&text, &[]);
        assert!(error.starts_with(start), "{error}");
    }
    // The file has no part in a word of the command line.
    let error = error(grid, &["q"]);
    assert!(error.starts_with("yolov5q: unknown scale 'q'"), "{error}");
}

#[test]
fn halving_has_a_default_for_all_of_it() {
    let halving = |keys: &str| {
        read(&SWEEP.replace("  epochs: 3", &format!("  epochs: 8{keys}")))
            .unwrap()
            .train
            .unwrap()
            .halving
    };
    assert_eq!(halving(""), None);
    assert_eq!(
        halving("\n  halving: {}"),
        Some(HalvingConfig {
            rungs: 2,
            keep: 0.5,
            among: Among::Variants
        })
    );
    let given = halving("\n  halving: {rungs: 3, keep: 0.3, among: variants}");
    assert_eq!(
        given,
        Some(HalvingConfig {
            rungs: 3,
            keep: 0.3,
            among: Among::Variants
        })
    );
}

#[test]
fn paths_are_relative_to_the_sweeps_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.yaml");
    fs::write(&path, SWEEP).unwrap();
    let config = SweepConfig::read(&path).unwrap();
    assert_eq!(
        config.train.unwrap().data,
        folder.path().join("../data/cells.yaml")
    );
    fs::write(
        &path,
        SWEEP.replace("  imgsz: 160\n", "  imgsz: 160\n  weights: ../yolov5n.pt\n"),
    )
    .unwrap();
    assert_eq!(
        SweepConfig::read(&path).unwrap().train.unwrap().weights,
        Some(folder.path().join("../yolov5n.pt"))
    );
    fs::write(&path, SWEEP.replace("../data/cells.yaml", "shapes")).unwrap();
    assert_eq!(
        SweepConfig::read(&path).unwrap().train.unwrap().data,
        PathBuf::from("shapes")
    );
}

#[test]
fn overrides_change_the_recipe() {
    let (recipe, _) = read(SWEEP)
        .unwrap()
        .train
        .unwrap()
        .recipe("yolov5")
        .unwrap();
    assert_eq!((recipe.lr0, recipe.epochs), (0.02, 3));
}

/// All networks of the default sweep run by plans: those of scale n, and the others, which are made
/// of the same blocks.
#[test]
fn the_default_sweep_runs_by_plans() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs/sweeps/ablate.yaml");
    let (config, catalog) = (SweepConfig::read(&path).unwrap(), Catalog::builtin());
    let plan = Plan::new(&config, &catalog, 3, Some("data")).unwrap();
    let device = Device::flex();
    let images = Tensor::zeros([1, 3, 64, 64], &device);
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for cell in &plan.cells {
        let graph = catalog.resolve(&cell.model).unwrap().graph(Some(3));
        let graph = graph.unwrap();
        let modules = graph.nodes.iter().map(|node| node.row.module.clone());
        let modules: BTreeSet<String> = modules.collect();
        let name = &cell.cell.model;
        // The cells of scale n come first.
        match seen.get(cell.cell.variant.as_str()) {
            Some(known) => assert_eq!(&modules, known, "{name}"),
            None => {
                let detector = Detector::new(&graph, 0, &device).fuse();
                assert_eq!(detector.execution(&images), Execution::Plan, "{name}");
                seen.insert(&cell.cell.variant, modules);
            }
        }
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn the_sweeps_of_the_project_read() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs/sweeps");
    let count = |name: &str| {
        let config = SweepConfig::read(&folder.join(name)).unwrap();
        let plan = Plan::new(&config, &Catalog::builtin(), 3, Some("data")).unwrap();
        let trained = plan
            .cells
            .iter()
            .filter(|cell| cell.skipped(Stage::Train).is_none())
            .count();
        (plan.cells.len(), trained)
    };
    assert_eq!(count("ablate.yaml"), (30, 6));
    assert_eq!(count("bccd.yaml"), (40, 40));
    assert_eq!(count("halving.yaml"), (10, 10));
    assert_eq!(count("smoke.yaml"), (2, 2));
}
