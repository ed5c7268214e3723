//! `results.csv`: one flat row a cell, empty where nothing was measured.
//!
//! mAP figures are fractions as COCO gives them; changes against the baseline are percent, of mAP points. Text that a
//! spreadsheet would run as a formula gets an apostrophe in front, and a line break in it becomes a space.

use anyhow::Result;

use crate::rows::{Row, Rows};
use ablate_records::Stage;

/// The COCO figures in the order of pycocotools, as `(column, name)`, after AP and AP50, which come first.
const MORE_COCO: [(&str, &str); 10] = [
    ("map75", "AP75"),
    ("map_small", "AP_small"),
    ("map_medium", "AP_medium"),
    ("map_large", "AP_large"),
    ("ar_1", "AR_1"),
    ("ar_10", "AR_10"),
    ("ar_100", "AR_100"),
    ("ar_small", "AR_small"),
    ("ar_medium", "AR_medium"),
    ("ar_large", "AR_large"),
];

/// The whole file, with its header.
pub fn render(rows: &Rows) -> Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // A header needs no row: columns of an absent one are all empty, and named all the same.
    writer.write_record(columns(rows, None).iter().map(|(name, _)| name))?;
    for row in &rows.rows {
        writer.write_record(columns(rows, Some(row)).iter().map(|(_, value)| value))?;
    }
    Ok(writer.into_inner().map_err(|error| error.into_error())?)
}

type Column = (String, String);

