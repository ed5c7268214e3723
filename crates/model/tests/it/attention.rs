//! Rows of attention blocks that go by the model's scale, and rows that they refuse.

use ablate_model::{Cost, Graph, spec::Table};

/// The graph of one row on 64 channels at stride 4, at a scale that changes neither depth nor
/// width.
fn graph(row: &str, scale: &str) -> Result<Graph, String> {
    let text = format!(
        "nc: 3\nscales: {{ {scale}: [1.0, 1.0, 1024] }}\nbackbone:\n  - [-1, 1, Conv, [64, 3, 4]]\nhead:\n  - {row}\n  - [[1], 1, Detect, [nc]]\n"
    );
    let table = Table::from_yaml(&text, "own.yaml").unwrap();
    Graph::resolve(&table, table.scaling(scale).unwrap(), 3).map_err(|error| error.to_string())
}

/// Parameters and multiply-accumulates of the row.
fn cost(args: &str, scale: &str) -> (u64, u64) {
    let graph = graph(&format!("[-1, 2, {args}]"), scale).unwrap();
    let (row, _) = Cost::of(&graph, 64, 64).unwrap().nodes[1];
    (row.params, row.macs)
}

#[test]
fn c3k2_is_of_c3k_at_large_scales() {
    let (plain, c3k) = (cost("C3k2, [64]", "n"), cost("C3k2, [64, True]", "n"));
    assert_ne!(plain, c3k);
    for (scale, expected) in [("s", plain), ("m", c3k), ("l", c3k), ("x", c3k)] {
        assert_eq!(cost("C3k2, [64]", scale), expected, "{scale}");
        assert_eq!(cost("C3k2, [64, False]", scale), expected, "{scale}");
    }
    // A scale whose name is more than a letter is none of theirs.
    assert_eq!(cost("C3k2, [64]", "large"), plain);
    let attention = cost("C3k2, [64, False, 0.5, True]", "n");
    assert_eq!(cost("C3k2, [64, False, 0.5, True]", "x"), attention);
}

#[test]
fn a2c2f_is_residual_at_large_scales() {
    let plain = cost("A2C2f, [64, True, 4]", "n");
    let residual = cost("A2C2f, [64, True, 4, True, 1.2]", "n");
    assert_ne!(plain, residual);
    for (scale, expected) in [("s", plain), ("m", plain), ("l", residual), ("x", residual)] {
        assert_eq!(cost("A2C2f, [64, True, 4]", scale), expected, "{scale}");
    }
    let error = graph("[-1, 2, A2C2f, [64, True, 4, True]]", "l").unwrap_err();
    let expected =
        "own.yaml: row 1 (A2C2f): expected [channels, attention, areas] at scales l and x";
    assert!(error.starts_with(expected), "{error}");
    // A chain of C3k blocks has no residual connection, and no areas.
    let c3k = cost("A2C2f, [64, False, -1]", "n");
    assert_eq!(cost("A2C2f, [64, False, -1]", "x"), c3k);
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    for (row, part) in [
        (
            "C2PSA, [32]",
            "expected as many output as input channels, found 32 and 64",
        ),
        (
            "PSA, [64, 0.01]",
            "expected at least 2 hidden channels that divide into 1 heads, found 0",
        ),
        (
            "PSA, [64, 2.05]",
            "expected at least 2 hidden channels that divide into 2 heads, found 131",
        ),
        (
            "C3k2, [64, True, 0.5, False, 3]",
            "expected 32 hidden channels, and half of them, to divide into 3 groups",
        ),
        (
            "A2C2f, [48]",
            "expected hidden channels in a multiple of 32, found 24",
        ),
        (
            "A2C2f, [64, True, 1, False, 0.01]",
            "expected a perceptron of 1 channel or more, found a ratio of 0.01",
        ),
        (
            "A2C2f, [128, True, 1, True]",
            "expected as many output as input channels under a residual connection, found 128 and 64",
        ),
        (
            "A2C2f, [64, True, 3]",
            "expected a map whose positions divide into 3 areas, found 64×64",
        ),
        (
            "C3TR, [72, True, 1, 0.75]",
            "expected 54 hidden channels to divide into 4 heads",
        ),
        (
            "AIFI, [128, 3]",
            "expected input channels in a multiple of 4 and of 3 heads, found 64",
        ),
        (
            "HGStem, [1, 8]",
            "expected at least 2 hidden and output channels, found 1 and 8",
        ),
        ("HGBlock, [16, 64, 4]", "kernel: expected an odd number"),
        (
            "ResNetLayer, [3, 64, 1, True, 1]",
            "argument 0 (input channels): expected 64, which the row reads, found 3",
        ),
    ] {
        let error = graph(&format!("[-1, 1, {row}]"), "n").expect_err(row);
        assert!(error.contains(part), "{row}: {error}");
    }
    let text = "nc: 3\nbackbone:\n  - [-1, 1, Conv, [64, 3, 4]]\nhead:\n  - [[0], 1, RTDETRDecoder, [nc, 36, 10, 4, 8]]\n";
    let table = Table::from_yaml(text, "own.yaml").unwrap();
    let error = Graph::resolve(&table, table.scales[0].1, 3)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected 36 hidden channels to divide into 8 heads"),
        "{error}"
    );
}

/// Areas have to divide the map of the image at hand, too.
#[test]
fn areas_divide_the_map_of_each_image() {
    let graph = graph("[-1, 1, A2C2f, [64, True, 4]]", "n").unwrap();
    assert!(Cost::of(&graph, 40, 24).is_ok());
    let error = Cost::of(&graph, 20, 12).unwrap_err().to_string();
    let expected = "expected a map whose positions divide into 4 areas, found 5×3";
    assert!(error.contains(expected), "{error}");
}
