//! A model table resolved: channels scaled, repeats counted, every row's sources known.

use serde::Serialize;

use crate::{
    blocks::{Row as BlockRow, RowReader},
    cost::{Shape, Tally},
    heads::DetectConfig,
    registry::LayerConfig,
    spec::{MAX_REPEATS, Row, Scaling, Section, Table},
};

/// The nodes of one model, in the order of its table.
#[derive(Clone, Debug)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// Number of classes.
    pub nc: usize,
}

/// One row of a table, resolved.
#[derive(Clone, Debug)]
pub struct Node {
    pub index: usize,
    pub section: Section,
    /// The row as the table has it, after the model's variants.
    pub row: Row,
    /// The nodes that it reads; none stands for the image.
    pub sources: Vec<Option<usize>>,
    /// How often the block is repeated, scaled by depth.
    pub repeats: usize,
    /// How many blocks stand one after another; 1 where the block takes its repeats inside.
    pub chain: usize,
    pub config: LayerConfig,
}

/// Why a table makes no graph, or an image no way through it; names file, row and module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: row {row} ({module}): {message}")]
pub struct GraphError {
    source_name: String,
    row: usize,
    module: String,
    message: String,
}

/// Sides of the image on which a graph is resolved; strides up to this can be told apart.
const REFERENCE: usize = 256;

impl Graph {
    /// Resolves a table at a scaling for `nc` classes.
    pub fn resolve(table: &Table, scaling: Scaling, nc: usize) -> Result<Self, GraphError> {
        let rows: Vec<(Section, &Row)> = table.rows().collect();
        let (nodes, _) = resolve_rows(table, &rows, scaling, nc)?;
        let graph = Self { nodes, nc };
        match graph.nodes.last() {
            Some(last) if last.config.detect().is_none() => {
                let error = last.error("the last row is no detection head, such as Detect");
                Err(GraphError {
                    source_name: table.source.clone(),
                    ..error
                })
            }
            _ => Ok(graph),
        }
    }

    /// The detection head's geometry.
    pub fn detect(&self) -> &DetectConfig {
        let last = self.nodes.last().and_then(|node| node.config.detect());
        last.expect("resolve refuses a graph without a head")
    }

    /// The coarsest stride: an image's sides have to be multiples of it.
    pub fn max_stride(&self) -> usize {
        self.detect().strides.iter().copied().max().unwrap_or(1)
    }
}

/// Strides of the rows of the backbone alone; none for a row with several outputs.
pub(crate) fn backbone_strides(
    table: &Table,
    scaling: Scaling,
) -> Result<Vec<Option<usize>>, GraphError> {
    let rows: Vec<(Section, &Row)> = table
        .backbone
        .iter()
        .map(|row| (Section::Backbone, row))
        .collect();
    let (_, shapes) = resolve_rows(table, &rows, scaling, table.nc)?;
    let stride = |shapes: &Vec<Shape>| match shapes.as_slice() {
        [shape] => Some(REFERENCE / shape.h.max(1)),
        _ => None,
    };
    Ok(shapes.iter().map(stride).collect())
}

/// The nodes of rows, and the shapes of their outputs for the reference image.
fn resolve_rows(
    table: &Table,
    rows: &[(Section, &Row)],
    scaling: Scaling,
    nc: usize,
) -> Result<(Vec<Node>, Vec<Vec<Shape>>), GraphError> {
    let image = Shape::new(3, REFERENCE, REFERENCE);
    // YOLOv5 and YOLOv8 leave a channel count unscaled that equals the head's outputs: part of what such tables mean.
    let unscaled = match &table.anchors {
        Some(anchors) => anchors[0].len() / 2 * (nc + 5),
        None => nc,
    };
    let mut nodes: Vec<Node> = Vec::with_capacity(rows.len());
    let mut shapes: Vec<Vec<Shape>> = Vec::with_capacity(rows.len());
    for (index, (section, row)) in rows.iter().enumerate() {
        let fail = |message: String| GraphError {
            source_name: table.source.clone(),
            row: index,
            module: row.module.clone(),
            message,
        };
        let sources = sources(row, index).map_err(fail)?;
        let inputs = gather(&sources, image, &shapes).map_err(fail)?;
        let repeats = match row.repeats {
            1 => 1,
            n => ((n as f64 * scaling.depth).round_ties_even() as usize).max(1),
        };
        if repeats > MAX_REPEATS as usize {
            return Err(fail(format!(
                "{repeats} repeats after scaling; at most {MAX_REPEATS} would be right"
            )));
        }
        let reader = RowReader::new(BlockRow {
            args: &row.args,
            inputs: &inputs,
            image,
            repeats,
            scaling,
            unscaled,
            nc,
            anchors: table.anchors.as_deref(),
        });
        let config = LayerConfig::read(&row.module, &reader).map_err(fail)?;
        if config.detect().is_some() && (index + 1 < rows.len() || repeats > 1) {
            return Err(fail(
                "a detection head is the last row, and is there once".into(),
            ));
        }
        let node = Node {
            index,
            section: *section,
            row: (*row).clone(),
            sources,
            repeats,
            chain: if config.repeats_inside() { 1 } else { repeats },
            config,
        };
        shapes.push(
            node.trace(&inputs, &mut Tally::default())
                .map_err(|e| fail(e.message))?,
        );
        nodes.push(node);
    }
    Ok((nodes, shapes))
}