/// Name and value of every column, in order.
fn columns(rows: &Rows, row: Option<&Row>) -> Vec<Column> {
    let cell = row.map(|row| row.cell);
    let cost = row.and_then(Row::cost);
    let latency = row.and_then(Row::latency);
    let train = row.and_then(Row::train);
    let eval = row.and_then(Row::eval);
    let coco = |name| number(row.and_then(|row| row.coco(name)));
    let ms = |pick: fn(&ablate_records::LatencyMeasurement) -> f64| number(latency.map(pick));

    let mut columns: Vec<(String, String)> = Vec::with_capacity(80);
    let mut add = |name: &str, value: String| columns.push((name.to_string(), value));
    add("family", text(cell.map(|c| &c.family)));
    add("variant", text(cell.map(|c| &c.variant)));
    add("scale", text(cell.map(|c| &c.scale)));
    add("model", text(cell.map(|c| &c.model)));
    add("nc", number(cell.map(|c| c.nc)));
    add("imgsz", number(cell.map(|c| c.imgsz.cost)));
    add("params", number(cost.map(|c| c.params)));
    add("gflops", number(cost.map(|c| c.gflops)));
    add("gflops_exact", number(cost.map(|c| c.gflops_exact)));
    add("device", text(cell.map(|c| &c.device)));
    add("batch", number(cell.map(|c| c.batch)));
    add("latency_ms_median", ms(|l| l.median_ms));
    add("latency_ms_mean", ms(|l| l.mean_ms));
    add("latency_ms_p90", ms(|l| l.p90_ms));
    add("latency_ms_p99", ms(|l| l.p99_ms));
    add("latency_ms_min", ms(|l| l.min_ms));
    add("latency_ms_std", ms(|l| l.std_ms));
    add("images_per_s", ms(|l| l.images_per_s));
    add("dataset", text(cell.and_then(|c| c.dataset.as_ref())));
    add("epochs", number(train.map(|t| t.epochs.len())));
    add("seed", number(cell.and_then(|c| c.seed)));
    add("map50", coco("AP50"));
    add("map50_95", coco("AP"));
    for (name, figure) in MORE_COCO {
        add(name, coco(figure));
    }
    add("train_s", number(train.map(|t| t.train_s)));
    add("status", row.map(Row::status).unwrap_or_default().into());
    add("error", text(row.map(|row| gaps(row, true))));
    add("not_measured", text(row.map(|row| gaps(row, false))));

    let changes = row.map(|row| rows.changes(row)).unwrap_or_default();
    add("change_params_percent", rounded(changes.params));
    add("change_gflops_percent", rounded(changes.gflops));
    add("change_latency_percent", rounded(changes.latency));
    add("change_map50_points", rounded(changes.map50));
    add("change_map50_95_points", rounded(changes.map50_95));
    // Over test images, of this seed alone.
    add(
        "change_map50_95_low",
        rounded(changes.map_interval.map(|interval| interval.low)),
    );
    add(
        "change_map50_95_high",
        rounded(changes.map_interval.map(|interval| interval.high)),
    );

    add("latency_imgsz", number(cell.map(|c| c.imgsz.latency)));
    add(
        "train_imgsz",
        number(cell.filter(|c| c.dataset.is_some()).map(|c| c.imgsz.train)),
    );
    add("layers", number(cost.map(|c| c.layers)));
    add("latency_warmup", number(latency.map(|l| l.warmup)));
    add("latency_iterations", number(latency.map(|l| l.iterations)));
    add("latency_dtype", text(latency.and(cell).map(|c| &c.dtype)));
    add(
        "latency_rounding_error",
        number(latency.and_then(|l| l.rounding_error)),
    );
    for (name, figure) in [("map50", "AP50"), ("map50_95", "AP")]
        .into_iter()
        .chain(MORE_COCO)
    {
        add(
            &format!("mask_{name}"),
            number(row.and_then(|row| row.coco_of_masks(figure))),
        );
    }
    add("train_images_per_s", number(train.map(|t| t.images_per_s)));
    add("train_images", number(train.map(|t| t.train_images)));
    add("val_images", number(train.map(|t| t.val_images)));
    // One-based, as epochs are counted; records count from zero.
    add("best_epoch", number(train.map(|t| t.best_epoch + 1)));
    add("best_weights", text(train.map(|t| &t.best_weights)));
    let weights = train.and_then(|t| t.weights.as_ref());
    add("weights", text(weights.map(|w| &w.file)));
    add("weights_taken", number(weights.map(|w| w.taken)));
    add("weights_total", number(weights.map(|w| w.total)));
    add("eval_split", text(eval.map(|e| &e.split)));
    add("eval_images", number(eval.map(|e| e.images)));
    add("eval_instances", number(eval.map(|e| e.instances)));
    add("eval_s", number(eval.map(|e| e.seconds)));
    add(
        "latency_peak_host_mib",
        number(latency.and_then(|l| l.memory.host_mib)),
    );
    add(
        "latency_peak_device_mib",
        number(latency.and_then(|l| l.memory.device_mib)),
    );
    add(
        "train_peak_host_mib",
        number(train.and_then(|t| t.memory.host_mib)),
    );
    add(
        "train_peak_device_mib",
        number(train.and_then(|t| t.memory.device_mib)),
    );

    // The stages of a cell may come from several machines: the latest stage names one for the columns that describe it.
    let records = || Stage::ALL.iter().filter_map(|&stage| row?.ran(stage));
    let latest = records().max_by_key(|record| record.finished.parse::<jiff::Timestamp>().ok());
    let environment = latest.map(|record| &record.environment);
    add("ablate", text(environment.map(|e| &e.ablate)));
    add("burn", text(environment.map(|e| &e.burn)));
    add("rustc", text(environment.map(|e| &e.rustc)));
    add("commit", text(environment.map(|e| &e.commit)));
    add("os", text(environment.map(|e| &e.os)));
    add("cpu", text(environment.map(|e| &e.cpu)));
    add("cores", number(environment.map(|e| e.cores)));
    add("threads", number(environment.map(|e| e.threads)));
    add("memory_gib", number(environment.map(|e| e.memory_gib)));
    for stage in Stage::ALL {
        let key = row.and_then(|row| row.ran(stage)).map(|record| &record.key);
        add(&format!("{}_key", stage.name()), text(key));
    }
    add("finished", text(latest.map(|record| &record.finished)));
    columns
}

/// `latency: out of memory; eval: …` of the stages that failed, or of those that are empty for another reason.
fn gaps(row: &Row, failed: bool) -> String {
    let gap = |&stage: &Stage| {
        let gap = row.gap(stage)?;
        let error = matches!(gap, crate::rows::Gap::Failed(_));
        (error == failed).then(|| match gap {
            crate::rows::Gap::Failed(error) => format!("{}: {error}", stage.name()),
            other => format!("{}: {}", stage.name(), other.long()),
        })
    };
    Stage::ALL
        .iter()
        .filter_map(gap)
        .collect::<Vec<_>>()
        .join("; ")
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn rounded(value: Option<f64>) -> String {
    // Ten decimals: exact for every reader, without the tail that a subtraction of binary fractions leaves.
    number(value.map(|value| (value * 1e10).round() / 1e10))
}

fn text(value: Option<impl AsRef<str>>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    let line: String = value
        .as_ref()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.starts_with(['=', '+', '-', '@']) || value.as_ref().starts_with(['\t', '\r']) {
        format!("'{line}")
    } else {
        line
    }
}
