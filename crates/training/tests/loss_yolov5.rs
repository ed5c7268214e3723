//! The YOLOv5 loss against values and gradients that PyTorch computed.

mod common;

use ablate_training::loss::{
    AnchorMatcher, DetectionLoss, LossError, LossOutput, Yolov5Hyp, Yolov5Loss, bce_with_logits,
};
use burn::Tensor;

use common::{Fixture, STRIDES, device, values, worst};

fn anchors() -> Vec<Vec<[f32; 2]>> {
    vec![
        vec![[10.0, 13.0], [16.0, 30.0], [33.0, 23.0]],
        vec![[30.0, 61.0], [62.0, 45.0], [59.0, 119.0]],
        vec![[116.0, 90.0], [156.0, 198.0], [373.0, 326.0]],
    ]
}

fn loss(hyp: Yolov5Hyp) -> Yolov5Loss {
    Yolov5Loss::new(3, &anchors(), &STRIDES, hyp).unwrap()
}

fn targets(fixture: &Fixture) -> Vec<[f32; 6]> {
    fixture.values("targets").as_chunks::<6>().0.to_vec()
}

#[test]
fn equals_pytorch_in_values_and_gradients() {
    let device = device().autodiff();
    for (name, label_smoothing) in [("many", 0.0), ("none", 0.0), ("smooth", 0.1)] {
        let fixture = Fixture::open(&format!("yolov5_{name}"));
        let levels = ["p3", "p4", "p5"].map(|key| fixture.tensor::<5>(key, &device));
        let hyp = Yolov5Hyp {
            label_smoothing,
            ..Yolov5Hyp::default()
        };
        let LossOutput { total, items } = loss(hyp)
            .forward(levels.to_vec().into(), targets(&fixture).as_slice().into())
            .unwrap();

        let error = worst(&values(total.clone()), &fixture.values("loss"));
        assert!(error < 1e-6, "{name}: loss differs by {error:e}");
        let items = values(Tensor::cat(items, 0));
        let error = worst(&items, &fixture.values("items_box_obj_cls"));
        assert!(error < 1e-6, "{name}: items differ by {error:e}");

        let gradients = total.backward();
        for (key, level) in ["grad_p3", "grad_p4", "grad_p5"].iter().zip(levels) {
            let gradient = values(level.grad(&gradients).unwrap());
            let error = worst(&gradient, &fixture.values(key));
            assert!(error < 1e-6, "{name}: {key} differs by {error:e}");
        }
    }
}

#[test]
fn the_same_batch_gives_the_same_bits() {
    let device = device().autodiff();
    let fixture = Fixture::open("yolov5_many");
    let run = || {
        let levels = ["p3", "p4", "p5"].map(|key| fixture.tensor::<5>(key, &device));
        let total = loss(Yolov5Hyp::default())
            .forward(levels.to_vec().into(), targets(&fixture).as_slice().into())
            .unwrap()
            .total;
        let gradients = total.backward();
        levels.map(|level| values(level.grad(&gradients).unwrap()))
    };
    assert_eq!(run(), run());
}

#[test]
fn a_single_class_has_no_class_loss() {
    let device = device().autodiff();
    let loss = Yolov5Loss::new(1, &anchors(), &STRIDES, Yolov5Hyp::default()).unwrap();
    let levels = [8, 4, 2].map(|side| Tensor::<5>::zeros([1, 3, side, side, 6], &device));
    let output = loss
        .forward(
            levels.to_vec().into(),
            [[0.0, 0.0, 0.5, 0.5, 0.4, 0.4]].as_slice().into(),
        )
        .unwrap();
    let items = values(Tensor::cat(output.items, 0));
    assert!(items[0] > 0.0 && items[1] > 0.0);
    assert_eq!(items[2], 0.0);
}

#[test]
fn weights_of_positives_scale_their_part() {
    let device = device();
    let logits = Tensor::<1>::from_floats([0.3, -2.0, 5.0], &device);
    let targets = Tensor::<1>::from_floats([1.0, 0.25, 0.0], &device);
    let found = values(bce_with_logits(logits, targets, 2.5));
    let expected: Vec<f32> = [(0.3f64, 1.0f64), (-2.0, 0.25), (5.0, 0.0)]
        .map(|(x, t)| {
            let sigmoid = 1.0 / (1.0 + (-x).exp());
            (-(2.5 * t * sigmoid.ln() + (1.0 - t) * (1.0 - sigmoid).ln())) as f32
        })
        .to_vec();
    assert!(worst(&found, &expected) < 1e-6);
}

