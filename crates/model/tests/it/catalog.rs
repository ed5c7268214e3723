use ablate_model::{
    Catalog, Graph, ModelName,
    spec::{Scaling, Table},
};

fn error(name: &str) -> String {
    let name: ModelName = name.parse().unwrap();
    Catalog::builtin().resolve(&name).unwrap_err().to_string()
}

#[test]
fn what_is_unknown_is_named_with_what_there_is() {
    assert_eq!(
        error("yolov7n"),
        "unknown family 'yolov7'; known: yolo11, yolo12, yolo26, yolov10, yolov3, yolov3-spp, yolov3-tiny, yolov5, yolov6, yolov8, yolov9"
    );
    for (name, hint) in [
        (
            "yolov11n",
            "unknown family 'yolov11'; did you mean yolo11n?; known: ",
        ),
        ("yolo8n", "; did you mean yolov8n?; known: "),
        ("YOLOv8n", "; did you mean yolov8n?; known: "),
        ("yolov8n-seg", "; write yolov8n+segment; known: "),
        (
            "yolov8n.pt",
            "; a file of weights goes to --weights; known: ",
        ),
        (
            "yolov5n-gsconv",
            "; variants follow a plus sign: yolov5n+gsconv; known: ",
        ),
    ] {
        assert!(error(name).contains(hint), "{}", error(name));
    }
    assert!(
        error("yolov5n+rfb=true").contains("in a list, quote a variant with several arguments")
    );
    let grid = ModelName::baseline("yolov5n", "n");
    let found = Catalog::builtin().resolve(&grid).unwrap_err().to_string();
    assert!(
        found.contains("yolov5n is a model: list it under `models`"),
        "{found}"
    );
    assert_eq!(
        error("yolov5z"),
        "yolov5z: unknown scale 'z' of family yolov5; known: n, s, m, l, x"
    );
    let unknown = error("yolov5n+gosth");
    assert!(
        unknown.starts_with("yolov5n+gosth: unknown variant 'gosth'; known: baseline, asff, "),
        "{unknown}"
    );
    assert!(
        error("yolov5n+asff:order=no").contains("expected one of parallel, sequential, found 'no'")
    );
    assert!(error("yolov5n+asff+asff").contains("no row of the head is a Detect"));
    assert!(
        error("yolov8n+asff+fasternet+mobilenetv2")
            .contains("variant mobilenetv2: fasternet has swapped the backbone already")
    );
    // Whichever is named first, the backbone is swapped before its rows are changed.
    for name in ["yolov5n+repvgg+fasternet", "yolov5n+fasternet+repvgg"] {
        assert!(
            error(name).contains("no row of the backbone is a Conv of kernel 3"),
            "{}",
            error(name)
        );
    }
}

#[test]
fn a_swapped_backbone_is_read_at_the_same_strides() {
    let name: ModelName = "yolov5n+fasternet".parse().unwrap();
    let graph = Catalog::builtin()
        .resolve(&name)
        .unwrap()
        .graph(None)
        .unwrap();
    let concats: Vec<Vec<Option<usize>>> = graph
        .nodes
        .iter()
        .filter(|n| n.row.module == "Concat")
        .map(|n| n.sources.clone())
        .collect();
    // P4 and P3 of the backbone, then the two 1×1 convolutions of the head.
    assert_eq!(
        concats,
        [
            [Some(6), Some(2)],
            [Some(10), Some(1)],
            [Some(13), Some(9)],
            [Some(16), Some(5)]
        ]
        .map(|c| c.to_vec())
    );
    assert_eq!(graph.detect().strides, [8, 16, 32]);
    assert_eq!(graph.max_stride(), 32);
}

#[test]
fn a_chain_that_changes_channels_is_refused() {
    let error = table_error("  - [-1, 2, Conv, [16, 3]]\n  - [[1], 1, Detect, [nc]]\n");
    assert!(
        error.contains(
            "row 1 (Conv): 2 in a chain: expected the second to read 8 channels, found 16"
        ),
        "{error}"
    );
}

#[test]
fn absurd_depths_are_refused() {
    let text = "nc: 3\ndepth_multiple: 1e5\nbackbone:\n  - [-1, 900, C3, [8]]\nhead:\n  - [[0], 1, Detect, [nc]]\n";
    let table = Table::from_yaml(text, "own.yaml").unwrap();
    let error = Graph::resolve(&table, table.scales[0].1, 3)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("row 0 (C3): expected at most 1000 repeats after scaling, found 90000000"),
        "{error}"
    );
}

