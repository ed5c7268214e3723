//! What the steps of a patch make of a table, row by row.

use ablate_model::{
    Catalog, Cost, Graph,
    graph::Node,
    spec::{Table, Variant},
};

const TABLE: &str = "
nc: 2
backbone:
  - [-1, 1, Conv, [8, 3, 2]] # 0
  - [-1, 1, Conv, [16, 3, 2]] # 1
  - [-1, 1, C2f, [16, True]] # 2
  - [-1, 1, Conv, [16, 3, 1]] # 3
  - [-1, 1, Conv, [32, 3, 2]] # 4
  - [-1, 1, C2f, [32, True]] # 5
  - [-1, 1, SPPF, [32, 5]] # 6
head:
  - [-1, 1, nn.Upsample, [None, 2, nearest]] # 7
  - [[-1, 3], 1, Concat, [1]] # 8
  - [-1, 1, C2f, [16]] # 9
  - [-1, 1, Conv, [32, 3, 2]] # 10
  - [[-1, 6], 1, Concat, [1]] # 11
  - [-1, 1, C2f, [32]] # 12
  - [[9, 12], 1, Detect, [nc]] # 13
";

fn patched(steps: &str) -> Result<Graph, String> {
    let table = Table::from_yaml(TABLE, "own.yaml").unwrap();
    let (name, scaling) = table.scales[0].clone();
    let variant = Variant::from_yaml(&format!("patch:\n  - {steps}"), "own");
    let variant = variant.map_err(|error| error.to_string())?;
    let call = "own".parse().unwrap();
    let table = variant
        .apply(&table, &name, scaling, &call)
        .map_err(|error| error.to_string())?;
    Graph::resolve(&table, scaling, table.nc).map_err(|error| error.to_string())
}

/// Each row as `0 Conv < image`.
fn rows(graph: &Graph) -> Vec<String> {
    let source = |from: &Option<usize>| from.map_or("image".into(), |row| row.to_string());
    let row = |node: &Node| {
        let from: Vec<String> = node.sources.iter().map(source).collect();
        format!("{} {} < {}", node.index, node.row.module, from.join(" "))
    };
    graph.nodes.iter().map(row).collect()
}

#[test]
fn a_row_after_others_is_read_in_their_place() {
    let graph =
        patched("insert: {after: [C3, C2f], in: backbone, row: [-1, 1, DWConv, [$0, 3]]}").unwrap();
    assert_eq!(
        rows(&graph),
        [
            "0 Conv < image",
            "1 Conv < 0",
            "2 C2f < 1",
            "3 DWConv < 2",
            "4 Conv < 3",
            "5 Conv < 4",
            "6 C2f < 5",
            "7 DWConv < 6",
            "8 SPPF < 7",
            "9 nn.Upsample < 8",
            // It read row 3, which is row 4 now.
            "10 Concat < 9 4",
            "11 C2f < 10",
            "12 Conv < 11",
            "13 Concat < 12 8",
            "14 C2f < 13",
            "15 Detect < 11 14",
        ]
    );
    // `$0` is the channels of the row before.
    assert_eq!(
        graph.nodes[3].config.arguments(),
        "[16, 16, 3, 1, groups=16]"
    );
    assert_eq!(
        graph.nodes[7].config.arguments(),
        "[32, 32, 3, 1, groups=32]"
    );
    assert_eq!(graph.nodes[3].row.variant.as_deref(), Some("own"));
    assert_eq!(graph.nodes[10].row.variant, None, "renumbered alone");
}

#[test]
fn rows_that_others_skip_to_are_read_through_the_new_ones() {
    let graph = patched("insert: {after: SPPF, row: [-1, 1, DWConv, [$0, 3]]}").unwrap();
    let rows = rows(&graph);
    assert_eq!(
        rows[6..9],
        ["6 SPPF < 5", "7 DWConv < 6", "8 nn.Upsample < 7"]
    );
    assert_eq!(rows[12], "12 Concat < 11 7");
}

#[test]
fn a_row_before_others_stands_on_each_map_that_they_read() {
    let graph = patched("insert: {before: Detect, row: [-1, 1, DWConv, [16, 3]]}").unwrap();
    let rows = rows(&graph);
    assert_eq!(
        rows[13..],
        ["13 DWConv < 9", "14 DWConv < 12", "15 Detect < 13 14"]
    );
    assert_eq!(rows[11], "11 Concat < 10 6", "others read what they read");
}

#[test]
fn readers_of_a_removed_row_read_what_it_read() {
    let graph = patched("remove: {module: Conv, stride: 1}").unwrap();
    assert_eq!(
        rows(&graph)[2..8],
        [
            "2 C2f < 1",
            "3 Conv < 2",
            "4 C2f < 3",
            "5 SPPF < 4",
            "6 nn.Upsample < 5",
            "7 Concat < 6 2",
        ]
    );
    // The first row, too, read the image.
    let graph = patched("remove: {module: Conv, index: [0, 1]}").unwrap();
    assert_eq!(rows(&graph)[..2], ["0 C2f < image", "1 Conv < 0"]);
    let error = patched("remove: {module: Concat, index: 8}").unwrap_err();
    assert_eq!(
        error,
        "variant own: row 8 (Concat) reads 2 maps: expected a row of one, whose readers can read that"
    );
    let error = patched("remove: {module: any, in: backbone}").unwrap_err();
    assert_eq!(
        error,
        "variant own: expected rows to be left in backbone and head"
    );
}

