//! Parameters and GFLOPs of a graph by arithmetic on shapes; no tensor is made. What counts is in
//! [`tally`](crate::tally).

use crate::{
    graph::{Graph, GraphError},
    shape::Shape,
    tally::Tally,
};

/// What a model costs for one image, in total and row by row.
///
/// ```
/// use ablate_model::{Catalog, Cost};
///
/// let model = Catalog::builtin().resolve(&"yolov5n".parse()?)?;
/// let cost = Cost::of(&model.graph(None)?, 640, 640)?;
/// assert_eq!((cost.params(), format!("{:.1}", cost.gflops())), (1_872_157, "4.6".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// The sum of all rows.
    pub total: Tally,
    /// A tally and the output shapes for each node of the graph.
    pub nodes: Vec<(Tally, Vec<Shape>)>,
}

impl Cost {
    /// For one image of `height` × `width` pixels.
    ///
    /// # Errors
    /// An image whose size does not fit the graph, as when two maps that are concatenated come out
    /// different.
    pub fn of(graph: &Graph, height: usize, width: usize) -> Result<Self, GraphError> {
        let mut total = Tally::default();
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        let mut outputs: Vec<Vec<Shape>> = Vec::with_capacity(graph.nodes.len());
        let image = Shape::new(graph.channels, height, width);
        for node in &graph.nodes {
            let before = total;
            let shapes = node
                .trace(&node.inputs(image, &outputs), &mut total)
                .map_err(|message| graph.error(node, message))?;
            nodes.push((total.minus(&before), shapes.clone()));
            outputs.push(shapes);
        }
        Ok(Self { total, nodes })
    }

    /// Trainable parameters.
    pub fn params(&self) -> u64 {
        self.total.params
    }

    /// GFLOPs in the published convention.
    pub fn gflops(&self) -> f64 {
        self.total.gflops()
    }

    /// GFLOPs of every convolution and matrix product.
    pub fn gflops_exact(&self) -> f64 {
        self.total.gflops_exact()
    }
}
