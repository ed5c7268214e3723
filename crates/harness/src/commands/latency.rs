//! `ablate latency`: times of models, and their ratios to the first.

use std::{process::ExitCode, time::Duration};

use ablate_kernels::cuda_index;
use anyhow::{Result, anyhow, ensure};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde_json::json;

use super::{catalog, check_imgsz, graph};
use crate::{
    cli::{Format, LatencyArgs},
    environment,
    guard::{guarded, one_line},
    measure::{
        forward::{ForwardPass, forward_passes},
        mode::Mode,
        precision::Precision,
        rounds::{measure, ratio},
        timing::{Aim, Protocol},
        train_step::train_step,
    },
    progress::{Steps, print},
};
use ablate_records::{By, LatencyMeasurement};

pub fn execute(args: &LatencyArgs) -> Result<ExitCode> {
    ensure!(args.batch > 0, "--batch: expected at least 1, found 0");
    ensure!(
        (0.0..=1e6).contains(&args.budget),
        "--budget: expected 0 to 1000000 seconds, found {}",
        args.budget
    );
    ensure!(
        (0.0..=100.0).contains(&args.within),
        "--within: expected 0 to 100 percent, found {}",
        args.within
    );
    if let Some(limit) = args.limit {
        ensure!(
            (args.budget..=1e6).contains(&limit),
            "--limit: expected {} (--budget) to 1000000 seconds, found {limit}",
            args.budget
        );
    }
    ensure!(
        !args.train_step || args.mode == Mode::Eager,
        "--mode: expected eager with --train-step, found {}",
        args.mode.name()
    );
    args.mode
        .check(&args.device)
        .map_err(|error| anyhow!("--{error}"))?;
    let device = args.device.open()?;
    let catalog = catalog(&args.models.tables)?;
    let protocol = Protocol {
        batch: args.batch,
        imgsz: args.imgsz,
        warmup: args.warmup,
        budget: Duration::from_secs_f64(args.budget),
        min_iterations: args.min_iterations,
        min_rounds: 0,
        aim: Aim::new(
            args.within,
            Aim::limit_s(args.limit, args.budget),
            args.models.models.len() - 1,
        ),
        fuse: !args.no_fuse,
        precision: args.dtype,
        mode: args.mode,
    };
    ensure!(
        !args.train_step || args.dtype != Precision::Bf16,
        "--dtype: expected f32, tf32 or f16 with --train-step, found bf16"
    );
    ensure!(
        !(args.train_step && args.dtype == Precision::F16) || cuda_index(&device).is_some(),
        "--dtype f16 --train-step is a step in mixed precision: expected an NVIDIA GPU by LibTorch (tch:cuda:0), found {}",
        args.device
    );
    args.dtype.check(&device)?;
    let _precision = args.dtype.hold();
    let mut graphs = Vec::new();
    for model in &args.models.models {
        let graph = graph(&catalog, model, args.nc.map(|nc| nc as usize))?;
        check_imgsz(args.imgsz, &graph)?;
        graphs.push(graph);
    }
    let names: Vec<String> = args.models.models.iter().map(ToString::to_string).collect();
    let iterations = if args.train_step {
        let steps = graphs.iter();
        steps
            .map(|graph| guarded(|| train_step(graph, &device, &protocol)))
            .collect()
    } else {
        let pass = |graph| guarded(|| ForwardPass::new(graph, &device, &protocol));
        let passes = names.iter().zip(&graphs);
        let passes = passes.map(|(name, graph)| (name.as_str(), pass(graph)));
        forward_passes(passes.collect())
    };
    let steps = Steps::new("latency", 1);
    let bar = steps.parts(1000);
    let measured = measure(iterations, 0, &device, &protocol, |done| {
        bar.set_position((done * 1000.0) as u64)
    });
    bar.finish_and_clear();
    drop(steps);

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
    let first = measured.first().and_then(|first| first.as_ref().ok());
    let rows: Vec<Timed> = rows
        .into_iter()
        .map(|(name, latency)| Timed {
            name,
            latency,
            ratio: first.and_then(|first| {
                if std::ptr::eq(first, latency) {
                    return Some([1.0; 3]);
                }
                ratio(latency, first, names.len() - 1)
            }),
        })
        .collect();
    print(
        match args.format {
            Format::Table => {
                table(&rows) + &rounded(args, &rows) + replayed(args) + &no_plan(&rows)
            }
            Format::Json => json(args, &rows)?,
            Format::Csv => csv(args, &rows)?,
        }
        .trim_end(),
    );
    let load = rows.iter().find_map(|row| row.latency.load);
    if let Some(how) = load.and_then(|load| load.disturbance(environment::current().cores)) {
        tracing::warn!("the timing was disturbed: {how}");
    }
    Ok(ExitCode::from(failed as u8))
}

