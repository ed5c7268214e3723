//! The details: settings, masks, training, memory, the environment and the keys of the records.

use super::PageTable::{Latency, Records, Summary, Training};
use super::Place::{Page, Screen};
use super::{Column, Format, Value};
use crate::rows::Row;
use ablate_records::{Environment, Stage};

const HOST: &str = "peak memory of the process; of a latency, with the weights of the models that are timed in turn";
const DEVICE: &str =
    "peak memory reserved by the device's allocator; empty if the backend does not tell";

pub const COLUMNS: &[Column] = &[
    Column::csv("latency_imgsz", "px", "image size of the latency", |row| {
        Some(row.cell.imgsz.latency.into())
    }),
    Column::csv(
        "train_imgsz",
        "px",
        "image size of training and evaluation",
        |row| {
            row.cell.dataset.as_ref()?;
            Some(row.cell.imgsz.train.into())
        },
    ),
    Column::csv("layers", "", "rows of the model table", |row| {
        Some(row.cost()?.layers.into())
    }),
    Column::csv(
        "latency_warmup",
        "",
        "iterations before the first timed one",
        |row| Some(row.latency()?.warmup.into()),
    )
    .on(&[Page(Latency, "warm-up")]),
    Column::csv("latency_iterations", "", "timed iterations", |row| {
        Some(row.latency()?.iterations.into())
    })
    .on(&[Page(Latency, "n")]),
    Column::csv("latency_dtype", "", "number format of the latency", |row| {
        row.latency()?;
        Some((&row.cell.dtype).into())
    }),
    Column::csv(
        "latency_mode",
        "",
        "how the latency's forward pass ran: eager, operation by operation, or graph, captured once and replayed",
        |row| {
            row.latency()?;
            Some((&row.cell.mode).into())
        },
    ),
    Column::csv(
        "latency_by",
        "",
        "whether networks ran by a compiled plan, or operation by operation; empty in records of earlier versions",
        |row| Some(row.latency()?.by?.name().into()),
    )
    .relevant(|row| row.latency().is_some_and(|latency| latency.by.is_some()))
    .on(&[Page(Latency, "by")]),
    Column::csv(
        "latency_no_plan",
        "",
        "models timed together that have no plan, and what they lack: none of those ran by one",
        |row| Some(row.latency()?.no_plan.as_deref()?.into()),
    )
    .relevant(|row| row.latency().is_some_and(|latency| latency.no_plan.is_some()))
    .on(&[Page(Latency, "no plan")]),
    Column::csv(
        "latency_rounding_error",
        "0 to 1",
        "largest difference from f32, of boxes or probabilities, as a share of the largest",
        |row| Some(row.latency()?.rounding_error?.into()),
    )
    .format(Format::Percent)
    .relevant(|row| {
        row.latency()
            .is_some_and(|latency| latency.rounding_error.is_some())
    })
    .on(&[Page(Latency, "rounding")]),
    Column::csv(
        "latency_rounds",
        "",
        "rounds in which the models of a scale were timed in turn",
        |row| Some(row.latency()?.rounds.as_ref()?.medians_ms.len().into()),
    )
    .stage(Stage::Latency)
    .on(&[Page(Latency, "rounds")]),
    Column::csv(
        "latency_disturbed",
        "",
        "what else the machine did during the timing; empty if nothing disturbed it",
        |row| Some(row.disturbance(Stage::Latency)?.as_str().into()),
    )
    .relevant(|row| row.disturbance(Stage::Latency).is_some())
    .on(&[Page(Latency, "disturbed")]),
    // Masks, in pycocotools' order
    mask("mask_map50", "AP at IoU 0.50, of the masks", |row| {
        Some(row.coco_of_masks("AP50")?.into())
    })
    .on(&[Screen(4, "mask mAP50"), Page(Summary, "mask mAP50")]),
    mask(
        "mask_map50_95",
        "AP averaged over IoU 0.50 to 0.95, of the masks",
        |row| Some(row.coco_of_masks("AP")?.into()),
    )
    .on(&[Screen(1, "mask mAP50-95"), Page(Summary, "mask mAP50-95")]),
    mask("mask_map75", "AP at IoU 0.75, of the masks", |row| {
        Some(row.coco_of_masks("AP75")?.into())
    }),
    mask(
        "mask_map_small",
        "AP of objects below 32² px, of the masks",
        |row| Some(row.coco_of_masks("AP_small")?.into()),
    ),
    mask(
        "mask_map_medium",
        "AP of objects from 32² to 96² px, of the masks",
        |row| Some(row.coco_of_masks("AP_medium")?.into()),
    ),
    mask(
        "mask_map_large",
        "AP of objects above 96² px, of the masks",
        |row| Some(row.coco_of_masks("AP_large")?.into()),
    ),
    mask(
        "mask_ar_1",
        "average recall with 1 detection per image, of the masks",
        |row| Some(row.coco_of_masks("AR_1")?.into()),
    ),
    mask(
        "mask_ar_10",
        "average recall with 10 detections per image, of the masks",
        |row| Some(row.coco_of_masks("AR_10")?.into()),
    ),
    mask(
        "mask_ar_100",
        "average recall with 100 detections per image, of the masks",
        |row| Some(row.coco_of_masks("AR_100")?.into()),
    ),
    mask(
        "mask_ar_small",
        "average recall of objects below 32² px, of the masks",
        |row| Some(row.coco_of_masks("AR_small")?.into()),
    ),
    mask(
        "mask_ar_medium",
        "average recall of objects from 32² to 96² px, of the masks",
        |row| Some(row.coco_of_masks("AR_medium")?.into()),
    ),
    mask(
        "mask_ar_large",
        "average recall of objects above 96² px, of the masks",
        |row| Some(row.coco_of_masks("AR_large")?.into()),
    ),
    // Training
    Column::csv(
        "train_images_per_s",
        "1/s",
        "training images per second, with data loading and augmentation, without evaluation",
        |row| Some(row.train()?.images_per_s.into()),
    )
    .format(Format::Short)
    .on(&[Page(Training, "images/s")]),
    Column::csv("train_images", "", "images of the training split", |row| {
        Some(row.train()?.train_images.into())
    })
    .on(&[Page(Training, "train images")]),
    Column::csv("val_images", "", "images of the validation split", |row| {
        Some(row.train()?.val_images.into())
    })
    .on(&[Page(Training, "val images")]),
    Column::csv(
        "train_left_out",
        "",
        "images, boxes and masks of the training split that could not be used",
        |row| {
            let mut splits = row.train()?.data.iter();
            let train = splits.find(|account| account.split == "train")?;
            Some(train.left_out.total().into())
        },
    ),
    Column::csv(
        "best_epoch",
        "",
        "best epoch, counted from 1, by the fitness on the validation split",
        |row| Some(row.best_epoch()?.into()),
    )
    .stage(Stage::Train)
    .on(&[Page(Training, "best epoch")]),
    Column::shown_only(
        "mAP50-95 of the best epoch on the validation split",
        |row| Some(row.best_map()?.into()),
    )
    .stage(Stage::Train)
    .format(Format::Points)
    .on(&[Page(Training, "best mAP50-95")]),
    Column::csv(
        "best_weights",
        "",
        "file of the best epoch's weights",
        |row| Some((&row.train()?.best_weights).into()),
    ),
    Column::csv(
        "weights",
        "",
        "file of the first weights; empty if all were random",
        |row| Some((&row.train()?.weights.as_ref()?.file).into()),
    ),
    Column::csv(
        "weights_taken",
        "",
        "tensors of the model that this file filled",
        |row| Some(row.train()?.weights.as_ref()?.taken.into()),
    ),
    Column::csv("weights_total", "", "tensors of the model", |row| {
        Some(row.train()?.weights.as_ref()?.total.into())
    }),
    Column::shown_only(
        "weights file; tensors that did not fit started at random",
        |row| {
            let weights = &row.train()?.weights;
            Some(
                weights
                    .as_ref()
                    .map_or("random weights", |weights| &weights.file)
                    .into(),
            )
        },
    )
    .note(|row| {
        let weights = row.train()?.weights.as_ref()?;
        Some(format!("{} of {} tensors", weights.taken, weights.total))
    })
    .hover(|row| {
        Some(format!(
            "{} tensors of the file do not fit",
            row.train()?.weights.as_ref()?.unused
        ))
    })
    .relevant(|row| row.train().is_some_and(|train| train.weights.is_some()))
    .on(&[Page(Training, "started from")]),
    Column::csv("eval_split", "", "split that was evaluated", |row| {
        Some((&row.eval()?.split).into())
    }),
    Column::csv("eval_images", "", "images of that split", |row| {
        Some(row.eval()?.images.into())
    }),
    Column::csv("eval_instances", "", "objects in that split", |row| {
        Some(row.eval()?.instances.into())
    }),
    Column::csv(
        "eval_left_out",
        "",
        "images, boxes and masks of that split that could not be used",
        |row| Some(row.eval()?.data.as_ref()?.left_out.total().into()),
    ),
    Column::csv("eval_s", "s", "evaluation time", |row| {
        Some(row.eval()?.seconds.into())
    }),
    Column::csv("latency_peak_host_mib", "MiB", HOST, |row| {
        Some(row.latency()?.memory.host_mib?.into())
    })
    .format(Format::Whole)
    .on(&[Page(Latency, "host MiB")]),
    Column::csv("latency_peak_device_mib", "MiB", DEVICE, |row| {
        Some(row.latency()?.memory.device_mib?.into())
    })
    .format(Format::Whole)
    .relevant(|row| {
        row.latency()
            .is_some_and(|it| it.memory.device_mib.is_some())
    })
    .on(&[Page(Latency, "device MiB")]),
    Column::csv("train_peak_host_mib", "MiB", HOST, |row| {
        Some(row.train()?.memory.host_mib?.into())
    })
    .format(Format::Whole)
    .on(&[Page(Training, "host MiB")]),
    Column::csv("train_peak_device_mib", "MiB", DEVICE, |row| {
        Some(row.train()?.memory.device_mib?.into())
    })
    .format(Format::Whole)
    .relevant(|row| row.train().is_some_and(|it| it.memory.device_mib.is_some()))
    .on(&[Page(Training, "device MiB")]),
    // Environment
    Column::csv("ablate", "", "version of ablate", |row| {
        Some((&environment(row)?.ablate).into())
    }),
    Column::csv("burn", "", "version of Burn", |row| {
        Some((&environment(row)?.burn).into())
    }),
    Column::csv("rustc", "", "version of the Rust compiler", |row| {
        Some((&environment(row)?.rustc).into())
    }),
    Column::csv("commit", "", "commit of ablate", |row| {
        Some((&environment(row)?.commit).into())
    }),
    Column::csv("os", "", "operating system", |row| {
        Some((&environment(row)?.os).into())
    }),
    Column::csv("cpu", "", "processor", |row| {
        Some((&environment(row)?.cpu).into())
    }),
    Column::csv("cores", "", "cores of the processor", |row| {
        Some(environment(row)?.cores.into())
    }),
    Column::csv("threads", "", "threads used", |row| {
        Some(environment(row)?.threads.into())
    }),
    Column::csv("memory_gib", "GiB", "memory of the machine", |row| {
        Some(environment(row)?.memory_gib.into())
    }),
    key(
        "cost_key",
        "key of the cost record",
        |row| key_of(row, Stage::Cost),
        |row| key_tip(row, Stage::Cost),
    )
    .on(&[Page(Records, "cost")]),
    key(
        "latency_key",
        "key of the latency record",
        |row| key_of(row, Stage::Latency),
        |row| key_tip(row, Stage::Latency),
    )
    .on(&[Page(Records, "latency")]),
    key(
        "train_key",
        "key of the training record",
        |row| key_of(row, Stage::Train),
        |row| key_tip(row, Stage::Train),
    )
    .on(&[Page(Records, "train")]),
    key(
        "eval_key",
        "key of the evaluation record",
        |row| key_of(row, Stage::Eval),
        |row| key_tip(row, Stage::Eval),
    )
    .on(&[Page(Records, "eval")]),
    Column::csv(
        "finished",
        "",
        "when the last stage ended, RFC 3339",
        |row| Some((&row.latest()?.finished).into()),
    ),
];

/// A COCO figure of the masks.
const fn mask(csv: &'static str, tip: &'static str, value: fn(&Row) -> Option<Value>) -> Column {
    Column::csv(csv, "0 to 1", tip, value)
        .format(Format::Points)
        .mean_of_seeds()
        .absent("a model without masks, or not evaluated")
        .relevant(|row| row.eval().is_some_and(|eval| eval.masks.is_some()))
}

/// The key of a stage's record.
const fn key(
    csv: &'static str,
    tip: &'static str,
    value: fn(&Row) -> Option<Value>,
    hover: fn(&Row) -> Option<String>,
) -> Column {
    Column::csv(csv, "", tip, value)
        .format(Format::Key)
        .absent("not run")
        .hover(hover)
}

fn key_of(row: &Row, stage: Stage) -> Option<Value> {
    Some((&row.ran(stage)?.key).into())
}

fn key_tip(row: &Row, stage: Stage) -> Option<String> {
    let record = row.ran(stage)?;
    Some(format!("{}, {}", record.key, record.finished))
}

/// The stages of a cell may come from several machines: the latest record stands for all.
fn environment<'a>(row: &Row<'a>) -> Option<&'a Environment> {
    Some(&row.latest()?.environment)
}
