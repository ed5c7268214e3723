//! What really runs is what the costs say: the multiply-accumulates are counted as convolutions and
//! products run, and every row's outputs have the predicted shapes.

use ablate_kernels::multiply_accumulates;
use ablate_model::{Catalog, Cost, Detector, Graph, registry::NAMES, spec::Table};
use burn::tensor::{Device, Tensor};

use crate::grid::{self, Scales};

const BATCH: usize = 2;
const SIDES: [usize; 2] = [64, 96];

/// Rows of each registered module. Rows 0 to 2 before them are Convs of 16, 24 and 32 channels at
/// strides 2, 4 and 8, and -4 is the image; a head reads the three of them.
const ROWS: [(&str, &[&str]); 27] = [
    (
        "Conv",
        &[
            "[-1, 1, Conv, [24]]",
            "[-1, 1, Conv, [24, 3, 2, None, 1, 1, relu]]",
            "[-1, 3, Conv, [32, 5, 1, None, 4, 2, False]]",
            "[-1, 1, Conv, [40, 4, 3, 0, 8]]",
        ],
    ),
    (
        "C3",
        &[
            "[-1, 1, C3, [24]]",
            "[-1, 3, C3, [40, False, 1, 0.75]]",
            "[-1, 2, C3, [32, True, 4]]",
        ],
    ),
    (
        "C2f",
        &[
            "[-1, 1, C2f, [24, True]]",
            "[-1, 3, C2f, [40, False, 1, 0.75]]",
            "[-1, 2, C2f, [32, True, 4]]",
        ],
    ),
    (
        "DWConv",
        &[
            "[-1, 1, DWConv, [32, 3, 2]]",
            "[-1, 2, DWConv, [32, 5, 1, 2, relu]]",
            "[-1, 1, DWConv, [48, 3]]",
        ],
    ),
    (
        "conv_bn_relu_maxpool",
        &[
            "[-1, 1, conv_bn_relu_maxpool, [24]]",
            "[-4, 1, conv_bn_relu_maxpool, [16]]",
        ],
    ),
    (
        "GhostNetBottleneck",
        &[
            "[-1, 1, GhostNetBottleneck, [32, 48, 3, 1, 0]]",
            "[-1, 1, GhostNetBottleneck, [40, 64, 5, 2, 0.25]]",
            "[-1, 2, GhostNetBottleneck, [32, 48]]",
        ],
    ),
    (
        "GSBottleneck",
        &[
            "[-1, 1, GSBottleneck, [24]]",
            "[-1, 2, GSBottleneck, [32, 1.0]]",
        ],
    ),
    ("SPPF", &["[-1, 1, SPPF, [24]]", "[-1, 2, SPPF, [32, 3]]"]),
    (
        "nn.Upsample",
        &[
            "[-1, 1, nn.Upsample, [None, 2, nearest]]",
            "[-1, 1, nn.Upsample, [None, 3]]",
            "[-1, 2, nn.Upsample, []]",
        ],
    ),
    (
        "Concat",
        &[
            "[[-1, 2], 1, Concat, [1]]",
            "[[-1], 1, Concat, [1]]",
            "[[2, 2, 2], 1, Concat, [1]]",
        ],
    ),
    (
        "Index",
        &["[[0, 1, 2], 1, Index, [0]]", "[[0, 1, 2], 1, Index, [2]]"],
    ),
    (
        "GSConv",
        &[
            "[-1, 1, GSConv, [24]]",
            "[-1, 2, GSConv, [32, 3, 1, None, 1, 1, relu]]",
            "[-1, 1, GSConv, [48, 3, 2, None, 4]]",
        ],
    ),
    (
        "GSConvns",
        &[
            "[-1, 1, GSConvns, [24]]",
            "[-1, 2, GSConvns, [32, 3]]",
            "[-1, 1, GSConvns, [48, 5, 2]]",
        ],
    ),
    (
        "VoVGSCSP",
        &[
            "[-1, 1, VoVGSCSP, [24, True, 1, 0.5]]",
            "[-1, 3, VoVGSCSP, [32]]",
            "[-1, 1, VoVGSCSP, [48, False, 1, 0.75]]",
        ],
    ),
    (
        "RepVGG",
        &[
            "[-1, 1, RepVGG, [24]]",
            "[-1, 2, RepVGG, [32]]",
            "[-1, 1, RepVGG, [32, 3, 2]]",
        ],
    ),
    (
        "InvertedResidual",
        &[
            "[-1, 1, InvertedResidual, [24, 2]]",
            "[-1, 2, InvertedResidual, [32, 1, 4, relu6]]",
            "[-1, 1, InvertedResidual, [40, 1, 1]]",
        ],
    ),
    (
        "FasterNet",
        &["[-4, 1, FasterNet, [t0]]", "[-4, 1, FasterNet, [t1, 0.01]]"],
    ),
    (
        "C3StaticGhost",
        &[
            "[-1, 1, C3StaticGhost, [24]]",
            "[-1, 3, C3StaticGhost, [40, False, 1, 0.75]]",
        ],
    ),
    (
        "C2fStaticGhost",
        &[
            "[-1, 1, C2fStaticGhost, [24]]",
            "[-1, 3, C2fStaticGhost, [40, True, 1, 0.75]]",
        ],
    ),
    (
        "C3DynamicGhost",
        &[
            "[-1, 1, C3DynamicGhost, [24]]",
            "[-1, 3, C3DynamicGhost, [40, False, 1, 0.75]]",
        ],
    ),
    (
        "C2fDynamicGhost",
        &[
            "[-1, 1, C2fDynamicGhost, [24]]",
            "[-1, 3, C2fDynamicGhost, [40, True, 1, 0.75]]",
        ],
    ),
    (
        "Detect",
        &[
            "[[0, 1, 2], 1, Detect, [nc]]",
            "[[0, 1, 2], 1, Detect, [nc, anchors]]",
            "[[2], 1, Detect, [nc]]",
        ],
    ),
    (
        "Segment",
        &[
            "[[0, 1, 2], 1, Segment, [nc]]",
            "[[0, 1, 2], 1, Segment, [nc, anchors]]",
            "[[1, 2], 1, Segment, [nc, 8, 24]]",
            "[[0, 1, 2], 1, Segment, [nc, anchors, 16, 40]]",
        ],
    ),
    (
        "v10Detect",
        &[
            "[[0, 1, 2], 1, v10Detect, [nc]]",
            "[[2], 1, v10Detect, [nc]]",
        ],
    ),
    (
        "Segment26",
        &[
            "[[0, 1, 2], 1, Segment26, [nc]]",
            "[[1, 2], 1, Segment26, [nc, 8, 24]]",
        ],
    ),
    (
        "ASFFDetect",
        &[
            "[[0, 1, 2], 1, ASFFDetect, [nc]]",
            "[[0, 1, 2], 1, ASFFDetect, [nc, anchors, sequential, True]]",
        ],
    ),
    (
        "RTDETRDecoder",
        &[
            "[[0, 1, 2], 1, RTDETRDecoder, [nc, 32, 20, 2, 4, 3, 48]]",
            "[[1, 2], 1, RTDETRDecoder, [nc, 24, 300, 4, 8, 1]]",
        ],
    ),
];

