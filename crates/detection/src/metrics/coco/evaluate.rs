//! The whole way from boxes to figures.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::AREA_RANGES;
use super::accumulate::{Curve, curves};
use super::error::MetricsError;
use super::matching::{Matcher, Outcome, best_first, outside};
use super::summary::CocoMetrics;
use super::types::{DetectionBox, GroundTruth};

/// The COCO figures of `detections`.
///
/// Of equal scores the detection that comes first wins, within an image; between images, that of the smaller image id.
///
/// # Errors
/// A detection of an image or category that `truth` does not know, or with a number that is not finite.
pub fn evaluate(truth: &GroundTruth, detections: &[DetectionBox]) -> Result<CocoMetrics, MetricsError> {
    check_detections(truth, detections)?;
    let index_of: HashMap<u64, usize> = truth.categories().iter().enumerate().map(|(index, category)| (category.id, index)).collect();
    let mut categories = vec![Members::default(); truth.categories().len()];
    for (index, truth) in truth.boxes().iter().enumerate() {
        categories[index_of[&truth.category_id]].truths.push(index as u32);
    }
    for (index, detection) in detections.iter().enumerate() {
        categories[index_of[&detection.category_id]].detections.push(index as u32);
    }
    let curves: Vec<_> = categories.into_par_iter().map(|members| evaluate_category(truth, detections, members)).collect();
    Ok(CocoMetrics::summarize(truth, &curves))
}

pub(super) fn check_detections(truth: &GroundTruth, detections: &[DetectionBox]) -> Result<(), MetricsError> {
    let images: HashSet<u64> = truth.images().iter().copied().collect();
    let categories: HashSet<u64> = truth.categories().iter().map(|category| category.id).collect();
    for (index, detection) in detections.iter().enumerate() {
        let problem = |key: &str, problem: String| Err(MetricsError::at(format!("[{index}].{key}"), problem));
        if !images.contains(&detection.image_id) {
            return problem("image_id", format!("the ground truth has no image with the id {}", detection.image_id));
        }
        if !categories.contains(&detection.category_id) {
            return problem("category_id", format!("the ground truth has no category with the id {}", detection.category_id));
        }
        if !detection.bbox.iter().all(|value| value.is_finite()) {
            return problem("bbox", format!("{:?} is not four finite numbers", detection.bbox));
        }
        if !detection.score.is_finite() {
            return problem("score", format!("{} is not a finite number", detection.score));
        }
    }
    Ok(())
}

/// Indices of the boxes of one category.
#[derive(Clone, Default)]
struct Members {
    truths: Vec<u32>,
    detections: Vec<u32>,
}

fn evaluate_category(truth: &GroundTruth, detections: &[DetectionBox], members: Members) -> [Option<Curve>; AREA_RANGES.len()] {
    let positives = AREA_RANGES.map(|range| {
        let counts = |&&index: &&u32| {
            let truth = &truth.boxes()[index as usize];
            !truth.crowd && !outside(truth.area, range)
        };
        members.truths.iter().filter(counts).count()
    });
    curves(match_category(truth, detections, members), positives)
}

/// Outcomes of a category's detections, by image, best first within an image.
fn match_category(truth: &GroundTruth, detections: &[DetectionBox], mut members: Members) -> Vec<Outcome> {
    let truth_at = |index: u32| &truth.boxes()[index as usize];
    let detection_at = |index: u32| &detections[index as usize];
    // Stable sorts: the order of the file decides ties.
    members.truths.sort_by_key(|&index| truth_at(index).image_id);
    members.detections.sort_by(|&a, &b| {
        let (a, b) = (detection_at(a), detection_at(b));
        a.image_id.cmp(&b.image_id).then(best_first(a.score, b.score))
    });
    let mut matcher = Matcher::default();
    let mut outcomes = Vec::with_capacity(members.detections.len());
    let mut truths = members.truths.as_slice();
    for detections in members.detections.chunk_by(|&a, &b| detection_at(a).image_id == detection_at(b).image_id) {
        let image = detection_at(detections[0]).image_id;
        truths = &truths[truths.partition_point(|&index| truth_at(index).image_id < image)..];
        let here = truths.iter().take_while(|&&index| truth_at(index).image_id == image);
        matcher.match_image(
            here.map(|&index| (truth_at(index), truth.id_zero != Some(index as usize))),
            detections.iter().map(|&index| detection_at(index)),
            &mut outcomes,
        );
    }
    outcomes
}
