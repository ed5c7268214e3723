//! What a user waits for: the way from an image to its boxes, and its parts.

use super::PageTable::{Detect, Summary};
use super::Place::{Page, Screen};
use super::{ChangeUnit, Column, Comparison, Evidence, Format, Value};
use crate::mark::Better;
use crate::rows::Row;
use ablate_records::Stage;

pub const COLUMNS: &[Column] = &[
    column(
        "detect_ms_median",
        "ms",
        "median time from an image in memory to its boxes on the host, by the weights of the first seed",
        |row| Some(row.detect()?.whole.median_ms.into()),
    )
    .note(|row| Some(format!("± {}", Format::Short.number(row.detect()?.whole.std_ms))))
    .compared(Comparison {
        csv: "change_detect_percent",
        better: Better::Lower,
        unit: ChangeUnit::Percent,
        evidence: Evidence::Rounds,
        rank: Some(4),
        glance: Some("Detection"),
    })
    .on(&[
        Screen(4, "detect ms"),
        Page(Summary, "Detect, ms"),
        Page(Detect, "whole"),
    ]),
    column("detect_ms_p90", "ms", "90th percentile of the timed detections", |row| {
        Some(row.detect()?.whole.p90_ms.into())
    })
    .on(&[Page(Detect, "p90")]),
    column(
        "detect_letterbox_ms",
        "ms",
        "resizing and padding of the decoded image, as in evaluation",
        |row| Some(row.detect()?.parts.letterbox_ms.into()),
    )
    .on(&[Page(Detect, "letterbox")]),
    column("detect_upload_ms", "ms", "copy to the device", |row| Some(row.detect()?.parts.upload_ms.into()),
    )
    .on(&[Page(Detect, "upload")]),
    column(
        "detect_forward_ms",
        "ms",
        "forward pass, with the decoding of boxes",
        |row| Some(row.detect()?.parts.forward_ms.into()),
    )
    .on(&[Page(Detect, "forward")]),
    column("detect_download_ms", "ms", "copy of all boxes to the host", |row| Some(row.detect()?.parts.download_ms.into()),
    )
    .on(&[Page(Detect, "download")]),
    column(
        "detect_suppression_ms",
        "ms",
        "non-maximum suppression of the boxes that are sure enough, back to pixels of the image; masks, if there are any",
        |row| Some(row.detect()?.parts.suppression_ms.into()),
    )
    .on(&[Page(Detect, "suppression")]),
    column("detect_boxes", "", "boxes found in an image, the mean", |row| {
        Some(row.detect()?.boxes_per_image.into())
    })
    .on(&[Page(Detect, "boxes")]),
    column("detect_images", "", "images that were detected on", |row| {
        Some(row.detect()?.images.into())
    })
    .format(Format::Plain)
    .on(&[Page(Detect, "images")]),
    column("detect_confidence", "0 to 1", "least score of a box", |row| {
        Some(row.detect()?.confidence.into())
    })
    .on(&[Page(Detect, "least score")]),
    column("detect_rounds", "", "rounds in which the models of a scale detected in turn", |row| {
        Some(row.detect()?.whole.rounds.as_ref()?.medians_ms.len().into())
    })
    .format(Format::Plain)
    .on(&[Page(Detect, "rounds")]),
    column(
        "detect_by",
        "",
        "whether networks ran by a compiled plan, or operation by operation; empty in records of earlier versions",
        |row| Some(row.detect()?.whole.by?.name().into()),
    )
    .relevant(|row| row.detect().is_some_and(|detect| detect.whole.by.is_some()))
    .on(&[Page(Detect, "by")]),
    column(
        "detect_disturbed",
        "",
        "what else the machine did during the timing; empty if nothing disturbed it",
        |row| Some(row.disturbance(Stage::Detect)?.as_str().into()),
    )
    .relevant(|row| row.disturbance(Stage::Detect).is_some())
    .on(&[Page(Detect, "disturbed")]),
];

const fn column(
    csv: &'static str,
    unit: &'static str,
    tip: &'static str,
    value: fn(&Row) -> Option<Value>,
) -> Column {
    Column::csv(csv, unit, tip, value)
        .stage(Stage::Detect)
        .format(Format::Short)
        .relevant(|row| row.detect().is_some())
}