#[test]
fn every_block_runs_what_it_costs() {
    for name in NAMES {
        // A module without rows here is counted on its fixtures, which it must have.
        let Some((_, rows)) = ROWS.iter().find(|(module, _)| module == name) else {
            continue;
        };
        assert!(rows.len() > 1, "{name}: one row tests little");
        for row in *rows {
            let module = row.split(", ").find(|word| word == name);
            assert!(module.is_some(), "{row} is not a row of {name}");
            check(&graph(row), row);
        }
    }
    for (module, _) in ROWS {
        assert!(NAMES.contains(&module), "{module} is not registered");
    }
}

/// Rows that give several maps, and one that reads them.
#[test]
fn several_outputs_run_what_they_cost() {
    let rows = "[1, 1, CBLinear, [[16, 32]]]\n  - [2, 1, CBLinear, [[8, 32, 4], 3, 2]]\n  - [[3, 4, 2], 1, CBFuse, [[1, 1]]]";
    check(&graph(rows), rows);
}

/// Every family with every variant, and combinations, at a narrow width.
#[test]
fn every_model_runs_what_it_costs() {
    let more = [
        "ghost+asff",
        "asff:order=sequential,rfb=true",
        "mobilenetv2+segment",
        "slimneck+repvgg+asff",
    ];
    let catalog = Catalog::builtin();
    let singles = grid::models(&catalog, Scales::Two, &grid::singles(&catalog));
    for model in singles.chain(grid::models(&catalog, Scales::Smallest, &more)) {
        check(&model.graph, &model.name.to_string());
    }
}

