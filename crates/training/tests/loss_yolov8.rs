//! The YOLOv8 loss against values and gradients that PyTorch computed.

mod common;

use ablate_training::loss::{DetectionLoss, LossError, LossOutput, Yolov8Hyp, Yolov8Loss};
use burn::Tensor;

use common::{Fixture, STRIDES, by_level, device, values, worst};

const CLASSES: usize = 3;

fn loss(hyp: Yolov8Hyp) -> Result<Yolov8Loss, LossError> {
    Yolov8Loss::new(CLASSES, 16, &STRIDES, hyp)
}

fn targets(fixture: &Fixture) -> Vec<[f32; 6]> {
    let (images, classes, boxes) = (
        fixture.values("batch_idx"),
        fixture.values("cls"),
        fixture.values("bboxes_xywhn"),
    );
    let boxes = boxes.as_chunks::<4>().0;
    images
        .iter()
        .zip(classes)
        .zip(boxes)
        .map(|((image, class), [x, y, w, h])| [*image, class, *x, *y, *w, *h])
        .collect()
}

#[test]
fn equals_pytorch_in_values_and_gradients() {
    let device = device().autodiff();
    for name in ["many", "none"] {
        let fixture = Fixture::open(&format!("yolov8_{name}"));
        let (boxes, scores) = (
            fixture.tensor::<3>("boxes", &device),
            fixture.tensor::<3>("scores", &device),
        );
        let all = Tensor::cat(vec![boxes.clone(), scores.clone()], 1);
        let LossOutput { total, items } = loss(Yolov8Hyp::default())
            .unwrap()
            .forward(
                by_level(&all, [128, 192]).into(),
                targets(&fixture).as_slice().into(),
            )
            .unwrap();

        let error = worst(&values(total.clone()), &fixture.values("loss_sum"));
        assert!(error < 1e-6, "{name}: loss differs by {error:e}");
        let items = values(Tensor::cat(items, 0));
        let error = worst(&items, &fixture.values("items_box_cls_dfl"));
        assert!(error < 1e-6, "{name}: items differ by {error:e}");

        let gradients = total.backward();
        for (key, logits) in [("grad_boxes", boxes), ("grad_scores", scores)] {
            let gradient = logits
                .grad(&gradients)
                .map_or_else(|| vec![0.0; fixture.values(key).len()], values);
            let error = worst(&gradient, &fixture.values(key));
            assert!(error < 1e-5, "{name}: {key} differs by {error:e}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = device();
    let level =
        |side: usize, outputs: usize| Tensor::<5>::zeros([2, 1, side, side, outputs], &device);
    let eight = loss(Yolov8Hyp::default()).unwrap();
    let refused = |levels: Vec<Tensor<5>>, targets: &[[f32; 6]]| {
        eight
            .forward(levels.into(), targets.into())
            .unwrap_err()
            .to_string()
    };
    let fitting = || vec![level(8, 67), level(4, 67), level(2, 67)];
    assert!(refused(vec![level(8, 67)], &[]).contains("expected 3 levels of logits, found 1"));
    assert!(
        refused(vec![level(8, 67), level(4, 66), level(2, 67)], &[])
            .contains("found [2, 1, 4, 4, 66]")
    );
    assert!(
        refused(fitting(), &[[0.0, 3.0, 0.5, 0.5, 0.1, 0.1]])
            .contains("target 0: expected a class from 0 to below 3, found 3")
    );
    assert!(
        refused(fitting(), &[[2.0, 0.0, 0.5, 0.5, 0.1, 0.1]])
            .contains("target 0: expected an image from 0 to below 2, found 2")
    );
    let error = loss(Yolov8Hyp {
        dfl: -1.0,
        ..Yolov8Hyp::default()
    })
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("dfl: expected a finite number of at least 0, found -1"),
        "{error}"
    );
}
