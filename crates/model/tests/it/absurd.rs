//! Numbers and files beyond all bounds are refused by file and row, with a reason, in no time:
//! nothing wraps, nothing is built.

use std::{
    fs,
    time::{Duration, Instant},
};

use ablate_model::{
    Catalog, Cost, Graph,
    spec::{Scaling, Table, Variant, VariantCall},
};

/// A table of one Conv at stride 2, of 8 channels, and these rows after it.
fn table(rows: &str) -> String {
    format!(
        "nc: 3\nanchors: [[10, 13]]\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead:\n{rows}  - [[-1], 1, Detect, [nc, anchors]]\n"
    )
}

fn graph(text: &str) -> Result<Graph, String> {
    let table = Table::from_yaml(text, "own.yaml").map_err(|error| error.to_string())?;
    let scaling = table.scales[0].1;
    Graph::resolve(&table, scaling, table.nc).map_err(|error| error.to_string())
}

fn refusal(text: &str) -> String {
    let start = Instant::now();
    let error = graph(text).map(|_| ()).expect_err("it was taken");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?} for: {error:.200}",
        start.elapsed()
    );
    error
}

#[test]
fn absurd_numbers_are_refused_by_row() {
    for (rows, part) in [
        // 8 × 8 × 65,536² weights are 2³⁸, times 256 × 256 positions 2⁵²: a few such rows would
        // wrap.
        (
            "  - [-1, 1, Conv, [8, 65536]]\n",
            "row 1 (Conv): argument 1 (kernel): expected a whole number from 1 to 1024, found 65536",
        ),
        (
            "  - [-1, 1, Conv, [8, 3, 65536]]\n",
            "row 1 (Conv): argument 2 (stride): expected a whole number from 1 to 1024, found 65536",
        ),
        (
            "  - [-1, 1, Conv, [8, 3, 1, 1, 1, 65536]]\n",
            "row 1 (Conv): argument 5 (dilation): expected a whole number from 1 to 1024, found 65536",
        ),
        (
            "  - [-1, 1, Conv, [8, 3, 1, 65536]]\n",
            "row 1 (Conv): expected 1 to 1048576 channels and sides of 1 to 65536, found a map of 8 channels, 131198×131198",
        ),
        (
            "  - [-1, 1, Conv, [8, 9, 1, 0]]\n  - [-1, 1, Conv, [8, 129, 1, 0]]\n",
            "row 2 (Conv): expected 1 to 1048576 channels and sides of 1 to 65536, found a map of 8 channels, 0×0",
        ),
        (
            "  - [-1, 1, Conv, [9223372036854775807]]\n",
            "row 1 (Conv): argument 0 (output channels): expected a whole number from 1 to 65536, found 9223372036854775807",
        ),
        (
            "  - [-1, 1, Conv, [65536]]\n  - [-1, 1, Conv, [65536, 1024]]\n",
            "row 2 (Conv): expected at most 10000000000 parameters",
        ),
        (
            "  - [-1, 1, nn.Upsample, [None, 65536]]\n",
            "row 1 (nn.Upsample): argument 1 (factor): expected a whole number from 1 to 1024, found 65536",
        ),
        (
            "  - [-1, 1, nn.Upsample, [None, 1024]]\n",
            "row 1 (nn.Upsample): expected 1 to 1048576 channels and sides of 1 to 65536, found a map of 8 channels, 131072×131072",
        ),
        // Found by fuzzing: a side doubled 113 times.
        (
            "  - [-1, 113, nn.Upsample, [None, 2, nearest]]\n",
            "row 1 (nn.Upsample): expected 1 to 1048576 channels and sides of 1 to 65536, found a map of 8 channels, 131072×131072",
        ),
        (
            "  - [-1, 1, nn.Upsample, [None, 512]]\n  - [-1, 1, Conv, [65536]]\n",
            "row 2 (Conv): expected at most 1000000000000000 multiply",
        ),
        (
            "  - [-1, 1, C3, [65536, True, 1, 65536.0]]\n",
            "row 1 (C3): expected at most 10000000000 parameters",
        ),
        (
            "  - [-1, 1000, C2f, [65536, True, 1, 65536.0]]\n",
            "row 1 (C2f): expected at most 10000000000 parameters",
        ),
        (
            "  - [-1, 1, InvertedResidual, [65536, 1, 65536]]\n",
            "row 1 (InvertedResidual): expected at most 10000000000 parameters",
        ),
        (
            "  - [-1, 1, GhostNetBottleneck, [8, 65536, 3, 2, 65536.0]]\n",
            "row 1 (GhostNetBottleneck): expected at most 10000000000 parameters",
        ),
        (
            "  - [-1, 1, SPPF, [8, 65535]]\n",
            "row 1 (SPPF): argument 1 (kernel): expected a whole number from 1 to 1024, found 65535",
        ),
        (
            "  - [-1, 1001, C3, [8]]\n",
            "head[0][1]: expected repeats from 1 to 1000, found 1001",
        ),
        (
            "  - [-1, 18446744073709551615, C3, [8]]\n",
            "head[0][1]: expected repeats from 1 to 1000, found 18446744073709551615",
        ),
        (
            "  - [-9223372036854775808, 1, C3, [8]]\n",
            "row 1 (C3): 'from' -9223372036854775808 points to row -9223372036854775807",
        ),
        (
            "  - [9223372036854775808, 1, C3, [8]]\n",
            "head[0][0]: expected 'from' as a row number or a list",
        ),
        (
            "  - [-1, 1, nn.Upsample, [None, 4]]\n",
            "row 2 (Detect): expected a map whose side divides the image's, found 512×512 for an image of 256×256",
        ),
        (
            "  - [-1, 1, Conv, [8, 3, 3]]\n",
            "row 2 (Detect): expected a map whose side divides the image's, found 43×43 for an image of 256×256",
        ),
        (
            "  - [[0, 0], 1, Detect, [nc]]\n",
            "row 1 (Detect): expected a detection head in the last row only",
        ),
    ] {
        let error = refusal(&table(rows));
        assert!(
            error.starts_with("own.yaml: ") && error.contains(part),
            "{rows}: {error}"
        );
    }
    let many = format!("  - [[{}], 1, Concat, [1]]\n", ["-1"; 1001].join(", "));
    assert!(
        refusal(&table(&many))
            .contains("own.yaml: head[0][0]: expected a list of 1 to 1000 row numbers, found 1001")
    );
    let many = format!("  - [-1, 1, Conv, [8{}]]\n", ", 1".repeat(20));
    assert!(
        refusal(&table(&many))
            .contains("own.yaml: head[0][3]: expected a list of 0 to 20 arguments, found 21")
    );
}

