//! Networks that the CPU's engine runs give what Burn gives.

use ablate_model::{Catalog, Detector};
use burn::{
    module::Module,
    tensor::{Device, Distribution, Tensor},
};

use crate::models::Shake;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// A fused network whose every number is moved, and images for it.
fn shaken(model: &str, seed: u32, shape: [usize; 4]) -> (Detector, Tensor<4>) {
    let name = model.parse().unwrap();
    let graph = Catalog::builtin()
        .resolve(&name)
        .unwrap()
        .graph(Some(3))
        .unwrap();
    let device = Device::flex();
    device.seed(u64::from(seed));
    let detector = Detector::new(&graph, u64::from(seed), &device).map(&mut Shake(seed));
    let images = Tensor::random(shape, Distribution::Uniform(0.0, 1.0), &device);
    (detector.fuse(), images)
}

/// The largest difference of the head's raw maps, as a share of the largest number; None if the
/// network has no plan.
fn difference(model: &str, shape: [usize; 4]) -> Option<f32> {
    let (detector, images) = shaken(model, 1, shape);
    if !detector.has_plan(&images) {
        return None;
    }
    let burns = detector.row_outputs(images.clone()).pop().unwrap();
    let outputs = detector.detect().outputs();
    let levels = detector.forward(images).into_iter().map(|level| {
        let [batch, anchors, height, width, _] = level.dims();
        level
            .permute([0, 1, 4, 2, 3])
            .reshape([batch, anchors * outputs, height, width])
    });
    let mut worst = 0.0_f32;
    for (found, expected) in levels.zip(burns) {
        let (found, expected) = (values(found), values(expected));
        assert_eq!(found.len(), expected.len(), "{model}");
        let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(largest > 1e-3, "{model}: {largest}");
        for (a, b) in found.iter().zip(&expected) {
            assert!(a.is_finite(), "{model}");
            worst = worst.max((a - b).abs() / largest);
        }
    }
    Some(worst)
}

/// Predictions by plan against those by tensors; of probabilities and of pixels.
fn difference_of_predictions(model: &str) -> f32 {
    let (detector, images) = shaken(model, 2, [2, 3, 96, 64]);
    assert!(detector.has_plan(&images), "{model}");
    let (found, _) = detector.predict(images.clone());
    let expected = detector.decode(detector.forward(images));
    assert_eq!(found.dims(), expected.dims());
    let pairs = values(found).into_iter().zip(values(expected));
    let difference = |(a, b): (f32, f32)| (a - b).abs() / b.abs().max(1.0);
    pairs.map(difference).fold(0.0, f32::max)
}

#[test]
fn predictions_are_those_of_tensors() {
    for model in ["yolov5n", "yolov8n", "yolov5n+asff", "yolov8n+mobilenetv2"] {
        let difference = difference_of_predictions(model);
        assert!(difference < 2e-5, "{model}: {difference:e}");
    }
}

#[test]
fn plans_give_what_burn_gives() {
    for model in [
        "yolov5n",
        "yolov5n+gsconv",
        "yolov5n+gsconvns",
        "yolov5n+slimneck",
        "yolov5n+asff",
        "yolov5n+asff:order=sequential,rfb=true",
        "yolov5n+mobilenetv2",
        "yolov5n+fasternet",
        "yolov5n+ghost-static",
        "yolov5n+repvgg",
        "yolov8n",
        "yolov8n+asff",
        "yolov8n+fasternet",
    ] {
        for shape in [[1, 3, 64, 96], [3, 3, 128, 64]] {
            let difference = difference(model, shape).unwrap_or_else(|| panic!("{model}: no plan"));
            println!("{model} {shape:?}: {difference:e}");
            assert!(difference < 2e-5, "{model} {shape:?}: {difference:e}");
        }
    }
}
