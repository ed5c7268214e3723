//! What the targets share: a table's way to its costs.

use ablate_model::{
    Cost, Graph,
    spec::{Scaling, Table},
};

/// Resolves and costs a table. Whatever it holds, that ends in figures that add up or in a refusal,
/// never in a panic.
pub fn to_costs(table: &Table, scaling: Scaling) {
    let Ok(graph) = Graph::resolve(table, scaling, table.nc) else { return };
    assert!(graph.max_stride() > 0, "a head that is finer than its image");
    for node in &graph.nodes {
        let _ = node.summary();
    }
    for (height, width) in [(64, 96), (8192, 8192)] {
        let Ok(cost) = Cost::of(&graph, height, width) else { continue };
        assert_eq!(cost.params(), cost.nodes.iter().map(|(tally, _)| tally.params).sum::<u64>(), "parameters that don't add up");
    }
}
