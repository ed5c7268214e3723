//! Non-maximum suppression, with the settings by which YOLOv5 and Ultralytics evaluate.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::geometry::BBox;

/// A box that a detector reports.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// In pixels of the network's input.
    pub bbox: BBox,
    /// Objectness × class probability.
    pub score: f32,
    /// Index of the class.
    pub class: usize,
    /// Row of the predictions that it comes from.
    pub row: usize,
}

/// What suppression keeps. The default is that of YOLOv5's evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NmsConfig {
    /// Objectness and score must be above this.
    pub confidence: f32,
    /// Of two boxes with an intersection over union above this the lower score goes; None: nothing
    /// is suppressed, for heads that answer for each object once.
    pub iou: Option<f32>,
    /// One candidate for each class of a row above `confidence`, not for its best class only.
    pub multi_label: bool,
    /// A box suppresses those of other classes too.
    pub agnostic: bool,
    /// Classes to look at; None: all.
    pub classes: Option<Vec<usize>>,
    /// Candidates of best score that are looked at.
    pub max_candidates: usize,
    /// Detections that are returned.
    pub max_detections: usize,
}

impl Default for NmsConfig {
    fn default() -> Self {
        Self {
            confidence: 0.001,
            iou: Some(0.6),
            multi_label: true,
            agnostic: false,
            classes: None,
            max_candidates: 30_000,
            max_detections: 300,
        }
    }
}

/// The detections of one image, best score first; of equal scores the earlier row, then the lower
/// class.
///
/// `predictions` are rows of `5 + nc`: centre x, centre y, width, height in pixels of the network's
/// input, objectness, class probabilities. A row that holds a NaN or an infinity is dropped.
///
/// Classes are suppressed apart exactly. Ultralytics gets there by shifting the boxes of class c by
/// 7680 · c pixels, which at class 79 rounds coordinates to 1/16 pixel in f32, so overlaps that are
/// within rounding of the threshold may fall differently there.
///
/// # Panics
/// If the predictions are not whole rows.
pub fn non_max_suppression(predictions: &[f32], nc: usize, config: &NmsConfig) -> Vec<Detection> {
    let row_len = 5 + nc;
    assert_eq!(
        predictions.len() % row_len,
        0,
        "expected rows of {row_len} predictions"
    );
    let mut candidates = collect_candidates(predictions, nc, config);
    keep_best(&mut candidates, config.max_candidates);
    let bbox_of = |candidate: &Candidate| corners(&predictions[candidate.row as usize * row_len..]);
    suppress(&candidates, bbox_of, nc, config)
}

/// A class of a row that is sure enough.
#[derive(Clone, Copy)]
struct Candidate {
    score: f32,
    row: u32,
    class: u32,
}

/// Total order: best score first, then by row and class.
fn best_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| (a.row, a.class).cmp(&(b.row, b.class)))
}

fn collect_candidates(predictions: &[f32], nc: usize, config: &NmsConfig) -> Vec<Candidate> {
    let wanted: Vec<bool> = (0..nc)
        .map(|class| {
            config
                .classes
                .as_ref()
                .is_none_or(|classes| classes.contains(&class))
        })
        .collect();
    let mut candidates = Vec::new();
    for (row, values) in predictions.chunks_exact(5 + nc).enumerate() {
        let objectness = values[4];
        if objectness <= config.confidence || !is_finite(values) {
            continue;
        }
        let scores = values[5..]
            .iter()
            .map(|probability| probability * objectness)
            .enumerate();
        let mut push = |(class, score): (usize, f32)| {
            if score > config.confidence && wanted[class] {
                candidates.push(Candidate {
                    score,
                    row: row as u32,
                    class: class as u32,
                });
            }
        };
        if config.multi_label {
            scores.for_each(push);
        } else {
            // The first of equals.
            scores
                .reduce(|best, next| if next.1 > best.1 { next } else { best })
                .map(&mut push);
        }
    }
    candidates
}

fn is_finite(values: &[f32]) -> bool {
    let BBox { x1, y1, x2, y2 } = corners(values);
    values
        .iter()
        .chain(&[x1, y1, x2, y2])
        .all(|value| value.is_finite())
}

fn corners(row: &[f32]) -> BBox {
    BBox::from_cxcywh(row[0], row[1], row[2], row[3])
}

/// Sorts, best first, and drops all but the best; what is dropped need not be sorted.
fn keep_best(candidates: &mut Vec<Candidate>, max: usize) {
    if candidates.len() > max {
        candidates.select_nth_unstable_by(max, best_first);
        candidates.truncate(max);
    }
    candidates.sort_unstable_by(best_first);
}

/// Greedy: a candidate stays unless one that stayed before it overlaps it. Each is compared with
/// those that stayed only, of its own class unless `agnostic`, and the search ends with the last
/// that may stay.
fn suppress(
    candidates: &[Candidate],
    bbox_of: impl Fn(&Candidate) -> BBox,
    nc: usize,
    config: &NmsConfig,
) -> Vec<Detection> {
    let mut kept = Vec::new();
    let mut kept_boxes: Vec<Vec<BBox>> = vec![Vec::new(); if config.agnostic { 1 } else { nc }];
    for candidate in candidates {
        if kept.len() >= config.max_detections {
            break;
        }
        let class = candidate.class as usize;
        let rivals = &mut kept_boxes[if config.agnostic { 0 } else { class }];
        let bbox = bbox_of(candidate);
        let suppressed = config
            .iou
            .is_some_and(|iou| rivals.iter().any(|rival| rival.iou(&bbox) > iou));
        if !suppressed {
            rivals.push(bbox);
            kept.push(Detection {
                bbox,
                score: candidate.score,
                class,
                row: candidate.row as usize,
            });
        }
    }
    kept
}
