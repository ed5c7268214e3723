//! `ablate metrics`: COCO metrics of two files.

use std::process::ExitCode;

use ablate_detection::metrics::coco::{
    CocoMetrics, DetectionBox, GroundTruth, MetricsError, evaluate, evaluate_masks,
};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;

use crate::{
    cli::{MetricsArgs, TextFormat},
    progress::print,
};

/// The figures of boxes, and beside them those of masks where both files have some.
#[derive(Serialize)]
struct Figures {
    #[serde(flatten)]
    boxes: CocoMetrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    masks: Option<CocoMetrics>,
}

pub fn execute(args: &MetricsArgs) -> Result<ExitCode> {
    let truth = GroundTruth::read(&args.ground_truth)?;
    let detections = DetectionBox::read_all(&args.detections, &truth)?;
    let figures = Figures {
        boxes: evaluate(&truth, &detections)?,
        masks: masks(args, &truth, &detections),
    };
    match args.format {
        TextFormat::Json => print(&serde_json::to_string_pretty(&figures)?),
        TextFormat::Table => print(&table(&figures.boxes, figures.masks.as_ref())),
    }
    Ok(ExitCode::SUCCESS)
}

/// None if the detections have no masks; also, with a warning, if masks of detections or objects
/// are missing or wrong.
fn masks(
    args: &MetricsArgs,
    truth: &GroundTruth,
    detections: &[DetectionBox],
) -> Option<CocoMetrics> {
    detections
        .iter()
        .find(|detection| detection.mask.is_some())?;
    let problem = |error: &MetricsError| {
        let file = if error.place.starts_with('[') {
            &args.detections
        } else {
            &args.ground_truth
        };
        tracing::warn!("{}: {error}; mask metrics skipped", file.display());
    };
    evaluate_masks(truth, detections).inspect_err(problem).ok()
}

/// The twelve figures, and AP and AP50 of each class, of masks beside boxes where there are any; a
/// dash where there was nothing to measure.
pub fn table(boxes: &CocoMetrics, masks: Option<&CocoMetrics>) -> String {
    match masks {
        Some(masks) => of_both(boxes, masks),
        None => layout(
            ["figure", "value"],
            boxes
                .figures()
                .into_iter()
                .map(|(name, figure)| [name.to_owned(), number(figure)]),
            ["class", "instances", "AP", "AP50"],
            boxes.per_category.iter().map(|of| {
                [
                    of.name.clone(),
                    of.instances.to_string(),
                    number(of.ap),
                    number(of.ap50),
                ]
            }),
        ),
    }
}

fn of_both(boxes: &CocoMetrics, masks: &CocoMetrics) -> String {
    let figures = boxes.figures().into_iter().zip(masks.figures());
    let classes = boxes.per_category.iter().zip(&masks.per_category);
    layout(
        ["figure", "boxes", "masks"],
        figures.map(|((name, of_boxes), (_, of_masks))| {
            [name.to_owned(), number(of_boxes), number(of_masks)]
        }),
        [
            "class",
            "instances",
            "AP boxes",
            "AP50 boxes",
            "AP masks",
            "AP50 masks",
        ],
        classes.map(|(of_boxes, of_masks)| {
            let figures = [of_boxes.ap, of_boxes.ap50, of_masks.ap, of_masks.ap50].map(number);
            let [ap_boxes, ap50_boxes, ap_masks, ap50_masks] = figures;
            [
                of_boxes.name.clone(),
                of_boxes.instances.to_string(),
                ap_boxes,
                ap50_boxes,
                ap_masks,
                ap50_masks,
            ]
        }),
    )
}

fn number(figure: Option<f64>) -> String {
    figure.map_or("–".into(), |figure| format!("{figure:.4}"))
}

/// Two tables, one below the other; all but the first column are numbers.
fn layout<const N: usize, const M: usize>(
    figures_head: [&str; N],
    figures: impl Iterator<Item = [String; N]>,
    classes_head: [&str; M],
    classes: impl Iterator<Item = [String; M]>,
) -> String {
    let mut totals = Table::new();
    totals
        .load_preset(NOTHING)
        .set_header(figures_head)
        .add_rows(figures);
    let mut by_class = Table::new();
    by_class
        .load_preset(NOTHING)
        .set_header(classes_head)
        .add_rows(classes);
    for table in [&mut totals, &mut by_class] {
        table
            .column_iter_mut()
            .skip(1)
            .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    }
    format!("{totals}\n\n{by_class}")
}
