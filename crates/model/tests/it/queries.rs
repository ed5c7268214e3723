//! A head of queries, RT-DETR's, against PyTorch.

use ablate_model::{Cost, Detector, Graph, spec::Table};
use burn::tensor::{Device, Tensor};
use serde::Deserialize;

use crate::{device::device, support::Golden};

const TABLE: &str = include_str!("../fixtures/queries.yaml");
const IMAGE: [usize; 4] = [2, 3, 64, 96];

#[derive(Deserialize)]
struct Header {
    params: u64,
    /// 2 × multiply-accumulates for one image.
    flops: u64,
}

fn graph() -> Graph {
    let table = Table::from_yaml(TABLE, "queries.yaml").unwrap();
    let (_, scaling) = table.scales[0];
    Graph::resolve(&table, scaling, table.nc).unwrap()
}

/// Queries in their order, boxes in pixels, logits; as it is and folded.
#[test]
fn queries_equal_pytorch() {
    let device = device();
    let golden = Golden::open("queries.safetensors");
    let header: Header = golden.header().unwrap();
    let graph = graph();
    let cost = Cost::of(&graph, IMAGE[2], IMAGE[3]).unwrap();
    assert_eq!(cost.params(), header.params);
    assert_eq!(2 * cost.total.macs, header.flops);
    let image: Tensor<4> = golden.tensor_or_rule("x", IMAGE, &device);
    let mut detector = Detector::new(&graph, 0, &device);
    golden.fill_or_rule(&mut detector);
    for detector in [detector.clone(), detector.fuse()] {
        let raw = detector.forward(image.clone());
        assert_eq!(raw.len(), 1, "one map of all queries");
        golden.assert("raw_p3", raw[0].clone());
        // The box as it is, objectness 1, probabilities.
        let decoded = detector.decode(raw.clone());
        assert_eq!(decoded.dims(), [2, 20, 5 + 3]);
        let boxes = |x: Tensor<3>| x.narrow(2, 0, 4).into_data();
        assert_eq!(
            boxes(decoded.clone()),
            boxes(raw[0].clone().reshape([2, 20, 7]))
        );
        let rest: Vec<f32> = decoded.narrow(2, 4, 4).into_data().try_into_vec().unwrap();
        assert!(rest.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}

/// An image with fewer cells than queries decodes all of its cells.
#[test]
fn few_cells_are_all_queries() {
    let text = TABLE.replace("32, 20, 3", "32, 300, 3");
    let table = Table::from_yaml(&text, "queries.yaml").unwrap();
    let graph = Graph::resolve(&table, table.scales[0].1, 3).unwrap();
    let device = Device::flex();
    let detector = Detector::new(&graph, 0, &device).fuse();
    let raw = detector.forward(Tensor::zeros([1, 3, 64, 64], &device));
    assert_eq!(raw[0].dims(), [1, 1, 1, 64 + 16 + 4, 7]);
}
