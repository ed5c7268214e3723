//! Networks that the CPU's engine runs give what Burn gives.

use ablate_model::{Catalog, Detector, Graph, spec::Table};
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

/// A fused network whose every number is moved, and images for it: of a name, or of a table's rows
/// before the head.
fn shaken(model: &str, seed: u32, shape: [usize; 4]) -> (Detector, Tensor<4>) {
    let graph = if model.starts_with('[') {
        let head = "[[-1], 1, Detect, [nc]]";
        let text = format!("nc: 3\nbackbone: [{model}]\nhead: [{head}]\n");
        let table = Table::from_yaml(&text, "own").unwrap();
        Graph::resolve(&table, table.scaling("").unwrap(), 3).unwrap()
    } else {
        let resolved = Catalog::builtin().resolve(&model.parse().unwrap());
        resolved.unwrap().graph(Some(3)).unwrap()
    };
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

/// Rows that no built-in model has.
#[test]
fn rows_with_plans_give_what_burn_gives() {
    for row in [
        "[-1, 1, nn.Upsample, [None, 2, bilinear]]",
        "[-1, 1, nn.Upsample, [None, 4, bilinear, True]]",
        "[-1, 1, nn.Upsample, [[16, 16], None, bilinear]]",
        "[-1, 1, nn.ConvTranspose2d, [24, 2, 2]]",
        "[-1, 1, nn.ConvTranspose2d, [24, 4, 4, 0, 0, 1, False]]",
        "[-1, 1, PSA, [40, 0.75]]",
        "[-1, 2, C3k2, [40, False, 1.0, True]]",
        "[-1, 2, A2C2f, [64, True, 4, False, 1.5]]",
        "[-1, 2, C2fCIB, [40, True, True]]",
    ] {
        let rows = format!("[-1, 1, Conv, [40, 3, 8]], {row}, [-1, 1, Conv, [40, 3, 2]]");
        let difference = difference(&rows, [2, 3, 64, 96]).unwrap_or_else(|| panic!("{row}"));
        assert!(difference < 2e-5, "{row}: {difference:e}");
    }
    // Squares that overlap, or that lie apart; more than one group.
    for args in [
        "[24, 3, 2, 1, 1]",
        "[24, 1, 2, 0, 1]",
        "[40, 2, 2, 0, 0, 2]",
    ] {
        let rows = format!("[-1, 1, Conv, [40, 3, 8]], [-1, 1, nn.ConvTranspose2d, {args}]");
        assert_eq!(difference(&rows, [2, 3, 64, 96]), None, "{args}");
        let (detector, images) = shaken(&rows, 1, [2, 3, 64, 96]);
        assert_eq!(detector.forward(images).len(), 1, "{args}");
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