/// The nodes that a row reads: only earlier ones, so that there is no cycle.
fn sources(row: &Row, index: usize) -> Result<Vec<Option<usize>>, String> {
    let resolve = |from: &i64| {
        let read = if *from < 0 {
            index as i64 + from
        } else {
            *from
        };
        match read {
            -1 => Ok(None),
            read if read >= 0 && read < index as i64 => Ok(Some(read as usize)),
            _ => Err(format!(
                "'from' {from} points to row {read}; a row can only read rows before it"
            )),
        }
    };
    row.from.rows().iter().map(resolve).collect()
}

fn gather(
    sources: &[Option<usize>],
    image: Shape,
    outputs: &[Vec<Shape>],
) -> Result<Vec<Shape>, String> {
    let mut inputs = Vec::with_capacity(sources.len());
    for source in sources {
        match source {
            None => inputs.push(image),
            Some(row) => {
                inputs.extend_from_slice(outputs.get(*row).ok_or("reads a row after itself")?)
            }
        }
    }
    Ok(inputs)
}

impl Node {
    /// Shapes of what the node reads.
    pub(crate) fn inputs(
        &self,
        image: Shape,
        outputs: &[Vec<Shape>],
    ) -> Result<Vec<Shape>, GraphError> {
        gather(&self.sources, image, outputs).map_err(|message| self.error(&message))
    }

    /// Shapes of what the node gives, its cost added to the tally.
    ///
    /// # Errors
    /// A block that can't take what it reads, and maps and costs beyond all bounds: the one place that keeps absurd numbers of a table out of what
    /// is added up and built.
    pub(crate) fn trace(
        &self,
        inputs: &[Shape],
        tally: &mut Tally,
    ) -> Result<Vec<Shape>, GraphError> {
        let before = *tally;
        let bounded = |maps: &[Shape]| {
            maps.iter()
                .try_for_each(Shape::check)
                .map_err(|message| self.error(&message))
        };
        bounded(inputs)?;
        let mut shapes = inputs.to_vec();
        for _ in 0..self.chain {
            if shapes.iter().map(|x| x.c).ne(inputs.iter().map(|x| x.c)) {
                let (c, c_in) = (
                    shapes.first().map_or(0, |x| x.c),
                    inputs.first().map_or(0, |x| x.c),
                );
                let message = format!(
                    "{} in a chain: the second would read {c} channels where it takes {c_in}",
                    self.chain
                );
                return Err(self.error(&message));
            }
            shapes = self
                .config
                .trace(&shapes, tally)
                .map_err(|message| self.error(&message))?;
            bounded(&shapes)?;
            tally
                .minus(&before)
                .check()
                .map_err(|message| self.error(&message))?;
        }
        Ok(shapes)
    }

    fn error(&self, message: &str) -> GraphError {
        GraphError {
            source_name: "model".into(),
            row: self.index,
            module: self.row.module.clone(),
            message: message.into(),
        }
    }
}

/// A node as the model tables print it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeSummary {
    pub index: usize,
    pub from: String,
    /// Repeats, scaled by depth.
    pub n: usize,
    pub module: String,
    /// The block's own arguments, resolved.
    pub arguments: String,
}

impl Node {
    /// The node in the words of a printed table.
    pub fn summary(&self) -> NodeSummary {
        NodeSummary {
            index: self.index,
            from: self.row.from.to_string(),
            n: self.repeats,
            module: self.row.module.clone(),
            arguments: self.config.arguments(),
        }
    }
}
