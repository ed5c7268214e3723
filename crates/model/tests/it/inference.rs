//! Networks that the CPU's engine runs give what Burn gives.

use ablate_model::{Catalog, Detector, Graph, inference::Execution, spec::Table};
use burn::{
    module::Module,
    tensor::{DType, Device, Distribution, Tensor},
};

use crate::{
    grid::{self, Scales},
    models::Shake,
};

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn graph(model: &str) -> Graph {
    let resolved = Catalog::builtin().resolve(&model.parse().unwrap());
    resolved.unwrap().graph(Some(3)).unwrap()
}

/// A fused network whose every number is moved, and images for it.
fn shaken(graph: &Graph, seed: u32, shape: [usize; 4]) -> (Detector, Tensor<4>) {
    let device = Device::flex();
    device.seed(u64::from(seed));
    let detector = Detector::new(graph, u64::from(seed), &device).map(&mut Shake(seed));
    let images = Tensor::random(shape, Distribution::Uniform(0.0, 1.0), &device);
    (detector.fuse(), images)
}

/// The largest difference of the head's raw maps, as a share of the largest number; None if the
/// network has no plan.
fn difference(graph: &Graph, model: &str, shape: [usize; 4]) -> Option<f32> {
    let (detector, images) = shaken(graph, 1, shape);
    let made = detector.make_plan(&images);
    match detector.execution(&images) {
        Execution::Plan => made.unwrap(),
        Execution::Operations { lacks } => {
            assert_eq!(Err(lacks.unwrap()), made, "{model}");
            return None;
        }
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
    let (detector, images) = shaken(&graph(model), 2, [2, 3, 96, 64]);
    assert_eq!(detector.make_plan(&images), Ok(()), "{model}");
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
        "yolov5n+ghost",
        "yolov5n+repvgg",
        "yolov8n",
        "yolov8n+asff",
        "yolov8n+fasternet",
        "yolov8n+ghost",
    ] {
        for shape in [[1, 3, 64, 96], [3, 3, 128, 64]] {
            let difference = difference(&graph(model), model, shape)
                .unwrap_or_else(|| panic!("{model}: no plan"));
            println!("{model} {shape:?}: {difference:e}");
            assert!(difference < 2e-5, "{model} {shape:?}: {difference:e}");
        }
    }
}

/// Families and variants with a block that the engine lacks: transposed convolutions, attention,
/// masks.
const WITHOUT: [&str; 7] = [
    "yolov6",
    "yolov10",
    "yolo11",
    "yolo12",
    "yolo26",
    "segment",
    "segment26",
];

/// Every family with every variant, as narrow as its blocks allow.
#[test]
fn networks_have_plans() {
    let catalog = Catalog::builtin();
    let mut without = Vec::new();
    for model in grid::models(&catalog, Scales::Smallest, grid::singles(&catalog)) {
        let name = model.name.to_string();
        let variants = model.name.variants.iter().map(|call| call.name.as_str());
        let parts: Vec<&str> = variants.chain([model.name.family.as_str()]).collect();
        match difference(&model.graph, &name, [2, 3, 64, 96]) {
            Some(difference) => assert!(difference < 5e-5, "{name}: {difference:e}"),
            None => {
                assert!(WITHOUT.iter().any(|lacks| parts.contains(lacks)), "{name}");
                without.push(name);
            }
        }
    }
    println!("without: {without:?}");
}

/// Rows that no family has, after a Conv of 32 channels at stride 4, whose image is row -3.
const ROWS: [&str; 14] = [
    "[-1, 1, SE, [4]]",
    "[-1, 1, ECA, [5]]",
    "[-1, 1, CBAM, [3]]",
    "[-1, 1, SimAM, []]",
    "[-1, 1, CoordConv, [24, 3]]",
    "[-1, 1, SPDConv, [24]]",
    "[-1, 1, Focus, [24, 3]]",
    "[-1, 1, nn.ZeroPad2d, [[1, 0, 1, 0]]]\n  - [-1, 1, nn.MaxPool2d, [2, 1]]",
    "[-1, 2, BottleneckCSP, [24]]",
    "[-1, 2, RepC3, [24]]",
    "[-1, 2, HGBlock, [16, 24, 5, True, False]]",
    "[-3, 1, HGStem, [16, 24]]",
    "[-1, 1, ResNetLayer, [32, 16, 2, False, 2]]",
    "[-1, 2, GhostNetBottleneck, [32, 48, 3, 1, 0.25]]",
];

fn after_convs(row: &str) -> Graph {
    let text = format!(
        "nc: 3\nbackbone:\n  - [-1, 1, Conv, [16, 3, 2]]\n  - [-1, 1, Conv, [32, 3, 2]]\n  - {row}\nhead:\n  - [[-1], 1, Detect, [nc]]\n"
    );
    let table = Table::from_yaml(&text, row).unwrap();
    let graph = Graph::resolve(&table, table.scales[0].1, table.nc);
    graph.unwrap_or_else(|error| panic!("{row}: {error}"))
}

#[test]
fn blocks_have_plans() {
    for row in ROWS {
        let graph = after_convs(row);
        for shape in [[1, 3, 64, 96], [3, 3, 32, 64]] {
            let difference = difference(&graph, row, shape);
            let difference = difference.unwrap_or_else(|| panic!("{row}: no plan"));
            assert!(difference < 2e-5, "{row} {shape:?}: {difference:e}");
        }
    }
}

/// Why a network has no plan.
#[test]
fn what_a_plan_lacks_is_named() {
    let device = Device::flex();
    let images = Tensor::zeros([1, 3, 64, 64], &device);
    let operations = |lacks: Option<&str>| Execution::Operations {
        lacks: lacks.map(String::from),
    };
    // A pool that the engine does not have.
    let own = after_convs("[-1, 1, nn.MaxPool2d, [1, 1, 0, 2]]");
    let own = Detector::new(&own, 0, &device);
    assert_eq!(own.execution(&images), operations(None));
    let lacks = operations(Some("row 2, nn.MaxPool2d"));
    assert_eq!(own.fuse().execution(&images), lacks);
    let fused = Detector::new(&graph("yolov5n"), 0, &device).fuse();
    assert_eq!(fused.execution(&images), Execution::Plan);
    let half = images.cast(DType::F16);
    assert_eq!(fused.execution(&half), operations(None));
    assert_eq!(
        fused.make_plan(&half),
        Err("plans are for the device flex and the number format f32".into())
    );
}
