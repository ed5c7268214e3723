//! `ablate latency`: times of models, and their ratios to the first.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde_json::json;

use super::{catalog, check_imgsz, graph};
use crate::{
    cli::{Format, LatencyArgs},
    guard::{guarded, one_line},
    measure::{
        precision::Precision,
        timing::{Protocol, forward_pass, measure},
        train_step::train_step,
    },
    progress::{Steps, print},
};
use ablate_records::LatencyMeasurement;

pub fn execute(args: &LatencyArgs) -> Result<ExitCode> {
    ensure!(args.batch > 0, "--batch: expected at least 1, found 0");
    ensure!(
        (0.0..=1e6).contains(&args.budget),
        "--budget: expected 0 to 1000000 seconds, found {}",
        args.budget
    );
    let device = args.device.open()?;
    let catalog = catalog(&args.models.tables)?;
    let protocol = Protocol {
        batch: args.batch,
        imgsz: args.imgsz,
        warmup: args.warmup,
        budget: Duration::from_secs_f64(args.budget),
        min_iterations: args.min_iterations,
        fuse: !args.no_fuse,
        precision: args.dtype,
    };
    ensure!(
        !args.train_step || args.dtype == Precision::F32,
        "--dtype: expected f32 with --train-step, found {}",
        args.dtype.name()
    );
    let iteration = if args.train_step {
        train_step
    } else {
        forward_pass
    };
    let mut iterations = Vec::new();
    for model in &args.models.models {
        let graph = graph(&catalog, model, args.nc.map(|nc| nc as usize))?;
        check_imgsz(args.imgsz, &graph)?;
        iterations.push(guarded(|| iteration(&graph, &device, &protocol)));
    }
    let steps = Steps::new("latency", 1);
    let bar = steps.parts(1000);
    let measured = measure(iterations, &device, &protocol, |done| {
        bar.set_position((done * 1000.0) as u64)
    });
    bar.finish_and_clear();
    drop(steps);

    let names: Vec<String> = args.models.models.iter().map(ToString::to_string).collect();
    let failed = measured.iter().any(Result::is_err);
    for (name, error) in names
        .iter()
        .zip(&measured)
        .filter_map(|(name, result)| Some((name, result.as_ref().err()?)))
    {
        tracing::error!("{name}: {}", one_line(error));
    }
    let rows: Vec<(&String, &LatencyMeasurement)> = names
        .iter()
        .zip(&measured)
        .filter_map(|(name, result)| Some((name, result.as_ref().ok()?)))
        .collect();
    // The ratio is to the first model that was named; there is none where that one failed.
    let first_ms = measured
        .first()
        .and_then(|first| Some(first.as_ref().ok()?.median_ms));
    print(
        match args.format {
            Format::Table => table(&rows, first_ms) + &rounded(args, &rows),
            Format::Json => json(args, &rows, first_ms)?,
            Format::Csv => csv(args, &rows, first_ms)?,
        }
        .trim_end(),
    );
    Ok(ExitCode::from(failed as u8))
}

/// What rounding did to each model's outputs.
fn rounded(args: &LatencyArgs, rows: &[(&String, &LatencyMeasurement)]) -> String {
    let line = |(model, latency): &(&String, &LatencyMeasurement)| {
        let percent = 100.0 * latency.rounding_error?;
        Some(format!(
            "\n{model} in {}: off by {percent:.2} % of the largest box or probability",
            args.dtype.name()
        ))
    };
    rows.iter().filter_map(line).collect()
}

fn table(rows: &[(&String, &LatencyMeasurement)], first_ms: Option<f64>) -> String {
    let mut table = Table::new();
    let header = [
        "model",
        "median ms",
        "ratio",
        "mean",
        "std",
        "min",
        "p90",
        "p99",
        "images/s",
        "iterations",
    ];
    table.load_preset(NOTHING).set_header(header);
    for (name, latency) in rows {
        let mut row = vec![name.to_string(), format!("{:.2}", latency.median_ms)];
        row.push(first_ms.map_or("–".into(), |first| {
            format!("{:.3}", latency.median_ms / first)
        }));
        row.extend(
            [
                latency.mean_ms,
                latency.std_ms,
                latency.min_ms,
                latency.p90_ms,
                latency.p99_ms,
            ]
            .map(|ms| format!("{ms:.2}")),
        );
        row.extend([
            format!("{:.1}", latency.images_per_s),
            latency.iterations.to_string(),
        ]);
        table.add_row(row);
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

fn json(
    args: &LatencyArgs,
    rows: &[(&String, &LatencyMeasurement)],
    first_ms: Option<f64>,
) -> Result<String> {
    let mut models = Vec::new();
    for (name, latency) in rows {
        let mut model =
            json!({ "model": name, "ratio": first_ms.map(|first| latency.median_ms / first) });
        if let (Some(model), serde_json::Value::Object(latency)) =
            (model.as_object_mut(), serde_json::to_value(latency)?)
        {
            model.extend(latency);
        }
        models.push(model);
    }
    let whole = json!({ "device": args.device, "imgsz": args.imgsz, "batch": args.batch, "dtype": args.dtype.name(), "train_step": args.train_step, "models": models });
    Ok(serde_json::to_string_pretty(&whole)?)
}

fn csv(
    args: &LatencyArgs,
    rows: &[(&String, &LatencyMeasurement)],
    first_ms: Option<f64>,
) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "model",
        "device",
        "imgsz",
        "batch",
        "dtype",
        "train_step",
        "median_ms",
        "ratio",
        "mean_ms",
        "std_ms",
        "min_ms",
        "p90_ms",
        "p99_ms",
        "images_per_s",
        "iterations",
        "rounding_error",
    ])?;
    for (name, latency) in rows {
        let mut row = vec![
            name.to_string(),
            args.device.to_string(),
            args.imgsz.to_string(),
            args.batch.to_string(),
        ];
        row.push(args.dtype.name().into());
        row.push(args.train_step.to_string());
        row.push(latency.median_ms.to_string());
        row.push(first_ms.map_or(String::new(), |first| {
            (latency.median_ms / first).to_string()
        }));
        let figures = [
            latency.mean_ms,
            latency.std_ms,
            latency.min_ms,
            latency.p90_ms,
            latency.p99_ms,
            latency.images_per_s,
        ];
        row.extend(figures.map(|figure| figure.to_string()));
        row.push(latency.iterations.to_string());
        row.push(
            latency
                .rounding_error
                .map_or(String::new(), |error| error.to_string()),
        );
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
