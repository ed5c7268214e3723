//! The losses of heads that make masks against values and gradients that PyTorch computed.

mod common;

use ablate_detection::mask::MaskTargets;
use ablate_training::loss::{
    DetectionLoss, LossOutput, Outputs, Targets, Yolov5Hyp, Yolov5Loss, Yolov8Hyp, Yolov8Loss,
};
use burn::Tensor;
use burn::tensor::Device;

use common::{Fixture, STRIDES, by_level, device, values, worst};

const CLASSES: usize = 3;
const COEFFICIENTS: usize = 8;

fn yolov5() -> Yolov5Loss {
    let anchors = vec![
        vec![[10.0, 13.0], [16.0, 30.0], [33.0, 23.0]],
        vec![[30.0, 61.0], [62.0, 45.0], [59.0, 119.0]],
        vec![[116.0, 90.0], [156.0, 198.0], [373.0, 326.0]],
    ];
    Yolov5Loss::new(CLASSES, &anchors, &STRIDES, Yolov5Hyp::default())
        .unwrap()
        .with_masks(Some(COEFFICIENTS))
}

fn yolov8() -> Yolov8Loss {
    Yolov8Loss::new(CLASSES, 16, &STRIDES, Yolov8Hyp::default())
        .unwrap()
        .with_masks(Some(COEFFICIENTS))
}

fn masks(fixture: &Fixture, case: &str) -> MaskTargets {
    let key = format!("{case}.masks");
    let [_, height, width] = fixture.shape(&key)[..] else {
        panic!("batch, height, width")
    };
    MaskTargets {
        height,
        width,
        objects: fixture.bytes(&key).into_iter().map(u16::from).collect(),
    }
}

/// Compares a loss, its items in the fixture's order, and gradients by key.
#[track_caller]
fn check(
    fixture: &Fixture,
    case: &str,
    names: &[&str],
    output: LossOutput,
    order: [&str; 4],
    inputs: &[(&str, Tensor<1>)],
    tolerance: f32,
) {
    let error = worst(
        &values(output.total.clone()),
        &fixture.values(&format!("{case}.loss")),
    );
    assert!(error < 1e-6, "{case}: loss differs by {error:e}");
    let items = values(Tensor::cat(output.items, 0));
    let items = order.map(|name| items[names.iter().position(|own| *own == name).unwrap()]);
    let error = worst(
        &items,
        &fixture.values(&format!("{case}.items_{}", order.join("_"))),
    );
    assert!(error < 1e-6, "{case}: items differ by {error:e}");
    let gradients = output.total.backward();
    for (key, input) in inputs {
        let found = input
            .grad(&gradients)
            .map(values)
            .unwrap_or_else(|| vec![0.0; input.dims()[0]]);
        let error = worst(&found, &fixture.values(&format!("{case}.grad_{key}")));
        assert!(
            error < tolerance,
            "{case}: the gradient of {key} differs by {error:e}"
        );
    }
}

/// A leaf of one dimension, and the same in the fixture's shape.
fn leaf<const D: usize>(fixture: &Fixture, key: &str, device: &Device) -> (Tensor<1>, Tensor<D>) {
    let shape: [usize; D] = fixture.shape(key).try_into().unwrap();
    let flat = Tensor::<1>::from_floats(fixture.values(key).as_slice(), device).require_grad();
    (flat.clone(), flat.reshape(shape))
}