/// A model that was timed.
struct Timed<'a> {
    name: &'a str,
    latency: &'a LatencyMeasurement,
    /// Its time as a share of the first model's, and the ends of the 95 % interval.
    ratio: Option<[f64; 3]>,
}

/// What rounding did to each model's outputs.
fn rounded(args: &LatencyArgs, rows: &[Timed]) -> String {
    let line = |row: &Timed| {
        let (model, percent) = (row.name, 100.0 * row.latency.rounding_error?);
        Some(format!(
            "\n{model} in {}: off by {percent:.2} % of the largest box or probability",
            args.dtype.name()
        ))
    };
    rows.iter().filter_map(line).collect()
}

/// What the times are of.
fn replayed(args: &LatencyArgs) -> &'static str {
    match args.mode {
        Mode::Eager => "",
        Mode::Graph => "\neach pass was captured once and replayed",
    }
}

/// Why none ran by a plan.
fn no_plan(rows: &[Timed]) -> String {
    let why = rows.iter().find_map(|row| row.latency.no_plan.as_ref());
    why.map_or(String::new(), |why| {
        format!("\nno plan for {why}, so all ran operation by operation")
    })
}

/// `plan` or `operations`; empty if nothing is said of it.
fn by(latency: &LatencyMeasurement) -> &'static str {
    latency.by.map_or("", By::name)
}

fn table(rows: &[Timed]) -> String {
    let mut table = Table::new();
    let header = [
        "model",
        "median ms",
        "ratio",
        "95 %",
        "mean",
        "std",
        "min",
        "p90",
        "p99",
        "images/s",
        "iterations",
        "by",
    ];
    table.load_preset(NOTHING).set_header(header);
    for Timed {
        name,
        latency,
        ratio,
    } in rows
    {
        let mut row = vec![name.to_string(), format!("{:.2}", latency.median_ms)];
        row.push(ratio.map_or("–".into(), |[ratio, ..]| format!("{ratio:.3}")));
        let interval = ratio.filter(|ratio| *ratio != [1.0; 3]);
        row.push(interval.map_or(String::new(), |[_, low, high]| {
            format!("{low:.3} … {high:.3}")
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
            by(latency).into(),
        ]);
        table.add_row(row);
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

fn json(args: &LatencyArgs, rows: &[Timed]) -> Result<String> {
    let mut models = Vec::new();
    for Timed {
        name,
        latency,
        ratio,
    } in rows
    {
        let [ratio, low, high] = [0, 1, 2].map(|part| ratio.map(|ratio| ratio[part]));
        let mut model =
            json!({ "model": name, "ratio": ratio, "ratio_low": low, "ratio_high": high });
        if let (Some(model), serde_json::Value::Object(latency)) =
            (model.as_object_mut(), serde_json::to_value(latency)?)
        {
            model.extend(latency);
        }
        models.push(model);
    }
    let whole = json!({ "device": args.device, "imgsz": args.imgsz, "batch": args.batch, "dtype": args.dtype.name(), "mode": args.mode.name(), "train_step": args.train_step, "models": models });
    Ok(serde_json::to_string_pretty(&whole)?)
}

fn csv(args: &LatencyArgs, rows: &[Timed]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "model",
        "device",
        "imgsz",
        "batch",
        "dtype",
        "mode",
        "train_step",
        "median_ms",
        "ratio",
        "ratio_low",
        "ratio_high",
        "mean_ms",
        "std_ms",
        "min_ms",
        "p90_ms",
        "p99_ms",
        "images_per_s",
        "iterations",
        "rounding_error",
        "by",
        "no_plan",
    ])?;
    for Timed {
        name,
        latency,
        ratio,
    } in rows
    {
        let mut row = vec![
            name.to_string(),
            args.device.to_string(),
            args.imgsz.to_string(),
            args.batch.to_string(),
        ];
        row.push(args.dtype.name().into());
        row.push(args.mode.name().into());
        row.push(args.train_step.to_string());
        row.push(latency.median_ms.to_string());
        let parts = [0, 1, 2].map(|part| ratio.map(|ratio| ratio[part].to_string()));
        row.extend(parts.map(Option::unwrap_or_default));
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
        row.push(by(latency).into());
        row.push(latency.no_plan.clone().unwrap_or_default());
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
