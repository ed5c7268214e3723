//! `ablate val`: weights on a split of a data set.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    path::Path,
    process::ExitCode,
};

use ablate_detection::{
    dataset::{DataSpec, Dataset, Id},
    loader::{EvalLoader, InputShape},
    metrics::coco::DetectionBox,
    nms::NmsConfig,
};
use ablate_training::{EvaluationSpec, conventions, describe_weights, gaps, other_names, taken};
use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{catalog, check_imgsz, graph, metrics};
use crate::{
    cli::{TextFormat, ValArgs},
    progress::{Steps, print},
    sweep::data::{decoded, tell_task},
};

pub fn execute(args: &ValArgs) -> Result<ExitCode> {
    let device = args.device.open()?;
    let spec = DataSpec::load(&args.data)?;
    let dataset = Dataset::open(&spec, args.split)?;
    let graph = graph(
        &catalog(&args.tables)?,
        &args.model,
        Some(dataset.classes.len()),
    )?;
    check_imgsz(args.imgsz, &graph)?;
    tell_task(&spec, &[graph.detect()]);
    let spec = EvaluationSpec {
        graph: &graph,
        weights: &args.weights,
        data: &dataset,
        device: &device,
    };
    let (mut evaluator, loaded) = spec.open()?;
    if let Some(other) = other_names(&args.weights, loaded.classes.as_deref(), &dataset) {
        tracing::warn!("{other}");
    }
    if let Some(gaps) = gaps(&loaded) {
        let file = args.weights.display();
        ensure!(
            args.allow_partial,
            "{file}: {gaps}; --allow-partial evaluates it all the same"
        );
        tracing::warn!("{file}: {gaps}");
    }
    if let TextFormat::Table = args.format {
        print(&describe_weights(&args.weights, &loaded));
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
        max_detections: args
            .max_det
            .map_or(family.max_detections, NonZeroUsize::get),
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
                "{}, {}, {:.1} s",
                counted(measured.images, "image"),
                counted(measured.instances, "object"),
                measured.seconds
            ));
        }
    }
    // Last: the figures are not lost where the file can't be written.
    if let Some(file) = &args.save_json {
        save(file, &evaluation.detections, loader.data().dataset())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `1 image`, `2 images`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// COCO's results format, with masks where there are any, under the data set's own ids.
fn save(file: &Path, detections: &[DetectionBox], dataset: &Dataset) -> Result<()> {
    let samples = dataset.samples.iter();
    let own: HashMap<u64, &Id> = samples.map(|sample| (sample.id, &sample.own_id)).collect();
    let distinct: HashSet<&Id> = own.values().copied().collect();
    if distinct.len() < own.len() {
        tracing::warn!(
            "{}: {} images share their id with another: files of one name in several folders; their detections cannot be told apart",
            file.display(),
            own.len() - distinct.len()
        );
    }
    let rows = detections.iter().map(|detection| {
        let mut row = json!({
            "image_id": own[&detection.image_id],
            "category_id": dataset.category_ids[detection.category_id as usize],
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

#[cfg(test)]
mod tests {
    use ablate_detection::dataset::{ImageSource, Problems, Sample, Split};

    use super::*;

    #[test]
    fn saved_detections_bear_the_data_set_s_own_ids() {
        let sample = |id, own_id: Id| Sample {
            id,
            own_id,
            name: id.to_string(),
            width: 64,
            height: 64,
            source: ImageSource::File("none.jpg".into()),
            annotations: Vec::new(),
        };
        let dataset = Dataset {
            name: "own".into(),
            split: Split::Val,
            classes: vec!["cat".into(), "dog".into()],
            category_ids: vec![90_u64.into(), "dog".into()],
            samples: vec![sample(1, "b.jpg".into()), sample(0, 7_u64.into())],
            problems: Problems::default(),
        };
        let detection = |image_id, category_id| DetectionBox {
            image_id,
            category_id,
            bbox: [1.0, 2.0, 3.0, 4.0],
            area: 12.0,
            score: 0.5,
            mask: None,
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("found.json");
        save(&file, &[detection(0, 1), detection(1, 0)], &dataset).unwrap();
        let rows: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let expected = json!([
            { "image_id": 7, "category_id": "dog", "bbox": [1.0, 2.0, 3.0, 4.0], "score": 0.5 },
            { "image_id": "b.jpg", "category_id": 90, "bbox": [1.0, 2.0, 3.0, 4.0], "score": 0.5 },
        ]);
        assert_eq!(rows, expected);
    }
}
