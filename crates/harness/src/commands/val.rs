//! `ablate val`: weights on a split of a data set.

use std::{path::Path, process::ExitCode};

use ablate_detection::{
    dataset::{DataSpec, Dataset},
    loader::{EvalLoader, InputShape},
    metrics::coco::DetectionBox,
    nms::NmsConfig,
};
use ablate_training::{EvaluationSpec, conventions, describe_weights, taken};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{catalog, check_imgsz, graph, metrics};
use crate::{
    cli::{TextFormat, ValArgs},
    progress::{Steps, print},
    sweep::data::decoded,
};

pub fn execute(args: &ValArgs) -> Result<ExitCode> {
    let device = args.device.open()?;
    let dataset = Dataset::open(&DataSpec::load(&args.data)?, args.split)?;
    let graph = graph(
        &catalog(&args.tables)?,
        &args.model,
        Some(dataset.classes.len()),
    )?;
    check_imgsz(args.imgsz, &graph)?;
    let spec = EvaluationSpec {
        graph: &graph,
        weights: &args.weights,
        device: &device,
    };
    let (mut evaluator, loaded) = spec.open()?;
    if let TextFormat::Table = args.format {
        print(&describe_weights(&args.weights, &loaded));
    }
    if !loaded.fresh.is_empty() {
        tracing::warn!(
            "{}: {} of the model's tensors are missing and stay random",
            args.weights.display(),
            loaded.fresh.len()
        );
    }
    let shape = InputShape::new(!args.square, graph.max_stride());
    let family = evaluator.nms;
    ensure!(
        args.iou.is_none() || family.iou.is_some(),
        "--iou: {} answers for each object once, and nothing is suppressed",
        args.model
    );
    evaluator.nms = NmsConfig {
        confidence: args.conf.unwrap_or(family.confidence),
        iou: args.iou.or(family.iou),
        max_detections: args.max_det.unwrap_or(family.max_detections),
        ..family
    };
    let images = decoded(
        dataset,
        args.imgsz,
        conventions::interpolation(graph.detect()),
    )?;
    let loader = EvalLoader::new(images, shape, args.batch, 1)?;
    let steps = Steps::new("val", 1);
    let bar = steps.parts(loader.batches() as u64);
    let evaluation = evaluator.run(&loader, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    drop(steps);

    if let Some(file) = &args.save_json {
        save(
            file,
            &evaluation.detections,
            &loader.data().dataset().category_ids,
        )?;
    }
    let measured = &evaluation.measurement;
    match args.format {
        TextFormat::Json => {
            let mut value = serde_json::to_value(measured)?;
            value["weights"] = serde_json::to_value(taken(&args.weights, &loaded))?;
            print(&serde_json::to_string_pretty(&value)?);
        }
        TextFormat::Table => {
            print(&metrics::table(
                &evaluation.boxes,
                evaluation.masks.as_ref(),
            ));
            print(&format!(
                "{} images, {} objects, {:.1} s",
                measured.images, measured.instances, measured.seconds
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// COCO's results format, with masks where there are any, under the data set's own ids.
fn save(file: &Path, detections: &[DetectionBox], category_ids: &[i64]) -> Result<()> {
    let rows = detections.iter().map(|detection| {
        let mut row = json!({
            "image_id": detection.image_id,
            "category_id": category_ids[detection.category_id as usize],
            "bbox": detection.bbox,
            "score": detection.score,
        });
        if let Some(mask) = &detection.mask {
            row["segmentation"] =
                json!({ "size": [mask.height(), mask.width()], "counts": mask.to_compressed() });
        }
        row
    });
    let text = serde_json::to_vec(&rows.collect::<Vec<_>>())?;
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