#[test]
fn absurd_heads_are_refused() {
    let text = |key: &str| table("").replace("nc: 3\n", key);
    for key in [
        "nc: 0\n",
        "nc: -1\n",
        "nc: 100001\n",
        "nc: 18446744073709551615\n",
        "nc: 1e9\n",
    ] {
        assert!(
            refusal(&text(key))
                .contains("own.yaml: nc: expected a number of classes from 1 to 100000, found"),
            "{key}"
        );
    }
    // A hundred boxes in each cell, of 100,005 numbers each.
    let anchors = table("").replace("[[10, 13]]", &format!("[[{}]]", ["10, 13"; 100].join(", ")));
    let error = refusal(&anchors.replace("nc: 3", "nc: 100000"));
    assert!(
        error.contains("found a map of 10000500 channels"),
        "{error}"
    );
}

/// Each row has the channels of the one before a hundred times over.
#[test]
fn channels_that_grow_without_bounds_are_refused() {
    let row = format!("  - [[{}], 1, Concat, [1]]\n", ["-1"; 100].join(", "));
    let error = refusal(&table(&row.repeat(20)));
    assert!(
        error.contains("row 3 (Concat): expected 1 to 1048576 channels and sides of 1 to 65536, found a map of 8000000 channels"),
        "{error}"
    );
}

#[test]
fn an_absurd_image_is_refused() {
    let graph = graph(&table("  - [-1, 1, nn.Upsample, [None, 2]]\n")).unwrap();
    assert!(Cost::of(&graph, 8192, 8192).is_ok());
    for (height, width) in [(0, 640), (640, usize::MAX), (1 << 32, 1 << 32)] {
        let error = Cost::of(&graph, height, width).unwrap_err().to_string();
        assert!(
            error.contains(&format!(
                "own.yaml: row 0 (Conv): expected 1 to 1048576 channels and sides of 1 to 65536, found a map of 3 channels, {height}×{width}"
            )),
            "{error}"
        );
    }
}

/// Counts of a thousand rows, each just below what is refused, add up.
#[test]
fn the_largest_sum_of_rows_does_not_wrap() {
    let rows = "  - [-1, 1, Conv, [16384, 5]]\n".repeat(900);
    let graph = graph(&table(&rows)).unwrap();
    let cost = Cost::of(&graph, 256, 256).unwrap();
    let rows: u128 = cost
        .nodes
        .iter()
        .map(|(tally, _)| u128::from(tally.published))
        .sum();
    assert!(
        rows > 1 << 56 && u128::from(cost.total.published) == rows,
        "{rows}"
    );
}

/// A patch's way to a graph, on a table with these rows.
fn patched(rows: &str, patch: &str) -> String {
    let table = Table::from_yaml(&table(rows), "own.yaml").unwrap();
    let scaling = Scaling {
        depth: 1.0,
        width: 1.0,
        max_channels: None,
        letter: None,
    };
    let call: VariantCall = "own".parse().unwrap();
    let variant = Variant::from_yaml(patch, "own").map_err(|error| error.to_string());
    let patched = variant.and_then(|variant| {
        variant
            .apply(&table, "n", scaling, &call)
            .map_err(|error| error.to_string())
    });
    let graph = patched.and_then(|table| {
        Graph::resolve(&table, scaling, table.nc).map_err(|error| error.to_string())
    });
    graph.map(|_| ()).expect_err(patch)
}

