//! The whole way from boxes or masks to figures.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::AREA_RANGES;
use super::accumulate::{Curve, curves};
use super::error::MetricsError;
use super::matching::{Found, Matcher, Object, Outcome, best_first, outside};
use super::shape::Shape;
use super::summary::CocoMetrics;
use super::types::{DetectionBox, GroundTruth};
use crate::mask::Rle;

/// The COCO figures of the boxes of `detections`.
///
/// Of equal scores the detection that comes first wins, within an image; between images, that of
/// the smaller image id.
///
/// # Errors
/// A detection of an image that `truth` does not know, or with a number that is not finite. One of a
/// category that it does not know does not count.
pub fn evaluate(
    truth: &GroundTruth,
    detections: &[DetectionBox],
) -> Result<CocoMetrics, MetricsError> {
    check_detections(truth, detections)?;
    evaluate_shapes::<[f64; 4]>(truth, detections)
}

/// The COCO figures of the masks of `detections`: pycocotools' with the `iouType` "segm".
///
/// # Errors
/// Those of [`evaluate`], an object or a detection without a mask, and masks of different sizes in
/// one image.
pub fn evaluate_masks(
    truth: &GroundTruth,
    detections: &[DetectionBox],
) -> Result<CocoMetrics, MetricsError> {
    check_detections(truth, detections)?;
    check_sizes(truth, detections)?;
    evaluate_shapes::<&Rle>(truth, detections)
}

fn evaluate_shapes<'a, S: Shape<'a>>(
    truth: &'a GroundTruth,
    detections: &'a [DetectionBox],
) -> Result<CocoMetrics, MetricsError> {
    let curves: Vec<_> = by_category::<S>(truth, detections)?
        .into_par_iter()
        .map(evaluate_category)
        .collect();
    Ok(CocoMetrics::summarize(truth, &curves))
}

/// Objects and detections of each category, in the order of `truth`'s.
pub(super) fn by_category<'a, S: Shape<'a>>(
    truth: &'a GroundTruth,
    detections: &'a [DetectionBox],
) -> Result<Vec<Members<S>>, MetricsError> {
    let index_of: HashMap<u64, usize> = truth
        .categories()
        .iter()
        .enumerate()
        .map(|(index, category)| (category.id, index))
        .collect();
    let mut counts = vec![(0, 0); index_of.len()];
    for object in truth.boxes() {
        counts[index_of[&object.category_id]].0 += 1;
    }
    // There may be millions of detections, so each is looked up once.
    let category_of: Vec<Option<usize>> = detections
        .par_iter()
        .map(|detection| index_of.get(&detection.category_id).copied())
        .collect();
    for category in category_of.iter().flatten() {
        counts[*category].1 += 1;
    }
    let mut categories: Vec<_> = counts
        .into_iter()
        .map(|(objects, found)| Members {
            objects: Vec::with_capacity(objects),
            found: Vec::with_capacity(found),
        })
        .collect();
    for (index, object) in truth.boxes().iter().enumerate() {
        categories[index_of[&object.category_id]]
            .objects
            .push(Object {
                image_id: object.image_id,
                shape: S::of_object(truth, index)?,
                area: object.area,
                crowd: object.crowd,
                credits: !truth.id_zero.contains(&index),
            });
    }
    for (index, (detection, category)) in detections.iter().zip(category_of).enumerate() {
        let Some(category) = category else { continue };
        categories[category].found.push(Found {
            image_id: detection.image_id,
            shape: S::of_detection(detections, index)?,
            area: detection.area,
            score: detection.score,
        });
    }
    Ok(categories)
}

pub(super) fn check_detections(
    truth: &GroundTruth,
    detections: &[DetectionBox],
) -> Result<(), MetricsError> {
    let images: HashSet<u64> = truth.images().iter().copied().collect();
    // Detections of one image mostly follow each other.
    let mut known = None;
    for (index, detection) in detections.iter().enumerate() {
        if known != Some(detection.image_id) && !images.contains(&detection.image_id) {
            return Err(MetricsError::at(
                format!("[{index}].image_id"),
                format!(
                    "the ground truth has no image with the id {}",
                    truth.image_ids.id(detection.image_id)
                ),
            ));
        }
        known = Some(detection.image_id);
        check_numbers(detection, index)?;
    }
    Ok(())
}

/// Whether the numbers of the detection at a place can be computed with.
pub(super) fn check_numbers(detection: &DetectionBox, index: usize) -> Result<(), MetricsError> {
    if !detection.bbox.iter().all(|value| value.is_finite()) {
        return Err(MetricsError::at(
            format!("[{index}].bbox"),
            format!("{:?} is not four finite numbers", detection.bbox),
        ));
    }
    if !detection.score.is_finite() {
        return Err(MetricsError::at(
            format!("[{index}].score"),
            format!("{} is not a finite number", detection.score),
        ));
    }
    Ok(())
}

/// Masks can be laid over each other only where their images are of one size.
fn check_sizes(truth: &GroundTruth, detections: &[DetectionBox]) -> Result<(), MetricsError> {
    let truths = (0..truth.boxes().len()).map(|index| {
        let object = &truth.boxes()[index];
        (truth.place(index), object.image_id, &object.mask)
    });
    let detections = (0..detections.len()).map(|index| {
        let detection = &detections[index];
        (format!("[{index}]"), detection.image_id, &detection.mask)
    });
    let mut sizes = HashMap::new();
    for (place, image, mask) in truths.chain(detections) {
        let Some(mask) = mask else { continue };
        let size = [mask.height(), mask.width()];
        let expected = *sizes.entry(image).or_insert(size);
        if size != expected {
            return Err(MetricsError::at(
                format!("{place}.segmentation"),
                format!(
                    "a mask of height and width {size:?}, another one of image {} has {expected:?}",
                    truth.image_ids.id(image)
                ),
            ));
        }
    }
    Ok(())
}

/// All of one category, in the order of the files.
pub(super) struct Members<S> {
    pub objects: Vec<Object<S>>,
    found: Vec<Found<S>>,
}

fn evaluate_category<'a, S: Shape<'a>>(members: Members<S>) -> [Option<Curve>; AREA_RANGES.len()] {
    let positives = AREA_RANGES.map(|range| {
        members
            .objects
            .iter()
            .filter(|object| !object.crowd && !outside(object.area, range))
            .count()
    });
    curves(match_category(members), positives)
}

/// Outcomes of a category's detections, by image, best first within an image.
pub(super) fn match_category<'a, S: Shape<'a>>(
    Members {
        mut objects,
        mut found,
    }: Members<S>,
) -> Vec<Outcome> {
    // Stable sorts: the order of the file decides ties.
    objects.sort_by_key(|object| object.image_id);
    found.sort_by(|a, b| {
        a.image_id
            .cmp(&b.image_id)
            .then(best_first(a.score, b.score))
    });
    let mut matcher = Matcher::new();
    let mut outcomes = Vec::with_capacity(found.len());
    let mut objects = objects.as_slice();
    for found in found.chunk_by(|a, b| a.image_id == b.image_id) {
        let image = found[0].image_id;
        objects = &objects[objects.partition_point(|object| object.image_id < image)..];
        let here = objects.partition_point(|object| object.image_id == image);
        matcher.match_image(&objects[..here], found, &mut outcomes);
    }
    outcomes
}
