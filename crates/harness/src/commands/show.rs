//! `ablate show`: the layers of a model with output shapes and costs.

use std::process::ExitCode;

use ablate_model::{Cost, Graph, ModelName, coding::BoxCoding, graph::NodeSummary, shape::Shape};
use ablate_records::ImageSize;
use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;

use super::{by_sides, catalog, check_imgsz, graph};
use crate::{
    cli::{Format, ShowArgs},
    progress::print,
};

/// A model, its totals and its rows.
#[derive(Debug, Serialize)]
struct Shown {
    model: String,
    nc: usize,
    imgsz: ImageSize,
    params: u64,
    gflops: f64,
    gflops_exact: f64,
    /// Pixels for each cell of the head's levels, finest first.
    strides: Vec<usize>,
    /// Width and height in pixels, by level; None for a head without anchors.
    #[serde(skip_serializing_if = "Option::is_none")]
    anchors: Option<Vec<Vec<[f64; 2]>>>,
    /// What was read otherwise than written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    layers: Vec<Layer>,
}

/// A row of the model table.
#[derive(Debug, Serialize)]
struct Layer {
    #[serde(flatten)]
    node: NodeSummary,
    params: u64,
    gflops: f64,
    gflops_exact: f64,
    /// Channels, height and width of each output.
    shapes: Vec<[usize; 3]>,
}

pub fn execute(args: &ShowArgs) -> Result<ExitCode> {
    let catalog = catalog(&args.models.tables)?;
    let mut models = Vec::new();
    for model in &args.models.models {
        let graph = graph(&catalog, model, args.nc.map(|nc| nc as usize))?;
        check_imgsz(args.imgsz, &graph)?;
        models.push(shown(model, &graph, args.imgsz)?);
    }
    print(
        match args.format {
            Format::Table => models.iter().map(table).collect::<Vec<_>>().join("\n\n"),
            Format::Json => json(&models)?,
            Format::Csv => csv(&models)?,
        }
        .trim_end(),
    );
    Ok(ExitCode::SUCCESS)
}

fn shown(model: &ModelName, graph: &Graph, imgsz: ImageSize) -> Result<Shown> {
    let cost = Cost::of(graph, imgsz.height, imgsz.width).with_context(|| model.to_string())?;
    let layers = graph
        .nodes
        .iter()
        .zip(&cost.nodes)
        .map(|(node, (tally, shapes))| Layer {
            node: node.summary(),
            params: tally.params,
            gflops: tally.gflops(),
            gflops_exact: tally.gflops_exact(),
            shapes: shapes
                .iter()
                .map(|Shape { c, h, w }| [*c, *h, *w])
                .collect(),
        });
    Ok(Shown {
        model: model.to_string(),
        nc: graph.nc,
        imgsz,
        params: cost.params(),
        gflops: cost.gflops(),
        gflops_exact: cost.gflops_exact(),
        strides: graph.detect().strides.clone(),
        anchors: match &graph.detect().coding {
            BoxCoding::Anchors(anchors) => Some(anchors.clone()),
            BoxCoding::Distances { .. } | BoxCoding::Queries => None,
        },
        notes: graph.notes.clone(),
        layers: layers.collect(),
    })
}

/// One model is an object, several are a list of objects.
fn json(models: &[Shown]) -> Result<String> {
    Ok(match models {
        [model] => serde_json::to_string_pretty(model)?,
        models => serde_json::to_string_pretty(models)?,
    })
}

const COLUMNS: [&str; 8] = [
    "",
    "from",
    "n",
    "params",
    "module",
    "arguments",
    "output",
    "GFLOPs",
];

fn table(model: &Shown) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(COLUMNS);
    for layer in &model.layers {
        let node = &layer.node;
        table.add_row([
            node.index.to_string(),
            node.from.clone(),
            node.n.to_string(),
            layer.params.to_string(),
            node.module.clone(),
            node.arguments.clone(),
            shapes(layer),
            format!("{:.3}", layer.gflops),
        ]);
    }
    for column in [0, 2, 3, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let notes: String = model.notes.iter().map(|note| format!("\n{note}")).collect();
    format!(
        "{}\n{table}\n{} layers, {} parameters, {:.1} GFLOPs ({:.2} exact) at {}, {} classes{notes}",
        model.model,
        model.layers.len(),
        model.params,
        model.gflops,
        model.gflops_exact,
        by_sides(model.imgsz),
        model.nc,
    )
}

fn shapes(layer: &Layer) -> String {
    let words: Vec<_> = layer
        .shapes
        .iter()
        .map(|[c, h, w]| format!("{c}×{h}×{w}"))
        .collect();
    words.join(" ")
}

/// A row a layer.
fn csv(models: &[Shown]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "model",
        "index",
        "from",
        "n",
        "params",
        "module",
        "arguments",
        "output",
        "gflops",
        "gflops_exact",
    ])?;
    for model in models {
        for layer in &model.layers {
            let node = &layer.node;
            writer.write_record([
                &model.model,
                &node.index.to_string(),
                &node.from,
                &node.n.to_string(),
                &layer.params.to_string(),
                &node.module,
                &node.arguments,
                &shapes(layer),
                &layer.gflops.to_string(),
                &layer.gflops_exact.to_string(),
            ])?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
