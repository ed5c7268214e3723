//! The tables that people publish with their tutorials load as they are, by their files' names.

use std::path::Path;

use ablate_model::{Catalog, Cost};
use serde::Deserialize;

use crate::support::fixture;

#[derive(Deserialize)]
struct Figures {
    table: String,
    scale: String,
    params: u64,
    gflops_exact: f64,
    gflops: f64,
}

#[test]
fn published_tables_cost_what_pytorch_counts() {
    let text = std::fs::read_to_string(fixture("tutorials/figures.json")).unwrap();
    let rows: Vec<Figures> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 10);
    for row in rows {
        let mut catalog = Catalog::builtin();
        let file = fixture(&format!("tutorials/{}.yaml", row.table));
        catalog.add_file(Path::new(&file)).unwrap();
        // As the file is called, or with the scale where the packages would have it.
        let names = match row.scale.as_str() {
            "" => vec![row.table.clone()],
            scale => vec![
                row.table.replace("yolov8-", &format!("yolov8{scale}-")),
                format!("{}:{scale}", row.table),
                format!("{}{scale}", row.table),
            ],
        };
        for name in names {
            let model = catalog.resolve(&name.parse().unwrap()).unwrap();
            let graph = model.graph(None).unwrap();
            let cost = Cost::of(&graph, 640, 640).unwrap();
            let rounded = |gflops: f64| (gflops * 1e4).round() / 1e4;
            assert_eq!(
                (
                    cost.params(),
                    rounded(cost.gflops_exact()),
                    rounded(cost.gflops())
                ),
                (row.params, row.gflops_exact, row.gflops),
                "{name}"
            );
        }
    }
}