#[test]
fn an_absurd_patch_is_refused() {
    let rows = "  - [-1, 2, C3, [8]]\n";
    for (patch, part) in [
        (
            "patch: [{neck: {channels: 1e308}}]",
            "variant own: row 1 (C3): argument 0 (output channels): expected a whole number from 1 to 65536, found 9223372036854775807",
        ),
        (
            "patch: [{neck: {channels: 1e-308}}]\nextra: 1",
            "variant own: unknown key 'extra'; known: title, summary, source, families, arguments, patch",
        ),
        (
            "patch: [{neck: {repeats: 18446744073709551615}}]",
            "variant own: row 1 (C3): expected at most 1000 repeats after scaling, found 18446744073709551615",
        ),
        (
            "patch: [{backbone: [[-1, 1, Conv, [8, 65536]]]}]",
            "variant own: row 0 (Conv): argument 1 (kernel): expected a whole number from 1 to 1024, found 65536",
        ),
        (
            "patch: [{replace: {C3: C3}, in: all, append: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}]",
            "variant own: row 1 (C3): expected at most 20 arguments, found 21 with those appended",
        ),
    ] {
        let error = patched(rows, patch);
        assert!(error.contains(part), "{patch}: {error}");
    }
    let steps = format!("patch:\n{}", "  - {neck: {channels: 0.5}}\n".repeat(101));
    assert!(
        patched(rows, &steps)
            .contains("variant own: patch: expected a list of 1 to 100 steps, found 101")
    );
    let rows_of_backbone = format!(
        "patch:\n  - backbone:\n{}",
        "    - [-1, 1, Conv, [8]]\n".repeat(1001)
    );
    assert!(
        patched(rows, &rows_of_backbone).contains(
            "variant own: patch[0].backbone: expected a list of 1 to 1000 rows, found 1001"
        )
    );
    // A row number at the end of all numbers, moved by what the new backbone has more.
    let error = patched(
        "  - [9223372036854775807, 1, C3, [8]]\n",
        "patch: [{backbone: [[-1, 1, Conv, [8, 3, 2]], [-1, 1, Conv, [8]]]}]",
    );
    assert!(
        error.contains("row 2 (C3): 'from' 9223372036854775807 points to row 9223372036854775807"),
        "{error}"
    );
}

#[test]
fn large_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("table.yaml", table("")),
        (
            "patch.yaml",
            "patch:\n  - {neck: {channels: 0.5}}\n".to_string(),
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text + &"# 10 megabytes\n".repeat(700_000)).unwrap();
        let error = Catalog::builtin().add_file(&path).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("expected at most 262144 bytes, found"),
            "{error}"
        );
    }
    let rows = refusal(&table(&"  - [-1, 1, Conv, [8]]\n".repeat(1001)));
    assert!(
        rows.contains("own.yaml: head: expected a list of 1 to 1000 rows, found 1002"),
        "{rows}"
    );
}

/// Lists that repeat a list that repeats a list: a kilobyte of text stands for gigabytes.
#[test]
fn aliases_that_repeat_too_much_are_refused() {
    let list = |item: &str| format!("[{}]", [item; 100].join(", "));
    let levels = ["a", "b", "c", "d", "e", "f", "g", "h"]
        .windows(2)
        .map(|pair| {
            format!(
                "{}: &{} {}\n",
                pair[1],
                pair[1],
                list(&format!("*{}", pair[0]))
            )
        });
    let text = format!(
        "a: &a {}\n{}{}",
        list("lol"),
        levels.collect::<String>(),
        table("")
    );
    assert!(
        refusal(&text).contains("own.yaml: not YAML: "),
        "{}",
        refusal(&text)
    );
    // One long word, a thousand times.
    let text = format!(
        "a: &a {}\nb: [{}]\n{}",
        "w".repeat(100_000),
        ["*a"; 1000].join(", "),
        table("")
    );
    let error = refusal(&text);
    assert!(
        error.contains("aliases expand beyond the limit of 262144 values and letters"),
        "{error}"
    );
    // A list that holds itself.
    assert!(refusal(&format!("a: &a [*a]\n{}", table(""))).contains("own.yaml: not YAML: "));
    // As a hand would use them, they are fine.
    assert!(graph(&table("  - &conv [-1, 1, Conv, [8, 3]]\n  - *conv\n")).is_ok());
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        for depth in [129, 1000, 60_000] {
            let text = format!(
                "a:\n  {}1{}\n{}",
                open.repeat(depth),
                close.repeat(depth),
                table("")
            );
            let error = refusal(&text);
            assert!(error.starts_with("own.yaml: "), "{open} {depth}: {error}");
            let error = Variant::from_yaml(&text, "own").unwrap_err().to_string();
            assert!(
                error.starts_with("variant own: "),
                "{open} {depth}: {error}"
            );
        }
    }
}
