use ablate_model::{Catalog, Cost, Detector, Graph, ModelName, spec::Table};
use burn::{module::Module, tensor::Device};
use serde::Deserialize;

use crate::{
    grid::{self, Model, Scales},
    support::fixture,
};

#[derive(Deserialize)]
struct GoldenCost {
    family: String,
    variant: String,
    scale: String,
    nc: usize,
    params: u64,
    flops_exact_640: u64,
    gflops_thop_640: Option<f64>,
    layers: Vec<u64>,
}

fn golden() -> Vec<GoldenCost> {
    serde_json::from_str(&std::fs::read_to_string(fixture("cost.json")).unwrap()).unwrap()
}

fn graph(row: &GoldenCost) -> Graph {
    let name = ModelName::baseline(&row.family, &row.scale)
        .with_variants(&row.variant)
        .unwrap();
    let model = Catalog::builtin().resolve(&name).unwrap();
    model.graph(Some(row.nc)).unwrap()
}

#[test]
fn costs_are_the_published_ones() {
    let rows = golden();
    assert!(rows.len() >= 20);
    for row in &rows {
        let cost = Cost::of(&graph(row), 640, 640).unwrap();
        let place = format!("{} {} {} nc {}", row.family, row.variant, row.scale, row.nc);
        assert_eq!(cost.params(), row.params, "parameters of {place}");
        assert_eq!(
            2 * cost.total.macs,
            row.flops_exact_640,
            "exact FLOPs of {place}"
        );
        if let Some(published) = row.gflops_thop_640 {
            assert_eq!(
                (cost.gflops() * 1e4).round() / 1e4,
                published,
                "published GFLOPs of {place}"
            );
        }
        if !row.layers.is_empty() {
            let layers: Vec<u64> = cost.nodes.iter().map(|(tally, _)| tally.params).collect();
            assert_eq!(layers, row.layers, "parameters by row of {place}");
        }
    }
}

#[test]
fn mobilenetv2_at_depth_and_width_one() {
    let row = GoldenCost {
        family: "yolov5".into(),
        variant: "mobilenetv2".into(),
        scale: "l".into(),
        nc: 80,
        params: 5_662_397,
        flops_exact_640: 0,
        gflops_thop_640: Some(11.5),
        layers: vec![],
    };
    let cost = Cost::of(&graph(&row), 640, 640).unwrap();
    assert_eq!(cost.params(), row.params);
    assert_eq!((cost.gflops() * 10.0).round() / 10.0, 11.5);
}

/// Every model of the grid, and arguments and combinations: what `cost` and `graph` predict is what
/// the module holds and gives.
#[test]
fn predictions_hold_for_every_model() {
    let device = Device::flex();
    let more = [
        "ghost+asff",
        "gsconv+asff:order=sequential,rfb=true",
        "mobilenetv2:act=relu6+gsconv",
        "fasternet:size=t0+ghost+asff",
        "slimneck+repvgg+asff",
        "fasternet:layer_scale=0.01",
    ];
    // At a narrow width: the same depth, less memory. FasterNet's widths are its own.
    let catalog = Catalog::builtin();
    let singles = grid::models(&catalog, Scales::All, &grid::singles(&catalog));
    for Model { name, graph } in singles.chain(grid::models(&catalog, Scales::Smallest, &more)) {
        let cost = Cost::of(&graph, 64, 96).unwrap();
        let detector = Detector::new(&graph, 0, &device);
        assert_eq!(trainable(&detector), cost.params(), "parameters of {name}");
        if catalog.scales(&name.family)[0] != name.scale {
            continue; // Shapes are compared at one scale, and row by row in counted.rs.
        }
        let raw = detector.forward(burn::tensor::Tensor::zeros([1, 3, 64, 96], &device));
        let (_, shapes) = cost.nodes.last().unwrap();
        let detect = graph.detect();
        for (map, shape) in raw.iter().zip(shapes) {
            let boxes = detect.boxes_per_cell();
            assert_eq!(
                map.dims(),
                [1, boxes, shape.h, shape.w, detect.outputs()],
                "a level of {name}"
            );
        }
    }
}

/// The blocks that no built-in model has, in one table.
#[test]
fn predictions_hold_for_the_other_blocks() {
    let table = Table::from_yaml(
        include_str!("../fixtures/other_blocks.yaml"),
        "other_blocks",
    )
    .unwrap();
    let scaling = table.scales[0].1;
    let graph = Graph::resolve(&table, scaling, 3).unwrap();
    let cost = Cost::of(&graph, 64, 96).unwrap();
    let detector = Detector::new(&graph, 0, &Device::flex());
    assert_eq!(trainable(&detector), cost.params());
    let raw = detector.forward(burn::tensor::Tensor::zeros([1, 3, 64, 96], &Device::flex()));
    assert_eq!(
        raw.iter().map(|map| map.dims()).collect::<Vec<_>>(),
        [[1, 1, 4, 6, 67], [1, 1, 2, 3, 67]]
    );
}

/// Levels from stride 4 to stride 64, with anchors and without.
#[test]
fn a_head_has_as_many_levels_as_its_row_reads() {
    let text = include_str!("../fixtures/p2_to_p6.yaml");
    for (row, boxes, outputs) in [("[nc, anchors]", 2, 8), ("[nc]", 1, 67)] {
        let table = Table::from_yaml(&text.replace("[nc, anchors]", row), "p2_to_p6").unwrap();
        let graph = Graph::resolve(&table, table.scales[0].1, 3).unwrap();
        assert_eq!(graph.detect().strides, [4, 8, 16, 32, 64]);
        let detector = Detector::new(&graph, 0, &Device::flex());
        assert_eq!(
            trainable(&detector),
            Cost::of(&graph, 64, 128).unwrap().params()
        );
        let raw = detector.forward(burn::tensor::Tensor::zeros(
            [1, 3, 64, 128],
            &Device::flex(),
        ));
        let sides: Vec<[usize; 5]> = raw.iter().map(|map| map.dims()).collect();
        assert_eq!(
            sides,
            [16, 8, 4, 2, 1].map(|height| [1, boxes, height, 2 * height, outputs])
        );
        assert_eq!(
            detector.decode(raw).dims(),
            [1, boxes * (16 * 32 + 8 * 16 + 4 * 8 + 2 * 4 + 2), 8]
        );
    }
}

/// Parameters of a module without its running statistics.
fn trainable(detector: &Detector) -> u64 {
    use burn_store::ModuleSnapshot;
    let running: usize = detector
        .collect(None, None, true)
        .iter()
        .filter(|tensor| tensor.name.contains("running_"))
        .map(|tensor| tensor.shape.num_elements())
        .sum();
    let all: usize = detector
        .collect(None, None, true)
        .iter()
        .map(|tensor| tensor.shape.num_elements())
        .sum();
    assert_eq!(detector.num_params(), all);
    (all - running) as u64
}
