//! Average precision and recall of one category, from the outcomes of its detections.

use super::matching::{ALL_THRESHOLDS, Outcome, best_first};
use super::{AREA_RANGES, IOU_THRESHOLDS, MAX_DETECTIONS};

/// One figure per IoU threshold.
pub(super) type PerThreshold = [f64; IOU_THRESHOLDS.len()];

/// Figures of one category and area range.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Curve {
    /// Average precision at 100 detections an image.
    pub precision: PerThreshold,
    /// Final recall at 1, 10 and 100 detections an image.
    pub recall: [PerThreshold; MAX_DETECTIONS.len()],
}

/// Curves of one category per area range, None if it has no object of that size.
///
/// `outcomes` come in the order of their images; `positives` is how many objects count, per area
/// range.
pub(super) fn curves(
    mut outcomes: Vec<Outcome>,
    positives: [usize; AREA_RANGES.len()],
) -> [Option<Curve>; AREA_RANGES.len()] {
    // Stable: of equal scores the earlier image comes first.
    outcomes.sort_by(|a, b| best_first(a.score, b.score));
    std::array::from_fn(|area| {
        (positives[area] > 0).then(|| curve(&outcomes, area, positives[area]))
    })
}

fn curve(outcomes: &[Outcome], area: usize, positives: usize) -> Curve {
    let mut precisions: [Vec<f64>; IOU_THRESHOLDS.len()] = Default::default();
    let mut wrong = [0_usize; IOU_THRESHOLDS.len()];
    // Most detections are wrong at every threshold; those are counted once for all.
    let mut wrong_at_all = 0;
    let mut found = [[0_usize; IOU_THRESHOLDS.len()]; MAX_DETECTIONS.len()];
    for outcome in outcomes {
        let (right_set, wrong_set) = (outcome.right[area], outcome.wrong[area]);
        if wrong_set == ALL_THRESHOLDS {
            wrong_at_all += 1;
            continue;
        }
        for threshold in 0..IOU_THRESHOLDS.len() {
            wrong[threshold] += usize::from(wrong_set >> threshold & 1);
            if right_set >> threshold & 1 == 1 {
                let precisions = &mut precisions[threshold];
                let right = precisions.len() + 1;
                precisions.push(precision(right, wrong[threshold] + wrong_at_all));
                for (found, &max) in found.iter_mut().zip(&MAX_DETECTIONS) {
                    found[threshold] += usize::from((outcome.rank as usize) < max);
                }
            }
        }
    }
    Curve {
        precision: precisions.map(|precisions| average_precision(precisions, positives)),
        recall: found.map(|found| found.map(|found| found as f64 / positives as f64)),
    }
}

/// With the epsilon of pycocotools, which makes a lone right detection a hair less than 1.
fn precision(right: usize, wrong: usize) -> f64 {
    right as f64 / ((wrong + right) as f64 + f64::EPSILON)
}

/// Mean of the precision at the 101 recalls 0, 0.01 … 1, where the precision at a recall is the
/// best at that or any higher recall, and 0 beyond the last.
///
/// `precisions[n]` is the precision when the `n + 1`-th object was found. Between two finds
/// precision only falls and recall stands still, so nothing else can be the best.
pub(super) fn average_precision(mut precisions: Vec<f64>, positives: usize) -> f64 {
    for index in (1..precisions.len()).rev() {
        precisions[index - 1] = precisions[index - 1].max(precisions[index]);
    }
    let mut sum = 0.0;
    let mut found = 0;
    for step in 0..=100 {
        let recall = f64::from(step) * 0.01;
        while found < precisions.len() && ((found + 1) as f64 / positives as f64) < recall {
            found += 1;
        }
        match precisions.get(found) {
            Some(precision) => sum += precision,
            None => break,
        }
    }
    sum / 101.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_interpolated_from_the_right() {
        // Two of four objects found: the first at precision 1/2, the second at 2/3, which lifts the
        // first.
        let average = average_precision(vec![0.5, 2.0 / 3.0], 4);
        // Recalls 0 … 0.50 are reached: 51 of 101.
        assert!((average - 51.0 * (2.0 / 3.0) / 101.0).abs() < 1e-15);
    }

    #[test]
    fn nothing_found_is_zero_and_everything_first_is_one() {
        assert_eq!(average_precision(vec![], 3), 0.0);
        let perfect = average_precision((1..=7).map(|right| precision(right, 0)).collect(), 7);
        assert!((perfect - 1.0).abs() < 1e-15);
    }
}