#[test]
fn arguments_and_repeats_of_rows_are_set() {
    let graph = patched("set: {module: SPPF, arguments: {1: 7}}").unwrap();
    assert_eq!(graph.nodes[6].config.arguments(), "[32, 32, 7]");
    let graph = patched("set: {module: C2f, in: head, arguments: {3: 0.25}, repeats: 2}").unwrap();
    assert_eq!(graph.nodes[9].repeats, 2);
    assert_eq!(graph.nodes[5].repeats, 1);
    let error = patched("set: {module: Conv, arguments: {30: 1}}").unwrap_err();
    assert!(
        error.contains("expected the place of an argument from 0 to 19, found 30"),
        "{error}"
    );
}

#[test]
fn rows_are_chosen_by_stride_whatever_their_module() {
    let modules = |steps: &str| -> Vec<usize> {
        let graph = patched(steps).unwrap();
        let replaced = graph.nodes.iter().filter(|node| node.row.variant.is_some());
        replaced.map(|node| node.index).collect()
    };
    assert_eq!(
        modules("{replace: {Conv: GSConv}, in: all, stride: 2}"),
        [0, 1, 4, 10]
    );
    assert_eq!(
        modules("{replace: {any: [GSConv, [$0, 3, 2]]}, in: backbone, stride: 2}"),
        [0, 1, 4]
    );
    assert_eq!(
        modules("{replace: {Conv: GSConv}, in: all, kernel: 3, stride: 1}"),
        [3]
    );
    assert_eq!(
        modules("{replace: {Conv: GSConv}, in: all, index: [1, 4]}"),
        [1, 4]
    );
}

#[test]
fn a_module_with_other_arguments_takes_those_that_it_names() {
    let graph = patched("{replace: {C2f: [C3, [$0, $1, $2]]}, in: all}").unwrap();
    let rows: Vec<Vec<String>> = [2, 9]
        .map(|row| {
            let args = &graph.nodes[row].row.args;
            args.iter().map(ToString::to_string).collect()
        })
        .to_vec();
    // Arguments that the row does not have are left out at the end.
    assert_eq!(rows, [vec!["16", "True"], vec!["16"]]);
}

#[test]
fn names_of_tutorials_choose_rows_and_replace_them() {
    let graph = patched("{replace: {Conv: RepVGGBlock}, in: backbone}").unwrap();
    assert_eq!(graph.nodes[0].row.module, "RepVGG");
    let error = patched("{replace: {MobileNetV2_Block: Conv}, in: all}").unwrap_err();
    assert!(
        error.contains("no row of the table is a InvertedResidual"),
        "{error}"
    );
}

#[test]
fn a_step_that_finds_nothing_says_what_it_looked_for() {
    for (steps, message) in [
        (
            "insert: {after: C3, in: head, row: [-1, 1, Conv, [8]]}",
            "no row of the head is a C3: nothing to insert Conv after",
        ),
        (
            "remove: {module: any, stride: 4}",
            "the table has no row of stride 4: nothing to remove",
        ),
        (
            "set: {module: Conv, kernel: 6, index: 3, repeats: 2}",
            "no row of the table is a Conv of kernel 6 at 3: nothing to set",
        ),
        (
            "{insert: {after: C3, row: [-1, 1, Conv, [8]]}, in: head}",
            "patch[0]: expected the key 'in' within 'insert: {…}', found it beside",
        ),
        (
            "insert: {before: C3, row: [-2, 1, Conv, [8]]}",
            "patch[0]: expected -1 as 'from' of a row before others, found -2",
        ),
        (
            "insert: {row: [-1, 1, Conv, [8]]}",
            "patch[0]: expected one of the keys 'after' and 'before' in 'insert'",
        ),
        (
            "remove: {module: C3, row: [-1, 1, Conv, [8]]}",
            "patch[0]: the key 'row' does not belong to 'remove'; expected module",
        ),
        (
            "remove: {modul: C3}",
            "patch[0].remove: unknown key 'modul'; did you mean 'module'?",
        ),
        (
            "set: {module: C3}",
            "patch[0]: expected the key 'arguments' or 'repeats' in 'set'",
        ),
    ] {
        let error = patched(steps).unwrap_err();
        assert!(
            error.starts_with(&format!("variant own: {message}")),
            "{steps}: {error}"
        );
    }
}

#[test]
fn a_patch_for_one_family_is_refused_on_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    let patch = "families: [yolov5]\npatch:\n  - {replace: {Conv: GSConv}, in: head}\n";
    std::fs::write(&path, patch).unwrap();
    let mut catalog = Catalog::builtin();
    catalog.add_file(&path).unwrap();
    assert!(catalog.resolve(&"yolov5n+mine".parse().unwrap()).is_ok());
    let error = catalog.resolve(&"yolov8n+mine".parse().unwrap());
    assert_eq!(
        error.unwrap_err().to_string(),
        "yolov8n+mine: variant mine: expected a model of yolov5, found one of yolov8; its key 'families' says so"
    );
}

/// Ultralytics' heads go by the blocks before them; one that a variant replaces must not change the
/// head, too.
#[test]
fn a_variant_leaves_the_head_as_it_is() {
    let catalog = Catalog::builtin();
    let head = |name: &str| {
        let model = catalog.resolve(&name.parse().unwrap()).unwrap();
        let cost = Cost::of(&model.graph(None).unwrap(), 640, 640).unwrap();
        cost.nodes.last().unwrap().0.params
    };
    for family in ["yolo11n", "yolo12n", "yolo26n", "yolov10n", "yolov8n"] {
        for variant in ["ghost", "ghost-static", "gsconv"] {
            let name = format!("{family}+{variant}");
            assert_eq!(head(&name), head(family), "head of {name}");
        }
    }
}
