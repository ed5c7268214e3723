//! Networks that the CPU's engine runs give what Burn gives.

use ablate_model::{Catalog, Detector};
use burn::{
    module::Module,
    tensor::{Device, Distribution, Tensor},
};

use crate::{
    grid::{self, Model, Scales},
    models::Shake,
};

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

/// The largest difference of the head's raw maps and mask prototypes, as a share of the largest number; None if the
/// network has no plan.
fn difference(model: &str, shape: [usize; 4]) -> Option<f32> {
    let (detector, images) = shaken(model, 1, shape);
    if !detector.has_plan(&images) {
        return None;
    }
    let burns = detector.row_outputs(images.clone()).pop().unwrap();
    let outputs = detector.detect().outputs();
    let found = detector.outputs(images);
    assert_eq!(
        found.levels.len() + usize::from(found.protos.is_some()),
        burns.len(),
        "{model}"
    );
    let levels = found.levels.into_iter().map(|level| {
        let [batch, anchors, height, width, _] = level.dims();
        level
            .permute([0, 1, 4, 2, 3])
            .reshape([batch, anchors * outputs, height, width])
    });
    let mut worst = 0.0_f32;
    for (found, expected) in levels.chain(found.protos).zip(burns) {
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
    let (found, protos) = detector.predict(images.clone());
    let expected = detector.outputs(images);
    let boxes = detector.decode(expected.levels);
    assert_eq!(found.dims(), boxes.dims());
    let shape = |protos: &Option<Tensor<4>>| protos.as_ref().map(Tensor::dims);
    assert_eq!(shape(&protos), shape(&expected.protos), "{model}");
    let all = |boxes: Tensor<3>, protos: Option<Tensor<4>>| {
        let protos = protos.into_iter().flat_map(values);
        values(boxes)
            .into_iter()
            .chain(protos)
            .collect::<Vec<f32>>()
    };
    let pairs = all(found, protos)
        .into_iter()
        .zip(all(boxes, expected.protos));
    let difference = |(a, b): (f32, f32)| (a - b).abs() / b.abs().max(1.0);
    pairs.map(difference).fold(0.0, f32::max)
}

#[test]
fn predictions_are_those_of_tensors() {
    for model in [
        "yolov5n",
        "yolov8n",
        "yolov5n+asff",
        "yolov8n+mobilenetv2",
        "yolo26n",
        "yolov5n+segment",
        "yolov8n+segment",
        "yolo26n+segment26",
    ] {
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
        "yolov10n",
        "yolov10s",
        "yolo11n",
        "yolo11m",
        "yolo12n",
        "yolo12l",
        "yolo26n",
        "yolo26m",
        "yolov5n+segment",
        "yolov8n+segment",
        "yolo11n+segment",
        "yolo26n+segment26",
    ] {
        for shape in [[1, 3, 64, 96], [3, 3, 128, 64]] {
            let difference = difference(model, shape).unwrap_or_else(|| panic!("{model}: no plan"));
            println!("{model} {shape:?}: {difference:e}");
            assert!(difference < 2e-5, "{model} {shape:?}: {difference:e}");
        }
    }
}

/// Modules of the catalog's tables that have no plan.
const WITHOUT: [&str; 16] = [
    "AConv",
    "ADown",
    "C2fDynamicGhost",
    "C3DynamicGhost",
    "CBAM",
    "CBFuse",
    "CBLinear",
    "CoordConv",
    "ECA",
    "ELAN1",
    "RepNCSPELAN4",
    "SE",
    "SPDConv",
    "SPPELAN",
    "SimAM",
    "nn.ZeroPad2d",
];

/// Every family, and every variant alone, at its smallest scale: none loses its plan unseen.
#[test]
fn models_have_plans() {
    let catalog = Catalog::builtin();
    let device = Device::flex();
    let images = Tensor::zeros([1, 3, 64, 96], &device);
    let mut otherwise = Vec::new();
    for Model { name, graph } in grid::models(&catalog, Scales::Smallest, grid::singles(&catalog)) {
        let mut modules = graph.nodes.iter().map(|node| node.row.module.as_str());
        let expected = !modules.any(|module| WITHOUT.contains(&module));
        let found = Detector::new(&graph, 0, &device).fuse().has_plan(&images);
        if found != expected {
            otherwise.push(format!("{name}: {found}"));
        }
    }
    assert!(otherwise.is_empty(), "has a plan: {otherwise:#?}");
}
