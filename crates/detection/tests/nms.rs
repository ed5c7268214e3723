//! Suppression: cases counted by hand, and random ones against a reference that compares every
//! pair.

use ablate_detection::geometry::BBox;
use ablate_detection::nms::{Detection, NmsConfig, non_max_suppression};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const NC: usize = 2;

/// Rows of cx, cy, w, h, objectness, two class probabilities.
fn nms(rows: &[[f32; 7]], config: &NmsConfig) -> Vec<Detection> {
    non_max_suppression(&rows.concat(), NC, config)
}

/// (score, class, x1) of each detection.
fn summary(detections: &[Detection]) -> Vec<(f32, usize, f32)> {
    detections
        .iter()
        .map(|d| (d.score, d.class, d.bbox.x1))
        .collect()
}

fn evaluation() -> NmsConfig {
    NmsConfig::default()
}

#[test]
fn nothing_in_nothing_out() {
    assert_eq!(nms(&[], &evaluation()), []);
    assert_eq!(
        nms(&[[5.0, 5.0, 10.0, 10.0, 0.001, 1.0, 1.0]], &evaluation()),
        []
    );
}

#[test]
fn the_worse_of_two_that_overlap_goes() {
    // 10 wide, 2 apart: IoU 8/12 > 0.6. 3 apart: 7/13 < 0.6.
    let at = |cx, objectness| [cx, 5.0, 10.0, 10.0, objectness, 1.0, 0.0];
    let kept = nms(&[at(5.0, 0.5), at(7.0, 0.75)], &evaluation());
    assert_eq!(summary(&kept), [(0.75, 0, 2.0)]);
    assert_eq!(kept[0].bbox, BBox::from_xyxy(2.0, 0.0, 12.0, 10.0));
    let kept = nms(&[at(5.0, 0.5), at(8.0, 0.75)], &evaluation());
    assert_eq!(summary(&kept), [(0.75, 0, 3.0), (0.5, 0, 0.0)]);
}

#[test]
fn without_a_threshold_the_best_stay() {
    let at = |cx, objectness| [cx, 5.0, 10.0, 10.0, objectness, 1.0, 0.5];
    let config = NmsConfig {
        iou: None,
        max_detections: 3,
        ..evaluation()
    };
    let kept = nms(&[at(5.0, 0.5), at(5.0, 0.75)], &config);
    assert_eq!(
        summary(&kept),
        [(0.75, 0, 0.0), (0.5, 0, 0.0), (0.375, 1, 0.0)]
    );
}

/// What the package ultralytics takes from an end-to-end head: `fixtures/postprocess.py`.
#[test]
fn without_a_threshold_it_takes_what_ultralytics_takes() {
    let text = include_str!("fixtures/postprocess.json");
    let stored: serde_json::Value = serde_json::from_str(text).unwrap();
    let rows =
        |key: &str| -> Vec<Vec<f32>> { serde_json::from_value(stored[key].clone()).unwrap() };
    let (predictions, taken) = (rows("predictions"), rows("taken"));
    let config = NmsConfig {
        iou: None,
        max_detections: taken.len(),
        ..evaluation()
    };
    let kept = non_max_suppression(&predictions.concat(), 3, &config);
    assert_eq!(kept.len(), 25);
    for (kept, taken) in kept.iter().zip(&taken) {
        let BBox { x1, y1, x2, y2 } = kept.bbox;
        let found = [x1, y1, x2, y2, kept.score, kept.class as f32];
        for (found, taken) in found.iter().zip(taken) {
            assert!((found - taken).abs() < 1e-5, "{kept:?} for {taken:?}");
        }
    }
}

#[test]
fn a_suppressed_box_suppresses_none() {
    // A overlaps B, B overlaps C, A does not overlap C.
    let at = |cx, objectness| [cx, 5.0, 10.0, 10.0, objectness, 1.0, 0.0];
    let kept = nms(&[at(5.0, 0.9), at(7.0, 0.8), at(9.0, 0.7)], &evaluation());
    assert_eq!(summary(&kept), [(0.9, 0, 0.0), (0.7, 0, 4.0)]);
}

#[test]
fn an_overlap_at_the_threshold_stays() {
    // 10 wide, 2.5 apart: IoU 7.5/12.5 = 0.6.
    let at = |cx, objectness| [cx, 5.0, 10.0, 10.0, objectness, 1.0, 0.0];
    assert_eq!(nms(&[at(5.0, 0.5), at(7.5, 0.75)], &evaluation()).len(), 2);
}

#[test]
fn labels() {
    let row = [5.0, 5.0, 10.0, 10.0, 0.5, 0.25, 0.5];
    assert_eq!(
        summary(&nms(&[row], &evaluation())),
        [(0.25, 1, 0.0), (0.125, 0, 0.0)]
    );

    let single = NmsConfig {
        multi_label: false,
        ..evaluation()
    };
    assert_eq!(summary(&nms(&[row], &single)), [(0.25, 1, 0.0)]);
    let tie = [5.0, 5.0, 10.0, 10.0, 0.5, 0.5, 0.5];
    assert_eq!(summary(&nms(&[tie], &single)), [(0.25, 0, 0.0)]);

    // The box is the same for both classes.
    let agnostic = NmsConfig {
        agnostic: true,
        ..evaluation()
    };
    assert_eq!(summary(&nms(&[row], &agnostic)), [(0.25, 1, 0.0)]);

    let first = NmsConfig {
        classes: Some(vec![0]),
        ..evaluation()
    };
    assert_eq!(summary(&nms(&[row], &first)), [(0.125, 0, 0.0)]);
    // The best class is not wanted, and the second best was never a candidate.
    let first = NmsConfig {
        multi_label: false,
        ..first
    };
    assert_eq!(nms(&[row], &first), []);
}

