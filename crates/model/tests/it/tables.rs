//! What a table's keys mean, and what tables and their scales are called.

use ablate_model::{Catalog, Cost, Graph, ModelName, spec::Table};
use burn::tensor::Device;

/// Four Convs, a C2f and a head.
const ROWS: &str = "
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 3, C2f, [256, True]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 1, SPPF, [512, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, nearest]]
  - [[-1, 3], 1, Concat, [1]]
  - [-1, 3, C2f, [256]]
  - [[8, 5], 1, Detect, [nc]]
";

/// The same with another head.
fn anchored(keys: &str) -> String {
    format!("{keys}{}", ROWS.replace("[nc]", "[nc, anchors]"))
}

fn graph(text: &str) -> Result<Graph, String> {
    let table = Table::from_yaml(text, "own.yaml").map_err(|error| error.to_string())?;
    let (_, scaling) = &table.scales[0];
    Graph::resolve(&table, *scaling, table.nc).map_err(|error| error.to_string())
}

fn params(text: &str) -> u64 {
    Cost::of(&graph(text).unwrap(), 64, 64).unwrap().params()
}

#[test]
fn the_channels_of_the_image_are_those_of_the_table() {
    let first = |keys: &str| {
        let graph = graph(&format!("nc: 2\nscales: {{n: [0.33, 0.25]}}\n{keys}{ROWS}")).unwrap();
        let cost = Cost::of(&graph, 64, 64).unwrap();
        (graph.channels, cost.nodes[0].0.params)
    };
    assert_eq!(first(""), (3, 3 * 16 * 9 + 32));
    assert_eq!(first("ch: 4"), (4, 4 * 16 * 9 + 32));
    assert_eq!(first("channels: 4"), (4, 608));
    let error = graph(&format!("ch: 4\nchannels: 3\n{ROWS}")).unwrap_err();
    assert_eq!(
        error,
        "own.yaml: expected one of the keys 'ch' and 'channels', found 4 and 3"
    );
}

