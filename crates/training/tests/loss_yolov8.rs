//! The YOLOv8 loss against values and gradients that PyTorch computed.

mod common;

use ablate_training::loss::{DetectionLoss, LossError, LossOutput, Yolov8Hyp, Yolov8Loss};
use burn::Tensor;

use burn::tensor::{Device, TensorData};

use common::{Fixture, STRIDES, by_level, device, values, ways, worst};

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
    let names = ["many", "none"].into_iter();
    for (name, on_device) in names.flat_map(|name| ways().into_iter().map(move |way| (name, way))) {
        let fixture = Fixture::open(&format!("yolov8_{name}"));
        let (boxes, scores) = (
            fixture.tensor::<3>("boxes", &device),
            fixture.tensor::<3>("scores", &device),
        );
        let all = Tensor::cat(vec![boxes.clone(), scores.clone()], 1);
        let LossOutput { total, items } = loss(Yolov8Hyp::default())
            .unwrap()
            .assigning_on_device(on_device)
            .forward(
                by_level(&all, [128, 192]).into(),
                targets(&fixture).as_slice().into(),
            )
            .unwrap();

        let name = format!("{name}, on the device: {on_device}");
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

/// Logits of three images of 64 × 96 pixels.
fn logits(outputs: usize, device: &Device, value: impl FnMut(usize) -> f32) -> Tensor<3> {
    let cells = STRIDES.iter().map(|s| (64 / s) * (96 / s)).sum::<usize>();
    let values: Vec<f32> = (0..3 * outputs * cells).map(value).collect();
    let shape = [3, outputs, cells];
    Tensor::from_data(TensorData::new(values, shape), device).require_grad()
}

/// Of the first image and the last.
const TARGETS: [[f32; 6]; 5] = [
    [0.0, 1.0, 0.4, 0.5, 0.5, 0.6],
    [0.0, 0.0, 0.5, 0.5, 0.4, 0.7],
    [0.0, 2.0, 0.9, 0.1, 0.02, 0.01],
    [2.0, 2.0, 0.3, 0.3, 0.3, 0.4],
    [2.0, 1.0, 0.35, 0.3, 0.3, 0.5],
];

/// Items, and the gradient of the logits.
fn learnt(all: &Tensor<3>, reg_max: usize, targets: &[[f32; 6]], on_device: bool) -> [Vec<f32>; 2] {
    let LossOutput { total, items } =
        Yolov8Loss::new(CLASSES, reg_max, &STRIDES, Yolov8Hyp::default())
            .unwrap()
            .assigning_on_device(on_device)
            .forward(by_level(all, [64, 96]).into(), targets.into())
            .unwrap();
    let gradients = total.backward();
    [
        values(Tensor::cat(items, 0)),
        values(all.grad(&gradients).unwrap()),
    ]
}

#[test]
fn the_device_and_the_host_agree() {
    for reg_max in [1, 16] {
        let mut state = 7u32;
        let all = logits(4 * reg_max + CLASSES, &device().autodiff(), |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 22) as f32 - 1.0
        });
        for targets in [TARGETS.as_slice(), &[]] {
            let host = learnt(&all, reg_max, targets, false);
            for on_device in ways() {
                let found = learnt(&all, reg_max, targets, on_device);
                for (found, host) in found.iter().zip(&host) {
                    let error = worst(found, host);
                    assert!(error < 1e-5, "{reg_max}: off by {error:e}");
                }
            }
        }
    }
}

/// Also of cells that answer for no box and predict one whose slope is infinite: without a height,
/// as 1e-7 is added to it.
#[test]
fn extreme_logits_have_finite_gradients() {
    let logit = |at: usize| match at % 7 {
        0 | 4 => 80.0,
        1 | 5 => -80.0,
        2 => 3.0,
        3 => -1e-7,
        _ => 0.0,
    };
    for reg_max in [1, 16] {
        let outputs = 4 * reg_max + CLASSES;
        for all in [
            logits(outputs, &device().autodiff(), logit),
            logits(outputs, &device().autodiff(), |_| 80.0),
            logits(outputs, &device().autodiff(), |_| -80.0),
            // Top and bottom are each other's opposite.
            logits(outputs, &device().autodiff(), |at| {
                match at / 126 % outputs / reg_max {
                    1 => -1e-7,
                    3 => 0.0,
                    _ => 1.0,
                }
            }),
        ] {
            let [items, gradient] = learnt(&all, reg_max, &TARGETS, true);
            let numbers = items.iter().chain(&gradient);
            let infinite = numbers.filter(|number| !number.is_finite()).count();
            assert_eq!(infinite, 0, "of {outputs} outputs");
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
