//! How sure a figure is: mAP50-95 of resampled images (Efron, "Bootstrap Methods: Another Look at
//! the Jackknife", 1979).

use std::collections::HashMap;

use rayon::prelude::*;

use super::accumulate::average_precision;
use super::error::MetricsError;
use super::evaluate::{by_category, check_detections, match_category};
use super::matching::{Outcome, best_first, outside};
use super::types::{DetectionBox, GroundTruth};
use super::{AREA_RANGES, IOU_THRESHOLDS};
use crate::dataset::random::{Draw, stream};

/// mAP50-95 of boxes on `replicates` sets of images, each drawn with replacement from all and as
/// many; None if no drawn image has an object.
///
/// Which images are drawn follows from `seed` and the number of images alone. So replicate by
/// replicate, two detectors on one data set saw the same images, and the spread of their difference
/// is that of a paired comparison.
///
/// # Errors
/// Those of [`evaluate`](super::evaluate).
pub fn bootstrap(
    truth: &GroundTruth,
    detections: &[DetectionBox],
    replicates: usize,
    seed: u64,
) -> Result<Vec<Option<f64>>, MetricsError> {
    check_detections(truth, detections)?;
    let index_of: HashMap<u64, usize> = truth
        .images()
        .iter()
        .enumerate()
        .map(|(index, id)| (*id, index))
        .collect();
    let categories = by_category::<[f64; 4]>(truth, detections)?;
    let categories: Vec<Matched> = categories
        .into_par_iter()
        .map(|members| {
            let mut positives = vec![0; truth.images().len()];
            for object in members
                .objects
                .iter()
                .filter(|object| !object.crowd && !outside(object.area, AREA_RANGES[0]))
            {
                positives[index_of[&object.image_id]] += 1;
            }
            let mut outcomes = match_category(members);
            outcomes.sort_by(|a, b| best_first(a.score, b.score));
            let of_image = |outcome: Outcome| {
                (
                    index_of[&outcome.image_id],
                    outcome.right[0],
                    outcome.wrong[0],
                )
            };
            Matched {
                outcomes: outcomes.into_iter().map(of_image).collect(),
                positives,
            }
        })
        .collect();
    let images = truth.images().len();
    let replicate = |number: usize| {
        let drawn = resample(images, seed, number as u64);
        let (sum, count) = categories
            .iter()
            .filter_map(|category| category.ap(&drawn))
            .fold((0.0, 0), |(sum, n), ap| (sum + ap, n + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    Ok((0..replicates).into_par_iter().map(replicate).collect())
}

/// How often each image is drawn.
fn resample(images: usize, seed: u64, replicate: u64) -> Vec<usize> {
    let mut rng = stream(seed, 0x0062_6f6f_7473, images as u64, replicate);
    let mut drawn = vec![0; images];
    (0..images).for_each(|_| drawn[rng.below(images)] += 1);
    drawn
}

/// What became of a category's detections, best score first: image, thresholds at which it is
/// right, and wrong.
struct Matched {
    outcomes: Vec<(usize, u16, u16)>,
    /// Objects that count, by image.
    positives: Vec<usize>,
}

impl Matched {
    /// Average precision over all thresholds, each image counting as often as it was drawn.
    fn ap(&self, drawn: &[usize]) -> Option<f64> {
        let positives: usize = self
            .positives
            .iter()
            .zip(drawn)
            .map(|(positives, times)| positives * times)
            .sum();
        if positives == 0 {
            return None;
        }
        let mut precisions: [Vec<f64>; IOU_THRESHOLDS.len()] = Default::default();
        let mut wrong = [0; IOU_THRESHOLDS.len()];
        for &(image, right_set, wrong_set) in
            self.outcomes.iter().filter(|(image, ..)| drawn[*image] > 0)
        {
            for threshold in 0..IOU_THRESHOLDS.len() {
                wrong[threshold] += drawn[image] * usize::from(wrong_set >> threshold & 1);
                if right_set >> threshold & 1 == 1 {
                    // All copies come at once: in between, precision is never better than after the
                    // last.
                    let right = precisions[threshold].len() + drawn[image];
                    let precision = right as f64 / (right + wrong[threshold]) as f64;
                    precisions[threshold].resize(right, precision);
                }
            }
        }
        let sum: f64 = precisions
            .into_iter()
            .map(|precisions| average_precision(precisions, positives))
            .sum();
        Some(sum / IOU_THRESHOLDS.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::{Category, GroundTruthBox};
    use super::*;

    /// Objects in a row, each found a little off, not found, or found twice; no two scores are
    /// equal.
    fn scene(images: u64) -> (GroundTruth, Vec<DetectionBox>) {
        let mut rng = stream(7, 0, 0, 0);
        let (mut objects, mut found) = (Vec::new(), Vec::new());
        for image_id in 0..images {
            for object in 0..3 {
                let (category_id, bbox) = (
                    rng.below(2) as u64,
                    [20.0 * f64::from(object), 0.0, 10.0, 10.0],
                );
                objects.push(GroundTruthBox {
                    image_id,
                    category_id,
                    bbox,
                    area: 100.0,
                    crowd: false,
                    mask: None,
                });
                for _ in 0..rng.below(3) {
                    let bbox = [bbox[0] + rng.uniform(0.0, 4.0), bbox[1], bbox[2], bbox[3]];
                    found.push(DetectionBox {
                        image_id,
                        category_id,
                        bbox,
                        area: 100.0,
                        score: rng.unit(),
                        mask: None,
                    });
                }
            }
        }
        (truth(0..images, objects), found)
    }

    fn truth(images: impl Iterator<Item = u64>, objects: Vec<GroundTruthBox>) -> GroundTruth {
        let categories = (0..2)
            .map(|id| Category {
                id,
                name: id.to_string(),
            })
            .collect();
        GroundTruth::new(images.collect(), categories, objects).unwrap()
    }

    #[test]
    fn a_replicate_is_the_figure_of_its_images() {
        let (all, found) = scene(6);
        let replicates = bootstrap(&all, &found, 20, 3).unwrap();
        for (number, ap) in replicates.into_iter().enumerate() {
            let drawn = resample(6, 3, number as u64);
            // Copies of an image are images of their own.
            let copies = |id: u64| (0..drawn[id as usize] as u64).map(move |copy| 100 * copy + id);
            let objects = all.boxes().iter().flat_map(|b| {
                copies(b.image_id).map(|image_id| GroundTruthBox {
                    image_id,
                    ..b.clone()
                })
            });
            let found: Vec<_> = found
                .iter()
                .flat_map(|d| {
                    copies(d.image_id).map(|image_id| DetectionBox {
                        image_id,
                        ..d.clone()
                    })
                })
                .collect();
            let expected =
                super::super::evaluate(&truth((0..6).flat_map(copies), objects.collect()), &found)
                    .unwrap()
                    .ap;
            assert!(
                (ap.unwrap() - expected.unwrap()).abs() < 1e-12,
                "{ap:?} {expected:?}"
            );
        }
    }

    #[test]
    fn a_seed_fixes_what_is_drawn() {
        assert_eq!(resample(50, 1, 2), resample(50, 1, 2));
        assert_ne!(resample(50, 1, 2), resample(50, 1, 3));
        assert_ne!(resample(50, 1, 2), resample(50, 2, 2));
        assert_eq!(resample(50, 1, 2).iter().sum::<usize>(), 50);
    }
}