/// The column of arguments as YOLOv5 prints it, but that a head's anchors are counted and what is as
/// it always is (a stride of 1, a shortcut) is left out.
#[test]
fn arguments_are_printed_as_yolov5_prints_them() {
    let name: ModelName = "yolov5n".parse().unwrap();
    let graph = (Catalog::builtin().resolve(&name).unwrap().graph(None)).unwrap();
    let found: Vec<_> = (graph.nodes.iter())
        .map(|node| format!("{} {}", node.summary().module, node.config.arguments()))
        .collect();
    let expected = [
        "Conv [3, 16, 6, 2]",
        "Conv [16, 32, 3, 2]",
        "C3 [32, 32, 1]",
        "Conv [32, 64, 3, 2]",
        "C3 [64, 64, 2]",
        "Conv [64, 128, 3, 2]",
        "C3 [128, 128, 3]",
        "Conv [128, 256, 3, 2]",
        "C3 [256, 256, 1]",
        "SPPF [256, 256, 5]",
        "Conv [256, 128, 1, 1]",
        "nn.Upsample [None, 2, nearest]",
        "Concat [1]",
        "C3 [256, 128, 1, False]",
        "Conv [128, 64, 1, 1]",
        "nn.Upsample [None, 2, nearest]",
        "Concat [1]",
        "C3 [128, 64, 1, False]",
        "Conv [64, 64, 3, 2]",
        "Concat [1]",
        "C3 [128, 128, 1, False]",
        "Conv [128, 128, 3, 2]",
        "Concat [1]",
        "C3 [256, 256, 1, False]",
        "Detect [80, 3 anchors, [64, 128, 256]]",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_misspelt_key_is_answered_with_the_nearest() {
    let error = |keys: &str| graph(&format!("{keys}\n{ROWS}")).unwrap_err();
    let known = "nc, scales, scale, depth_multiple, width_multiple, anchors, activation, ch, channels, reg_max, end2end, backbone, head";
    assert_eq!(
        error("width_mulitple: 0.25"),
        format!(
            "own.yaml: unknown key 'width_mulitple'; did you mean 'width_multiple'? Known: {known}"
        )
    );
    assert_eq!(
        error("optimizer: SGD"),
        format!("own.yaml: unknown key 'optimizer'; known: {known}")
    );
    assert_eq!(
        error("kpt_shape: [17, 3]"),
        "own.yaml: key 'kpt_shape': pose estimation is not supported"
    );
}

#[test]
fn rows_of_other_tasks_are_refused_by_what_they_are_for() {
    for (head, task) in [
        ("Pose, [nc, [17, 3]]", "row 9 (Pose): pose estimation"),
        ("OBB, [nc, 1]", "row 9 (OBB): detection of oriented boxes"),
        (
            "WorldDetect, [nc, 512]",
            "row 9 (WorldDetect): open vocabulary",
        ),
        ("Classify, [nc]", "row 9 (Classify): classification"),
    ] {
        let error = graph(&ROWS.replace("Detect, [nc]", head)).unwrap_err();
        assert_eq!(error, format!("own.yaml: {task} is not supported"));
    }
}

#[test]
fn an_activation_is_that_of_every_row_that_names_none() {
    use ablate_model::Detector;
    use burn::tensor::Tensor;

    let device = Device::flex();
    let outputs = |keys: &str| {
        let graph = graph(&format!("nc: 2\nscales: {{n: [0.33, 0.25]}}\n{keys}{ROWS}")).unwrap();
        let detector = Detector::new(&graph, 0, &device);
        let image = Tensor::ones([1, 3, 64, 64], &device);
        let decoded = detector.decode(detector.forward(image));
        decoded.into_data().try_to_vec::<f32>().unwrap()
    };
    let silu = outputs("");
    assert_eq!(silu, outputs("activation: nn.SiLU()"));
    assert_ne!(silu, outputs("activation: nn.ReLU()"));
    assert_eq!(
        outputs("activation: nn.ReLU()"),
        outputs("activation: torch.nn.ReLU(inplace=True)")
    );
    let error = graph(&format!("activation: nn.Tanhh()\n{ROWS}")).unwrap_err();
    assert!(
        error.starts_with("own.yaml: activation: unknown activation 'nn.Tanhh()'; known: silu"),
        "{error}"
    );
}

#[test]
fn anchors_that_are_counted_are_fitted_later() {
    let counted = anchored("nc: 2\nanchors: 3\n");
    let listed = anchored("nc: 2\nanchors: [[1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60]]\n");
    assert_eq!(params(&counted), params(&listed));
    let graph = graph(&counted).unwrap();
    assert!(graph.fits_anchors);
    assert_eq!(
        graph.notes,
        ["3 anchors a level: fitted to the data before training, as YOLOv5 does"]
    );
}

#[test]
fn anchors_in_the_order_of_the_rows_are_kept_and_others_turned_around() {
    use ablate_model::coding::BoxCoding;

    let read = |levels: &str| {
        let graph = graph(&anchored(&format!("anchors: {levels}\n"))).unwrap();
        let BoxCoding::Anchors(anchors) = graph.detect().coding.clone() else {
            panic!("expected anchors");
        };
        (anchors, graph.notes)
    };
    let (right, notes) = read("[[1, 2, 3, 4], [10, 20, 30, 40]]");
    assert!(notes.is_empty(), "{notes:?}");
    let (turned, notes) = read("[[10, 20, 30, 40], [1, 2, 3, 4]]");
    assert_eq!(turned, right);
    assert_eq!(
        notes,
        [
            "anchors are listed in the other order than the head's levels: turned around, as YOLOv5 does"
        ]
    );
}

/// A catalog with tables of these names.
fn catalog(tables: &[(&str, &str)]) -> Catalog {
    let folder = tempfile::tempdir().unwrap();
    let mut catalog = Catalog::builtin();
    for (name, keys) in tables {
        let path = folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, format!("nc: 2\n{keys}\n{ROWS}")).unwrap();
        catalog.add_file(&path).unwrap();
    }
    catalog
}

fn named(catalog: &Catalog, name: &str) -> Result<String, String> {
    let written: ModelName = name.parse().unwrap();
    let model = catalog
        .resolve(&written)
        .map_err(|error| error.to_string())?;
    model.graph(None).map_err(|error| error.to_string())?;
    Ok(model.name.to_string())
}

#[test]
fn a_table_is_known_by_its_files_name() {
    let catalog = catalog(&[
        ("custom", "scales: {m: [0.67, 0.75, 768]}"),
        ("named", "scales: {tiny: [0.33, 0.25]}"),
        (
            "yolov8s-custom",
            "scales: {n: [0.33, 0.25, 1024], s: [0.33, 0.5, 1024]}",
        ),
        ("yolov8-ghost", "scales: {n: [0.33, 0.25], s: [0.33, 0.5]}"),
        ("plain-yolov5", ""),
        (
            "mine",
            "scale: s\nscales: {n: [0.33, 0.25], s: [0.33, 0.5]}",
        ),
    ]);
    for (written, name) in [
        // One scale needs no word.
        ("custom", "custom:m"),
        ("customm", "custom:m"),
        ("custom:m", "custom:m"),
        ("namedtiny", "named:tiny"),
        ("named", "named:tiny"),
        // A file that shows its scale.
        ("yolov8s-custom", "yolov8s-custom:s"),
        // A scale as the packages write it.
        ("yolov8s-ghost", "yolov8s-ghost"),
        ("yolov8-ghost:s", "yolov8s-ghost"),
        // No scales.
        ("plain-yolov5", "plain-yolov5"),
        ("plain-yolov5n", "plain-yolov5"),
        // The table chooses.
        ("mine", "mine:s"),
        ("minen", "mine:n"),
        ("mine:n+ghost", "mine:n+ghost"),
    ] {
        assert_eq!(named(&catalog, written), Ok(name.to_string()), "{written}");
    }
}

#[test]
fn a_wrong_name_is_answered_with_what_the_table_offers() {
    let catalog = catalog(&[
        ("custom", "scales: {m: [0.67, 0.75, 768]}"),
        ("two", "scales: {n: [0.33, 0.25], tiny: [0.33, 0.5]}"),
        ("plain", ""),
    ]);
    for (written, error) in [
        (
            "customn",
            "customn: unknown scale 'n' of family custom; known: m",
        ),
        (
            "custom:n",
            "custom:n: unknown scale 'n' of family custom; known: m",
        ),
        ("two", "two: expected a scale, as in two:n; known: n, tiny"),
        (
            "plain:tiny",
            "plain:tiny: unknown scale 'tiny' of family plain; known: none, the table has no scales",
        ),
        (
            "other",
            "unknown family 'other'; known: custom, plain, two, yolov5, yolov8",
        ),
    ] {
        let found = named(&catalog, written).unwrap_err();
        // The catalog has more families as it grows.
        let (start, _) = error.split_once(", yolo").unwrap_or((error, ""));
        assert!(found.starts_with(start), "{written}: {found}");
    }
}
