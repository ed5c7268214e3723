//! `ablate metrics`: COCO metrics of two files.

use std::process::ExitCode;

use ablate_detection::metrics::coco::{DetectionBox, GroundTruth, evaluate};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::NOTHING};

use crate::{
    cli::{MetricsArgs, MetricsFormat},
    progress::print,
};

pub fn execute(args: &MetricsArgs) -> Result<ExitCode> {
    let truth = GroundTruth::read(&args.ground_truth)?;
    let detections = DetectionBox::read_all(&args.detections, &truth)?;
    let metrics = evaluate(&truth, &detections)?;
    match args.format {
        MetricsFormat::Json => print(&serde_json::to_string_pretty(&metrics)?),
        MetricsFormat::Table => {
            let classes = metrics.per_category.iter();
            print(&table(metrics.figures(), classes.map(|class| (class.name.as_str(), class.instances, class.ap, class.ap50))));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The twelve figures, and AP and AP50 of each class; a dash where there was nothing to measure.
pub fn table<'a>(
    figures: impl IntoIterator<Item = (&'a str, Option<f64>)>,
    classes: impl IntoIterator<Item = (&'a str, usize, Option<f64>, Option<f64>)>,
) -> String {
    let number = |figure: Option<f64>| figure.map_or("–".into(), |figure| format!("{figure:.4}"));
    let mut totals = Table::new();
    totals.load_preset(NOTHING).set_header(["figure", "value"]);
    for (name, figure) in figures {
        totals.add_row([name.to_owned(), number(figure)]);
    }
    let mut by_class = Table::new();
    by_class.load_preset(NOTHING).set_header(["class", "instances", "AP", "AP50"]);
    for (name, instances, ap, ap50) in classes {
        by_class.add_row([name.to_owned(), instances.to_string(), number(ap), number(ap50)]);
    }
    for table in [&mut totals, &mut by_class] {
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    }
    format!("{totals}\n\n{by_class}")
}
