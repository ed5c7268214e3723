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

/// The largest difference of the head's raw maps and mask prototypes, as a share of the largest number; None if the
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
    let (detector, images) = shaken(&graph(model), 2, [2, 3, 96, 64]);
    assert_eq!(detector.make_plan(&images), Ok(()), "{model}");
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
        "yolov5n+ghost",
        "yolov5n+repvgg",
        "yolov8n",
        "yolov8n+asff",
        "yolov8n+fasternet",
        "yolov8n+ghost",
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
            let difference = difference(&graph(model), model, shape)
                .unwrap_or_else(|| panic!("{model}: no plan"));
            println!("{model} {shape:?}: {difference:e}");
            assert!(difference < 2e-5, "{model} {shape:?}: {difference:e}");
        }
    }
}

/// Every family with every variant, as narrow as its blocks allow.
#[test]
fn networks_have_plans() {
    let catalog = Catalog::builtin();
    for model in grid::models(&catalog, Scales::Smallest, grid::singles(&catalog)) {
        let name = model.name.to_string();
        let difference = difference(&model.graph, &name, [2, 3, 64, 96]);
        let difference = difference.unwrap_or_else(|| panic!("{name}: no plan"));
        assert!(difference < 5e-5, "{name}: {difference:e}");
    }
}

/// Rows that no family has, after a Conv of 32 channels at stride 4, whose image is row -3.
const ROWS: [&str; 24] = [
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
    "[-1, 1, nn.Upsample, [[16, 16]]]",
    "[-1, 1, nn.Upsample, [None, 2, bilinear]]",
    "[-1, 1, nn.Upsample, [None, 4, bilinear, True]]",
    "[-1, 1, nn.Upsample, [[16, 16], None, bilinear]]",
    "[-1, 1, nn.ConvTranspose2d, [24, 2, 2]]",
    "[-1, 1, nn.ConvTranspose2d, [24, 4, 4, 0, 0, 1, False]]",
    "[-1, 1, Conv, [40, 1]]\n  - [-1, 1, PSA, [40, 0.75]]",
    "[-1, 2, C3k2, [40, False, 1.0, True]]",
    "[-1, 2, A2C2f, [64, True, 4, False, 1.5]]",
    "[-1, 2, C2fCIB, [40, True, True]]",
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

/// Transposed convolutions whose squares overlap, or lie apart; more than one group.
#[test]
fn what_has_no_plan_runs_by_operations() {
    for args in [
        "[24, 3, 2, 1, 1]",
        "[24, 1, 2, 0, 1]",
        "[32, 2, 2, 0, 0, 2]",
    ] {
        let graph = after_convs(&format!("[-1, 1, nn.ConvTranspose2d, {args}]"));
        assert_eq!(difference(&graph, args, [2, 3, 64, 96]), None, "{args}");
        let (detector, images) = shaken(&graph, 1, [2, 3, 64, 96]);
        assert_eq!(detector.forward(images).len(), 1, "{args}");
    }
}