#[test]
fn equal_scores_keep_the_order_of_rows_and_classes() {
    let at = |cx| [cx, 5.0, 10.0, 10.0, 0.5, 0.5, 0.5];
    let kept = nms(&[at(45.0), at(5.0)], &evaluation());
    assert_eq!(
        summary(&kept),
        [
            (0.25, 0, 40.0),
            (0.25, 1, 40.0),
            (0.25, 0, 0.0),
            (0.25, 1, 0.0)
        ]
    );
}

#[test]
fn limits() {
    let rows: Vec<_> = (0..400)
        .map(|i| {
            [
                i as f32 * 20.0,
                5.0,
                10.0,
                10.0,
                1.0,
                0.5 + i as f32 / 1000.0,
                0.0,
            ]
        })
        .collect();
    let kept = nms(&rows, &evaluation());
    assert_eq!(kept.len(), 300);
    assert_eq!((kept[0].score, kept[299].score), (0.899, 0.6));
    let few = NmsConfig {
        max_candidates: 7,
        ..evaluation()
    };
    assert_eq!(nms(&rows, &few), kept[..7]);
    assert_eq!(
        nms(
            &rows,
            &NmsConfig {
                max_detections: 0,
                ..evaluation()
            }
        ),
        []
    );
}

#[test]
fn rows_that_are_not_finite_are_dropped() {
    let good = [5.0, 5.0, 10.0, 10.0, 0.5, 0.5, 0.0];
    for column in 0..7 {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut bad = good;
            bad[column] = value;
            assert_eq!(
                nms(&[bad, good, bad], &evaluation()).len(),
                1,
                "{value} in column {column}"
            );
        }
    }
    // Finite, but its corner is not.
    assert_eq!(
        nms(
            &[[f32::MAX, 5.0, f32::MAX, 10.0, 0.5, 0.5, 0.0]],
            &evaluation()
        ),
        []
    );
}

#[test]
#[should_panic(expected = "expected rows of 7 predictions")]
fn predictions_are_whole_rows() {
    non_max_suppression(&[0.0; 8], NC, &evaluation());
}

/// Every pair is compared, and a flag says who is out.
fn reference(predictions: &[f32], nc: usize, config: &NmsConfig) -> Vec<Detection> {
    let mut candidates = Vec::new();
    for (index, row) in predictions
        .chunks(5 + nc)
        .enumerate()
        .filter(|(_, row)| row[4] > config.confidence)
    {
        let scores: Vec<f32> = row[5..].iter().map(|p| p * row[4]).collect();
        let best = scores.iter().copied().fold(f32::MIN, f32::max);
        let first_best = scores.iter().position(|&score| score == best);
        for (class, &score) in scores.iter().enumerate() {
            let labelled = config.multi_label || first_best == Some(class);
            let wanted = config
                .classes
                .as_ref()
                .is_none_or(|classes| classes.contains(&class));
            if labelled && wanted && score > config.confidence {
                let bbox = BBox::from_cxcywh(row[0], row[1], row[2], row[3]);
                candidates.push(Detection {
                    bbox,
                    score,
                    class,
                    row: index,
                });
            }
        }
    }
    candidates.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap());
    candidates.truncate(config.max_candidates);
    let mut out = vec![false; candidates.len()];
    for i in 0..candidates.len() {
        for j in i + 1..candidates.len() {
            let (a, b) = (candidates[i], candidates[j]);
            let rivals = config.agnostic || a.class == b.class;
            out[j] |= !out[i] && rivals && config.iou.is_some_and(|iou| a.bbox.iou(&b.bbox) > iou);
        }
    }
    let kept = candidates
        .into_iter()
        .zip(out)
        .filter(|(_, out)| !out)
        .map(|(candidate, _)| candidate);
    kept.take(config.max_detections).collect()
}

#[test]
fn random_predictions_against_the_reference() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for round in 0..200 {
        let nc = rng.random_range(1..6);
        let rows = rng.random_range(0..120);
        let mut predictions = Vec::new();
        for _ in 0..rows {
            // Coarse steps, so that scores and boxes tie.
            predictions.extend((0..2).map(|_| rng.random_range(0..12) as f32 * 2.5));
            predictions.extend((0..2).map(|_| rng.random_range(1..8) as f32 * 2.5));
            predictions.extend((0..=nc).map(|_| rng.random_range(0..9) as f32 / 8.0));
        }
        let config = NmsConfig {
            confidence: [0.001, 0.25][rng.random_range(0..2)],
            iou: [Some(0.3), Some(0.45), Some(0.6), None][rng.random_range(0..4)],
            multi_label: rng.random(),
            agnostic: rng.random(),
            classes: rng.random_bool(0.3).then(|| vec![0, 3]),
            max_candidates: [30, 30_000][rng.random_range(0..2)],
            max_detections: [5, 300][rng.random_range(0..2)],
        };
        let kept = non_max_suppression(&predictions, nc, &config);
        assert_eq!(
            kept,
            reference(&predictions, nc, &config),
            "round {round}, {config:?}"
        );
    }
}