#[test]
fn that_of_yolov5_equals_pytorch() {
    let device = device().autodiff();
    let fixture = Fixture::open("yolov5_segment");
    for case in ["many", "none"] {
        let (flat, levels): (Vec<_>, Vec<_>) = ["p3", "p4", "p5"]
            .map(|key| leaf::<5>(&fixture, key, &device))
            .into_iter()
            .unzip();
        let (flat_proto, proto) = leaf::<4>(&fixture, "proto", &device);
        let boxes = fixture.values(&format!("{case}.targets"));
        let (masks, loss) = (masks(&fixture, case), yolov5());
        let targets = Targets {
            boxes: boxes.as_chunks::<6>().0,
            masks: Some(&masks),
        };
        let output = loss
            .forward(
                Outputs {
                    protos: Some(proto),
                    ..levels.into()
                },
                targets,
            )
            .unwrap();
        let inputs: Vec<_> = ["p3", "p4", "p5", "proto"]
            .into_iter()
            .zip(flat.into_iter().chain([flat_proto]))
            .collect();
        check(
            &fixture,
            case,
            loss.items(),
            output,
            ["box", "seg", "obj", "cls"],
            &inputs,
            1e-6,
        );
    }
}

#[test]
fn that_of_yolov8_equals_pytorch() {
    let device = device().autodiff();
    let fixture = Fixture::open("yolov8_segment");
    for case in ["many", "none"] {
        let (flat, maps): (Vec<_>, Vec<_>) = ["boxes", "scores", "coefficients"]
            .map(|key| leaf::<3>(&fixture, key, &device))
            .into_iter()
            .unzip();
        let (flat_proto, proto) = leaf::<4>(&fixture, "proto", &device);
        let all = Tensor::cat(maps, 1);
        let of = |key: &str| fixture.values(&format!("{case}.{key}"));
        let (images, classes, boxes) = (of("batch_idx"), of("cls"), of("bboxes_xywhn"));
        let rows = images.iter().zip(classes).zip(boxes.as_chunks::<4>().0);
        let boxes: Vec<[f32; 6]> = rows
            .map(|((image, class), [x, y, w, h])| [*image, class, *x, *y, *w, *h])
            .collect();
        let (masks, loss) = (masks(&fixture, case), yolov8());
        let outputs = Outputs {
            protos: Some(proto),
            ..by_level(&all, [64, 96]).into()
        };
        let output = loss
            .forward(
                outputs,
                Targets {
                    boxes: &boxes,
                    masks: Some(&masks),
                },
            )
            .unwrap();
        let keys = if case == "none" {
            &["scores"][..]
        } else {
            &["boxes", "scores", "coefficients", "proto"]
        };
        let all = ["boxes", "scores", "coefficients", "proto"]
            .into_iter()
            .zip(flat.into_iter().chain([flat_proto]));
        let inputs: Vec<_> = all.filter(|(key, _)| keys.contains(key)).collect();
        check(
            &fixture,
            case,
            loss.items(),
            output,
            ["box", "seg", "cls", "dfl"],
            &inputs,
            1e-5,
        );
    }
}

#[test]
fn masks_that_are_missing_or_do_not_fit_are_refused() {
    let device = device();
    let levels = || {
        [8, 4, 2]
            .map(|side| {
                Tensor::<5>::zeros([1, 1, side, side, 64 + CLASSES + COEFFICIENTS], &device)
            })
            .to_vec()
    };
    let boxes = [[0.0, 1.0, 0.5, 0.5, 0.5, 0.5]];
    let refused = |protos: Option<usize>, masks: Option<usize>| {
        let protos = protos.map(|count| Tensor::<4>::ones([1, count, 16, 16], &device));
        let masks = masks.map(|side| MaskTargets {
            height: side,
            width: side,
            objects: vec![1; side * side],
        });
        yolov8()
            .forward(
                Outputs {
                    protos,
                    ..levels().into()
                },
                Targets {
                    boxes: &boxes,
                    masks: masks.as_ref(),
                },
            )
            .unwrap_err()
            .to_string()
    };
    assert!(refused(None, Some(16)).contains("requires mask prototypes and target masks"));
    assert!(refused(Some(8), None).contains("requires mask prototypes and target masks"));
    assert!(
        refused(Some(4), Some(16))
            .contains("expected 8 mask prototypes, one for each coefficient, found 4")
    );
    assert!(
        refused(Some(8), Some(8))
            .contains("of height and width [16, 16], as the prototypes, found [8, 8]")
    );
}