/// Of an end-to-end head inference runs the one-to-one branches alone, and the costs say so beside
/// those of both.
#[test]
fn an_end_to_end_head_runs_one_of_its_two_sets_of_branches() {
    let plain = "[[0, 1, 2], 1, Segment, [nc, 8, 24]]";
    for keys in ["reg_max: 1\n", "reg_max: 4\n", ""] {
        let graph = |end2end: bool| {
            let keys = format!("{keys}end2end: {end2end}\n");
            graph_with(&keys, plain)
        };
        let (one, both) = (graph(false), graph(true));
        check(&both, keys);
        let [one, both] = [one, both].map(|graph| Cost::of(&graph, 64, 96).unwrap().total);
        assert_eq!(both.inference_macs(), one.macs);
        assert!(both.left_out > 0 && both.macs == one.macs + both.left_out);
        assert!(both.params > one.params && both.published > one.published);
    }
}

fn graph(row: &str) -> Graph {
    graph_with(
        "anchors: [[4, 5, 8, 9], [10, 13, 17, 16], [30, 33, 41, 45]]\n",
        row,
    )
}

fn graph_with(keys: &str, row: &str) -> Graph {
    let heads = ["Detect", "Segment", "RTDETRDecoder"];
    let is_head = heads.iter().any(|head| row.contains(head));
    let head = if is_head {
        ""
    } else {
        "  - [[0, 1, 2], 1, Detect, [nc]]\n"
    };
    let text = format!(
        "nc: 3\n{keys}backbone:\n  - [-1, 1, Conv, [16, 3, 2]]\n  - [-1, 1, Conv, [24, 3, 2]]\n  - [-1, 1, Conv, [32, 3, 2]]\nhead:\n  - {row}\n{head}"
    );
    let table = Table::from_yaml(&text, row).unwrap();
    let scaling = table.scales[0].1;
    Graph::resolve(&table, scaling, table.nc).unwrap_or_else(|error| panic!("{error}"))
}

/// Fused, since RepVGG's exact count is that of the one convolution that runs.
fn check(graph: &Graph, what: &str) {
    let [height, width] = SIDES;
    let cost = Cost::of(graph, height, width).unwrap();
    let device = Device::flex();
    let images = || Tensor::zeros([BATCH, 3, height, width], &device);
    let trained = Detector::new(graph, 0, &device);
    let fused = trained.clone().fuse();
    for detector in [&trained, &fused] {
        let rows = detector.row_outputs(images());
        assert_eq!(rows.len(), cost.nodes.len(), "rows of {what}");
        for (node, (outputs, (_, shapes))) in graph.nodes.iter().zip(rows.iter().zip(&cost.nodes)) {
            let found: Vec<[usize; 4]> = outputs.iter().map(Tensor::dims).collect();
            let predicted: Vec<[usize; 4]> =
                shapes.iter().map(|x| [BATCH, x.c, x.h, x.w]).collect();
            assert_eq!(
                found, predicted,
                "row {} ({}) of {what}",
                node.index, node.row.module
            );
        }
    }
    let run = || fused.decode(fused.forward(images()));
    let (_, counted) = multiply_accumulates(run);
    assert_eq!(
        counted,
        BATCH as u64 * cost.total.inference_macs(),
        "multiply-accumulates of {what}"
    );
}