fn table_error(rows: &str) -> String {
    let text = format!(
        "nc: 3\nanchors: [[10, 13]]\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead:\n{rows}"
    );
    let scaling = Scaling {
        depth: 1.0,
        width: 1.0,
        max_channels: None,
        letter: None,
    };
    match Table::from_yaml(&text, "own.yaml") {
        Err(error) => error.to_string(),
        Ok(table) => match Graph::resolve(&table, scaling, table.nc) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{rows} was taken"),
        },
    }
}

#[test]
fn bad_rows_are_refused_by_number() {
    for (rows, part) in [
        (
            "  - [-1, 1, Convolution, [8]]",
            "row 1 (Convolution): unknown module; known: Conv, C3",
        ),
        (
            "  - [3, 1, Conv, [8]]",
            "row 1 (Conv): 'from' 3 points to row 3; a row can only read rows before it",
        ),
        (
            "  - [1, 1, Conv, [8]]",
            "row 1 (Conv): 'from' 1 points to row 1",
        ),
        (
            "  - [-5, 1, Conv, [8]]",
            "row 1 (Conv): 'from' -5 points to row -4",
        ),
        (
            "  - [-1, 0, Conv, [8]]",
            "head[0][1]: expected repeats from 1 to 1000, found 0",
        ),
        (
            "  - [-1, 1, Conv]",
            "head[0]: expected a row [from, repeats, module, args], found 3",
        ),
        (
            "  - [-1, 1, Conv, [8, 3, 1, 1, 1, 1, relu, 9]]",
            "expected [channels, kernel, stride, padding, groups, dilation, activation], found 8 arguments",
        ),
        (
            "  - [-1, 1, Conv, [eight]]",
            "argument 0 (output channels): expected a whole number from 1 to 65536, found eight",
        ),
        (
            "  - [-1, 1, Conv, [8, 3, 1, None, 3]]",
            "expected 8 input and 8 output channels to divide into 3 groups",
        ),
        (
            "  - [[-1, -2], 1, Concat, [1]]",
            "expected maps of one size, found 128×128 and 256×256",
        ),
        ("  - [[-1, 0], 1, Conv, [8]]", "expected one input, found 2"),
        (
            "  - [-1, 1, Bottleneck, [8, True, 3]]",
            "expected 4 hidden and 8 output channels to divide into 3 groups",
        ),
        (
            "  - [-1, 1, Bottleneck, [8, True, 1, [3]]]",
            "argument 3 (kernels): expected two sides from 1 to 1024, or two [height, width], found [3]",
        ),
        (
            "  - [-1, 1, Bottleneck, [8, True, 1, [2, 3]]]",
            "kernels: expected odd sides, so that the input can be added",
        ),
        (
            "  - [-1, 1, SPPELAN, [8, 4, 2]]",
            "kernel: expected an odd number, so that pooling keeps the size, found 2",
        ),
        (
            "  - [-2, 1, ADown, [8]]",
            "expected even numbers of input and output channels, found 3 and 8",
        ),
        (
            "  - [-1, 1, ELAN1, [8, 8]]",
            "argument 2 (channels of a step): expected a whole number from 1 to 65536, found nothing",
        ),
        (
            "  - [-1, 1, ELAN1, [8, 7, 4]]",
            "hidden channels: expected an even number, found 7",
        ),
        (
            "  - [-1, 1, RepNCSPELAN4, [8, 8, 1]]",
            "channels of a step: expected at least 2, found 1",
        ),
        (
            "  - [-1, 1, RepNCSPELAN4, [8, 8, 4, 1001]]",
            "argument 3 (bottlenecks): expected a whole number from 1 to 1000, found 1001",
        ),
        (
            "  - [-1, 1, RepC3, [8, 0.1]]",
            "expansion: expected hidden channels, found 0.1 of 8",
        ),
        (
            "  - [-1, 1, CBLinear, [[8, 0]]]",
            "argument 0 (channels): expected a list of whole numbers from 1 to 65536, found [8, 0]",
        ),
        (
            "  - [0, 1, CBLinear, [[8, 16]]]\n  - [-1, 1, Conv, [8]]",
            "row 2 (Conv): expected one input, found 2",
        ),
        (
            "  - [0, 1, CBLinear, [[8, 16]]]\n  - [[1, 0], 1, CBFuse, [[0, 0]]]",
            "expected as many numbers as rows before the last, 1, found 2",
        ),
        (
            "  - [0, 1, CBLinear, [[8, 16]]]\n  - [[1, 0], 1, CBFuse, [[2]]]",
            "expected a map from 0 to 1 of the row at place 0, found 2",
        ),
        (
            "  - [0, 1, CBLinear, [[8, 16]]]\n  - [[1, 0], 1, CBFuse, [[1]]]",
            "expected maps of 8 channels, as the last one has, found 16",
        ),
        (
            "  - [0, 1, CBLinear, [[8, 16]]]\n  - [[0, 1], 1, CBFuse, [[0]]]",
            "expected the last row that it reads to give one map",
        ),
        (
            "  - [-1, 1, Conv, [8]]",
            "row 1 (Conv): expected the last row to be a detection head",
        ),
        (
            "  - [[0, 0], 1, Detect, [nc, anchors]]",
            "expected 'anchors' for 2 levels, found 1",
        ),
    ] {
        let error = table_error(rows);
        assert!(
            error.starts_with("own.yaml: ") && error.contains(part),
            "{rows}: {error}"
        );
    }
}