#[test]
fn a_box_is_matched_in_its_cell_and_the_two_nearest() {
    let matcher = AnchorMatcher {
        anchors: vec![[1.0, 1.0], [9.0, 1.0]],
        threshold: 4.0,
    };
    // Centre (2.25, 1.75) on a map of 4 × 4, two cells wide and high: the left and the lower
    // neighbour are nearer, and the second anchor is more than four times as wide.
    let target = [1.0, 2.0, 2.25 / 4.0, 1.75 / 4.0, 0.5, 0.5];
    let matches = matcher.matches(&[target], 4, 4);
    let image = 2 * 16;
    let cells: Vec<usize> = matches.iter().map(|m| m.cell).collect();
    assert_eq!(cells, [image + 4 + 2, image + 4 + 1, image + 2 * 4 + 2]);
    assert_eq!(matches[1].center, [1.25, 0.75]);
    assert!(
        matches
            .iter()
            .all(|m| m.class == 2 && m.size == [2.0, 2.0] && m.anchor == [1.0, 1.0])
    );
}

#[test]
fn a_ratio_of_just_the_threshold_does_not_match() {
    let matcher = AnchorMatcher {
        anchors: vec![[1.0, 1.0]],
        threshold: 4.0,
    };
    let matched = |side: f32| {
        let target = [0.0, 0.0, 0.5, 0.5, side / 8.0, 0.125];
        !matcher.matches(&[target], 8, 8).is_empty()
    };
    assert!(!matched(4.0) && matched(3.99));
    assert!(!matched(0.25) && matched(0.26));
}

#[test]
fn a_box_on_the_far_edge_stays_on_the_map() {
    let matcher = AnchorMatcher {
        anchors: vec![[1.0, 1.0]],
        threshold: 4.0,
    };
    let matches = matcher.matches(&[[0.0, 0.0, 1.0, 1.0, 0.25, 0.25]], 4, 4);
    assert!(!matches.is_empty());
    assert!(matches.iter().all(|m| m.cell < 16));
    assert_eq!(matches[0].cell, 15);
    assert_eq!(matches[0].center, [1.0, 1.0]);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let build = |hyp| {
        Yolov5Loss::new(3, &anchors(), &STRIDES, hyp)
            .unwrap_err()
            .to_string()
    };
    let focal = build(Yolov5Hyp {
        fl_gamma: 1.5,
        ..Yolov5Hyp::default()
    });
    assert!(focal.contains("fl_gamma: expected 0, found 1.5"), "{focal}");
    let anchor = build(Yolov5Hyp {
        anchor_t: 1.0,
        ..Yolov5Hyp::default()
    });
    assert!(
        anchor.contains("anchor_t: expected a number above 1, found 1"),
        "{anchor}"
    );
    let levels = Yolov5Loss::new(3, &anchors(), &[8, 16], Yolov5Hyp::default());
    assert_eq!(
        levels.unwrap_err(),
        LossError::Levels {
            anchors: 3,
            strides: 2
        }
    );

    let device = device();
    let level = |side| Tensor::<5>::zeros([2, 3, side, side, 8], &device);
    let forward = |levels: Vec<Tensor<5>>, target| {
        loss(Yolov5Hyp::default())
            .forward(levels.into(), [target].as_slice().into())
            .unwrap_err()
    };
    let good = vec![level(8), level(4), level(2)];
    let class = forward(good.clone(), [0.0, 3.0, 0.5, 0.5, 0.1, 0.1]);
    assert_eq!(
        class,
        LossError::Class {
            row: 0,
            class: 3.0,
            nc: 3
        }
    );
    let image = forward(good, [2.0, 0.0, 0.5, 0.5, 0.1, 0.1]);
    assert_eq!(
        image,
        LossError::Image {
            row: 0,
            image: 2.0,
            batch: 2
        }
    );
    let other = Tensor::<5>::zeros([2, 3, 2, 2, 9], &device);
    let shape = forward(vec![level(8), level(4), other], [0.0; 6]);
    assert!(
        matches!(shape, LossError::Shape { level: 2, .. }),
        "{shape}"
    );
}
