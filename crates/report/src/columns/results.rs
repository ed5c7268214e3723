//! What a sweep is run for: the models, their cost, latency and accuracy, and how each cell ended.

use super::PageTable::{Latency, Records, Summary, Training};
use super::Place::{Page, Screen};
use super::{ChangeUnit, Column, Comparison, Evidence, Format};
use crate::mark::Better;
use crate::number::thousands;
use crate::rows::Row;
use ablate_records::Stage;

/// Name of the column that only a report of several sweeps has.
pub const SOURCE: &str = "sweep";

pub const COLUMNS: &[Column] = &[
    Column::csv(
        SOURCE,
        "",
        "folder of the sweep that the row is from",
        |row| Some(row.source.into()),
    )
    .relevant(|row| !row.source.is_empty())
    .on(&[Page(Training, "sweep"), Page(Records, "sweep")]),
    Column::csv("family", "", "model family", |row| {
        Some((&row.cell.family).into())
    }),
    Column::csv(
        "variant",
        "",
        "variants without the family, or baseline",
        |row| Some((&row.cell.variant).into()),
    ),
    Column::csv("scale", "", "scale of the model: n, s, m, l, x", |row| {
        Some((&row.cell.scale).into())
    }),
    Column::csv("model", "", "family, scale and variants", |row| {
        Some((&row.cell.model).into())
    })
    .on(&[Screen(0, "model")]),
    Column::csv("nc", "", "number of classes", |row| {
        Some(row.cell.nc.into())
    }),
    Column::csv("imgsz", "px", "image size of the cost", |row| {
        Some(row.cell.imgsz.cost.into())
    }),
    Column::shown_only("image sizes of cost, latency and training", |row| {
        let sizes = row.cell.imgsz;
        Some(format!("{} / {} / {}", sizes.cost, sizes.latency, sizes.train).into())
    })
    .on(&[Page(Records, "px")]),
    // Cost
    Column::csv("params", "", "trainable parameters", |row| {
        Some(row.cost()?.params.into())
    })
    .stage(Stage::Cost)
    .format(Format::Millions)
    .hover(|row| Some(thousands(row.cost()?.params)))
    .compared(Comparison {
        csv: "change_params_percent",
        better: Better::Lower,
        unit: ChangeUnit::Percent,
        evidence: Evidence::Exact(|row| Some(row.cost()?.params as f64)),
        rank: Some(3),
        glance: Some("Parameters"),
    })
    .on(&[Screen(0, "params M"), Page(Summary, "Params, M")]),
    Column::csv(
        "gflops",
        "",
        "GFLOPs in the published (THOP) convention",
        |row| Some(row.cost()?.gflops.into()),
    )
    .stage(Stage::Cost)
    .format(Format::Short)
    .hover(|row| Some(row.cost()?.gflops.to_string()))
    .compared(Comparison {
        csv: "change_gflops_percent",
        better: Better::Lower,
        unit: ChangeUnit::Percent,
        evidence: Evidence::Exact(|row| Some(row.cost()?.gflops_exact)),
        rank: Some(3),
        glance: Some("GFLOPs"),
    })
    .on(&[Screen(0, "GFLOPs"), Page(Summary, "GFLOPs")]),
    Column::csv(
        "gflops_exact",
        "",
        "GFLOPs, 2 × multiply-accumulates of every convolution and matrix product",
        |row| Some(row.cost()?.gflops_exact.into()),
    )
    .stage(Stage::Cost)
    .format(Format::Short)
    .hover(|row| Some(row.cost()?.gflops_exact.to_string()))
    .on(&[Screen(6, "exact"), Page(Summary, "exact")]),
    // Latency
    Column::csv("device", "", "device that the model ran on", |row| {
        Some((&row.cell.device).into())
    })
    .on(&[Page(Records, "device")]),
    Column::csv("batch", "", "batch size of the latency", |row| {
        Some(row.cell.batch.into())
    }),
    Column::shown_only(
        "batch size, number format if it is not f32, and mode of a device that has several",
        |row| Some(row.cell.timing().to_string().into()),
    )
    .on(&[Page(Records, "latency")]),
    Column::csv(
        "latency_ms_median",
        "ms",
        "median time of a forward pass of the whole batch",
        |row| Some(row.latency()?.median_ms.into()),
    )
    .stage(Stage::Latency)
    .format(Format::Short)
    .note(|row| Some(format!("± {}", Format::Short.number(row.latency()?.std_ms))))
    .compared(Comparison {
        csv: "change_latency_percent",
        better: Better::Lower,
        unit: ChangeUnit::Percent,
        evidence: Evidence::Rounds,
        rank: Some(2),
        glance: Some("Latency"),
    })
    .on(&[
        Screen(0, "ms"),
        Page(Summary, "Latency, ms"),
        Page(Latency, "median"),
    ]),
    Column::csv(
        "latency_ms_mean",
        "ms",
        "mean of the timed iterations",
        |row| Some(row.latency()?.mean_ms.into()),
    )
    .format(Format::Short)
    .on(&[Page(Latency, "mean")]),
    Column::csv(
        "latency_ms_p90",
        "ms",
        "90th percentile of the timed iterations",
        |row| Some(row.latency()?.p90_ms.into()),
    )
    .format(Format::Short)
    .on(&[Page(Latency, "p90")]),
    Column::csv(
        "latency_ms_p99",
        "ms",
        "99th percentile of the timed iterations",
        |row| Some(row.latency()?.p99_ms.into()),
    )
    .format(Format::Short)
    .on(&[Page(Latency, "p99")]),
    Column::csv("latency_ms_min", "ms", "fastest timed iteration", |row| {
        Some(row.latency()?.min_ms.into())
    })
    .format(Format::Short)
    .on(&[Page(Latency, "min")]),
    Column::csv(
        "latency_ms_std",
        "ms",
        "sample standard deviation of the timed iterations",
        |row| Some(row.latency()?.std_ms.into()),
    ),
    Column::csv(
        "images_per_s",
        "1/s",
        "batch size divided by the median time",
        |row| Some(row.latency()?.images_per_s.into()),
    )
    .stage(Stage::Latency)
    .format(Format::Short)
    .on(&[
        Screen(5, "img/s"),
        Page(Summary, "Images/s"),
        Page(Latency, "images/s"),
    ]),
    // Training
    Column::csv(
        "dataset",
        "",
        "data set of training and evaluation",
        |row| Some(row.cell.dataset.as_ref()?.into()),
    )
    .absent("no data set")
    .on(&[Page(Training, "data set"), Page(Records, "data set")]),
    Column::csv("epochs", "", "epochs of a finished training", |row| {
        Some(row.train()?.epochs.len().into())
    }),
    Column::csv(
        "seed",
        "",
        "seed of weights, augmentation and order",
        |row| Some(row.cell.seed?.into()),
    )
    .absent("no seed: not trained")
    .on(&[Page(Training, "seed"), Page(Records, "seed")]),
    Column::shown_only("epochs trained", |row| Some(row.epochs()?.len().into()))
        .note(|row| Some(format!("of {}", row.rung()?.epochs)))
        .on(&[Page(Training, "epochs")]),
    // Evaluation, in pycocotools' order
    map("map50", "AP at IoU 0.50, mean over the classes", |row| {
        Some(row.coco("AP50")?.into())
    })
    .compared(Comparison {
        csv: "change_map50_points",
        better: Better::Higher,
        unit: ChangeUnit::Points,
        evidence: Evidence::Seeds,
        rank: None,
        glance: None,
    })
    .on(&[Screen(4, "mAP50"), Page(Summary, "mAP50")]),
    map(
        "map50_95",
        "AP averaged over IoU 0.50 to 0.95, mean over the classes",
        |row| Some(row.coco("AP")?.into()),
    )
    .compared(Comparison {
        csv: "change_map50_95_points",
        better: Better::Higher,
        unit: ChangeUnit::Points,
        evidence: Evidence::SeedsAndImages(|row| {
            row.eval().map_or(&[], |eval| eval.bootstrap.as_slice())
        }),
        rank: Some(1),
        glance: Some("mAP50-95, points"),
    })
    .on(&[Screen(0, "mAP50-95"), Page(Summary, "mAP50-95")]),
    map("map75", "AP at IoU 0.75", |row| {
        Some(row.coco("AP75")?.into())
    }),
    map("map_small", "AP of objects below 32² px", |row| {
        Some(row.coco("AP_small")?.into())
    }),
    map("map_medium", "AP of objects from 32² to 96² px", |row| {
        Some(row.coco("AP_medium")?.into())
    }),
    map("map_large", "AP of objects above 96² px", |row| {
        Some(row.coco("AP_large")?.into())
    }),
    map("ar_1", "average recall with 1 detection per image", |row| {
        Some(row.coco("AR_1")?.into())
    }),
    map(
        "ar_10",
        "average recall with 10 detections per image",
        |row| Some(row.coco("AR_10")?.into()),
    ),
    map(
        "ar_100",
        "average recall with 100 detections per image",
        |row| Some(row.coco("AR_100")?.into()),
    ),
    map(
        "ar_small",
        "average recall of objects below 32² px",
        |row| Some(row.coco("AR_small")?.into()),
    ),
    map(
        "ar_medium",
        "average recall of objects from 32² to 96² px",
        |row| Some(row.coco("AR_medium")?.into()),
    ),
    map(
        "ar_large",
        "average recall of objects above 96² px",
        |row| Some(row.coco("AR_large")?.into()),
    ),
    // How the cell ended
    Column::csv(
        "train_s",
        "s",
        "training time with the evaluations in between",
        |row| Some(row.train()?.train_s.into()),
    ),
    Column::shown_only(
        "training time with the evaluations in between; of a stopped training, until then",
        |row| {
            let finished = row.train().map(|train| train.train_s);
            let so_far = || Some(row.epochs()?.iter().map(|epoch| epoch.seconds).sum());
            Some(finished.or_else(so_far)?.into())
        },
    )
    .format(Format::Duration)
    .on(&[Page(Training, "time")]),
    Column::csv(
        "status",
        "",
        "done, partial, failed, stopped or skipped",
        |row| Some(row.status().into()),
    ),
    Column::csv("error", "", "errors of the stages that failed", |row| {
        Some(row.errors().into())
    }),
    Column::csv(
        "not_measured",
        "",
        "why the other stages have no figure",
        |row| Some(row.not_measured().into()),
    ),
];

/// A COCO figure of the boxes.
const fn map(
    csv: &'static str,
    tip: &'static str,
    value: fn(&Row) -> Option<super::Value>,
) -> Column {
    Column::csv(csv, "0 to 1", tip, value)
        .stage(Stage::Eval)
        .format(Format::Points)
        .mean_of_seeds()
        .relevant(|row| row.cell.dataset.is_some())
}