#[test]
fn a_size_that_does_not_fit_is_refused() {
    let name: ModelName = "yolov5n".parse().unwrap();
    let graph = Catalog::builtin()
        .resolve(&name)
        .unwrap()
        .graph(None)
        .unwrap();
    let error = ablate_model::Cost::of(&graph, 100, 100)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("yolov5: row 12 (Concat): "), "{error}");
}

/// Where a variant has nothing to change, or makes what a family's blocks can't read.
const REFUSED: &[(&str, &[&str])] = &[
    ("yolov3", &["ghost", "ghost-static", "slimneck"]),
    ("yolov3-spp", &["ghost", "ghost-static", "slimneck"]),
    (
        "yolov3-tiny",
        &[
            "asff",
            "cbam",
            "eca",
            "ghost",
            "ghost-static",
            "se",
            "simam",
            "slimneck",
            "spdconv",
        ],
    ),
    (
        "yolov6",
        &[
            "cbam",
            "eca",
            "ghost",
            "ghost-static",
            "se",
            "simam",
            "slimneck",
        ],
    ),
    ("yolov9", &["coordconv"]),
];

/// Why a model can't be at some scale of its family; None if it can at all.
fn refusal(catalog: &Catalog, family: &str, variant: &str) -> Option<String> {
    let scales = catalog.scales(family).into_iter();
    let mut errors = scales.filter_map(|scale| {
        let name = ModelName::baseline(family, scale);
        let name = name.with_variants(variant).unwrap();
        match catalog.resolve(&name) {
            Err(error) => Some(error.to_string()),
            Ok(model) => Some(format!("{name}: {}", model.graph(None).err()?)),
        }
    });
    errors.next()
}

#[test]
fn every_family_takes_every_variant_that_has_something_to_change() {
    let catalog = Catalog::builtin();
    let mut taken = 0;
    for family in catalog.families() {
        let listed = REFUSED.iter().find(|(refusing, _)| *refusing == family);
        let expected = listed.map_or(&[][..], |(_, variants)| *variants);
        for variant in catalog.variants() {
            let refused = refusal(&catalog, family, &variant.name);
            if !variant.is_for(family) {
                assert!(refused.is_some_and(|error| error.contains("key 'families'")));
                continue;
            }
            assert_eq!(
                refused.is_some(),
                expected.contains(&variant.name.as_str()),
                "{family}+{}: {refused:?}",
                variant.name
            );
            match refused {
                None => taken += 1,
                Some(error) => assert!(error.contains(" row "), "its row is named: {error}"),
            }
        }
    }
    assert!(taken > 100, "{taken}");
}

/// At three classes a head of three anchors has as many outputs as two of MobileNetV2's rows have
/// channels.
#[test]
fn rows_that_are_not_scaled_are_told_of() {
    let note = |name: &str, nc: usize| {
        let model = Catalog::builtin().resolve(&name.parse().unwrap()).unwrap();
        model.graph(Some(nc)).unwrap().notes
    };
    assert_eq!(
        note("yolov5n+mobilenetv2", 3),
        [
            "rows 2, 3: 24 channels are not scaled, as in YOLOv5, since the head has as many outputs for 3 classes; for another number of classes it is another network"
        ]
    );
    for (name, nc) in [
        ("yolov5n+mobilenetv2", 4),
        ("yolov5l+mobilenetv2", 3),
        ("yolov8n+mobilenetv2", 3),
        ("yolov5n", 3),
    ] {
        assert!(note(name, nc).is_empty(), "{name}, {nc}");
    }
}
