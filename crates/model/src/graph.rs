//! A model table resolved: channels scaled, repeats counted, every row's sources known.

use ablate_kernels::Activation;
use serde::Serialize;

use crate::{
    blocks::row::{RowContext, RowReader, TableContext},
    coding::{BoxCoding, DetectConfig},
    registry::{self, LayerConfig},
    shape::Shape,
    spec::{Anchors, Arg, MAX_REPEATS, Row, Scaling, Section, Table},
    tally::Tally,
};

/// The nodes of one model, in the order of its table.
///
/// ```
/// use ablate_model::{Graph, spec::Table};
///
/// let text = "
/// backbone: [[-1, 1, Conv, [8, 3, 2]]]
/// head: [[[0], 1, Detect, [nc]]]
/// ";
/// let table = Table::from_yaml(text, "tiny.yaml")?;
/// let (_, scaling) = &table.scales[0];
/// let graph = Graph::resolve(&table, *scaling, 3)?;
/// assert_eq!((graph.nodes.len(), graph.max_stride()), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    /// One node for each row.
    pub nodes: Vec<Node>,
    /// Number of classes.
    pub nc: usize,
    /// Channels of the image.
    pub channels: usize,
    /// Of every convolution whose row names none.
    pub activation: Activation,
    /// Whether the table only counts its anchors: training fits them to the data.
    pub fits_anchors: bool,
    /// What was read otherwise than written, a sentence each.
    pub notes: Vec<String>,
    /// Where the table was read from, for messages.
    source: String,
}

/// One row of a table, resolved.
#[derive(Clone, Debug)]
pub struct Node {
    /// The row's place in the table, from 0.
    pub index: usize,
    /// The part of the table that it stands in.
    pub section: Section,
    /// The row as the table has it, after the model's variants.
    pub row: Row,
    /// The nodes that it reads; None is the image.
    pub sources: Vec<Option<usize>>,
    /// How often the block is repeated, scaled by depth.
    pub repeats: usize,
    /// How many blocks stand one after another; 1 if the block takes its repeats inside.
    pub chain: usize,
    /// The row's block, its arguments resolved.
    pub config: LayerConfig,
}

/// Error while resolving or tracing a table; names the file (or the variant that made the row), the
/// row and its module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: row {row} ({module}): {message}")]
pub struct GraphError {
    origin: String,
    row: usize,
    module: String,
    message: String,
}

impl GraphError {
    /// `source` is where the row's table was read from.
    fn new(source: &str, index: usize, row: &Row, message: String) -> Self {
        Self {
            origin: match &row.variant {
                Some(variant) => format!("variant {variant}"),
                None => source.into(),
            },
            row: index,
            module: row.name().into(),
            message,
        }
    }

    /// The message without the file or variant.
    pub(crate) fn at_row(&self) -> String {
        format!("row {} ({}): {}", self.row, self.module, self.message)
    }
}

/// Sides of the image on which a graph is resolved; strides up to this can be told apart.
const REFERENCE: usize = 256;

impl Graph {
    /// Where the table was read from, for messages.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Resolves a table at a scaling for `nc` classes.
    ///
    /// # Errors
    /// A row that its block refuses, that reads a row after itself, or that is beyond all bounds; a
    /// last row that is not a detection head.
    pub fn resolve(table: &Table, scaling: Scaling, nc: usize) -> Result<Self, GraphError> {
        let rows: Vec<(Section, &Row)> = table.rows().collect();
        let (nodes, _) = resolve_rows(table, &rows, scaling, nc)?;
        let mut graph = Self {
            nodes,
            nc,
            channels: table.channels,
            activation: table.activation.unwrap_or(Activation::Silu),
            fits_anchors: false,
            notes: Vec::new(),
            source: table.source.clone(),
        };
        match graph.nodes.last() {
            Some(last) if last.config.detect().is_none() => {
                let message = "expected the last row to be a detection head, such as Detect";
                Err(graph.error(last, message.into()))
            }
            _ => {
                if let Some(anchors) = &table.anchors
                    && let BoxCoding::Anchors(used) = &graph.detect().coding
                {
                    let note = note(anchors, used);
                    graph.fits_anchors = matches!(anchors, Anchors::Count(_));
                    graph.notes.extend(note);
                }
                graph.notes.extend(unscaled_note(table, &rows, scaling, nc));
                Ok(graph)
            }
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

    /// An error of one of its nodes.
    pub(crate) fn error(&self, node: &Node, message: String) -> GraphError {
        GraphError::new(&self.source, node.index, &node.row, message)
    }
}

/// What a head made of its table's anchors, if not what they say.
fn note(anchors: &Anchors, used: &[Vec<[f64; 2]>]) -> Option<String> {
    match anchors {
        Anchors::Count(count) => Some(format!(
            "{count} anchors a level: fitted to the data before training, as YOLOv5 does"
        )),
        Anchors::Listed(levels) => {
            let first = used
                .first()
                .is_some_and(|used| *used.as_flattened() == *levels[0]);
            (!first).then(|| {
                "anchors are listed in the other order than the head's levels: turned around, as YOLOv5 does".into()
            })
        }
    }
}

/// Strides of the rows of the backbone alone; None for a row with several outputs.
pub(crate) fn backbone_strides(
    table: &Table,
    scaling: Scaling,
) -> Result<Vec<Option<usize>>, GraphError> {
    let backbone = table.rows().filter(|(part, _)| *part == Section::Backbone);
    let rows: Vec<(Section, &Row)> = backbone.collect();
    let (_, shapes) = resolve_rows(table, &rows, scaling, table.nc)?;
    let stride = |shapes: &Vec<Shape>| match shapes.as_slice() {
        [shape] => Some(REFERENCE / shape.h.max(1)),
        _ => None,
    };
    Ok(shapes.iter().map(stride).collect())
}

/// How many times smaller the output of each row is than what it reads first, by side; None if it
/// is no whole number of times smaller, and for a row with several outputs.
pub(crate) fn row_strides(
    table: &Table,
    scaling: Scaling,
) -> Result<Vec<Option<usize>>, GraphError> {
    let rows: Vec<(Section, &Row)> = table.rows().collect();
    let (nodes, shapes) = resolve_rows(table, &rows, scaling, table.nc)?;
    let image = Shape::new(table.channels, REFERENCE, REFERENCE);
    let stride = |node: &Node| match (
        node.inputs(image, &shapes).first(),
        shapes[node.index].as_slice(),
    ) {
        (Some(read), [given]) if given.h > 0 && read.h >= given.h => {
            let stride = read.h.div_ceil(given.h);
            (read.h.div_ceil(stride) == given.h).then_some(stride)
        }
        _ => None,
    };
    Ok(nodes.iter().map(stride).collect())
}

/// The channel count that width does not scale: YOLOv5 leaves one as it is that equals the head's
/// outputs, which is part of what its tables mean.
fn unscaled(table: &Table, nc: usize) -> Option<usize> {
    let anchors = table.anchors.as_ref()?;
    Some(anchors.count() * (nc + 5))
}

/// That rows are wider for this number of classes than for others.
fn unscaled_note(
    table: &Table,
    rows: &[(Section, &Row)],
    scaling: Scaling,
    nc: usize,
) -> Option<String> {
    let count = unscaled(table, nc).filter(|_| scaling.width != 1.0)?;
    let is_wide = |row: &Row| {
        registry::scales_channels(&row.module)
            && matches!(row.args.first(), Some(Arg::Int(c)) if usize::try_from(*c) == Ok(count))
    };
    let places = rows.iter().enumerate().filter(|(_, (_, row))| is_wide(row));
    let places: Vec<String> = places.map(|(place, _)| place.to_string()).collect();
    let s = if places.len() == 1 { "" } else { "s" };
    (!places.is_empty()).then(|| {
        format!(
            "row{s} {}: {count} channels are not scaled, as in YOLOv5, since the head has as many outputs for {nc} classes; for another number of classes it is another network",
            places.join(", ")
        )
    })
}

/// The nodes of rows, and the shapes of their outputs for the reference image.
fn resolve_rows(
    table: &Table,
    rows: &[(Section, &Row)],
    scaling: Scaling,
    nc: usize,
) -> Result<(Vec<Node>, Vec<Vec<Shape>>), GraphError> {
    let image = Shape::new(table.channels, REFERENCE, REFERENCE);
    let unscaled = unscaled(table, nc);
    let context = TableContext {
        anchors: table.anchors.as_ref(),
        reg_max: table.reg_max,
        end2end: table.end2end,
        separable: table.separable,
    };
    let mut nodes: Vec<Node> = Vec::with_capacity(rows.len());
    let mut shapes: Vec<Vec<Shape>> = Vec::with_capacity(rows.len());
    for (index, (section, row)) in rows.iter().enumerate() {
        let fail = |message: String| GraphError::new(&table.source, index, row, message);
        let sources = sources(row, index).map_err(fail)?;
        let inputs = gather(&sources, image, &shapes);
        let maps = sources
            .iter()
            .map(|source| source.map_or(1, |row| shapes[row].len()));
        let maps: Vec<usize> = maps.collect();
        let repeats = match row.repeats {
            1 => 1,
            n => ((n as f64 * scaling.depth).round_ties_even() as usize).max(1),
        };
        if repeats as u64 > MAX_REPEATS {
            return Err(fail(format!(
                "expected at most {MAX_REPEATS} repeats after scaling, found {repeats}"
            )));
        }
        let reader = RowReader::new(RowContext {
            args: &row.args,
            inputs: &inputs,
            maps: &maps,
            image,
            repeats,
            scaling,
            unscaled,
            nc,
            table: context,
        });
        let config = LayerConfig::read(&row.module, &reader).map_err(fail)?;
        if config.detect().is_some() && (index + 1 < rows.len() || repeats > 1) {
            return Err(fail(
                "expected a detection head in the last row only, and once".into(),
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
        let traced = node.trace(&inputs, &mut Tally::default());
        shapes.push(traced.map_err(|message| fail(with_image(message)))?);
        nodes.push(node);
    }
    Ok((nodes, shapes))
}

/// A message with the image that the sizes in it are of, unless it says so itself.
fn with_image(message: String) -> String {
    match message.contains('×') && !message.contains("image") {
        true => format!("{message} (for an image of {REFERENCE}×{REFERENCE})"),
        false => message,
    }
}

/// The nodes that a row reads, None for the image: only earlier ones, so that there is no cycle.
pub(crate) fn sources(row: &Row, index: usize) -> Result<Vec<Option<usize>>, String> {
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

/// What the sources give, the outputs of earlier nodes being known.
fn gather(sources: &[Option<usize>], image: Shape, outputs: &[Vec<Shape>]) -> Vec<Shape> {
    let mut inputs = Vec::with_capacity(sources.len());
    for source in sources {
        match source {
            None => inputs.push(image),
            Some(row) => inputs.extend_from_slice(&outputs[*row]),
        }
    }
    inputs
}

impl Node {
    /// Shapes of what the node reads, given the outputs of the nodes before it.
    pub(crate) fn inputs(&self, image: Shape, outputs: &[Vec<Shape>]) -> Vec<Shape> {
        gather(&self.sources, image, outputs)
    }

    /// Shapes of what the node gives, its cost added to the tally.
    ///
    /// # Errors
    /// A block that can't take what it reads, and maps and costs beyond all bounds: the one place
    /// that keeps absurd numbers of a table out of what is added up and built.
    pub(crate) fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let before = *tally;
        inputs.iter().try_for_each(Shape::check)?;
        let mut shapes = inputs.to_vec();
        for _ in 0..self.chain {
            if shapes.iter().map(|x| x.c).ne(inputs.iter().map(|x| x.c)) {
                let channels = |shapes: &[Shape]| shapes.first().map_or(0, |x| x.c);
                return Err(format!(
                    "{} in a chain: expected the second to read {} channels, found {}",
                    self.chain,
                    channels(inputs),
                    channels(&shapes),
                ));
            }
            shapes = self.config.trace(&shapes, tally)?;
            shapes.iter().try_for_each(Shape::check)?;
            tally.minus(&before).check()?;
        }
        Ok(shapes)
    }

    /// The node in the words of a printed table.
    pub fn summary(&self) -> NodeSummary {
        NodeSummary {
            index: self.index,
            from: self.row.from.to_string(),
            n: self.repeats,
            module: self.row.name().into(),
            arguments: self.config.arguments(),
        }
    }
}

/// A node as the model tables print it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeSummary {
    /// The row's place in the table, from 0.
    pub index: usize,
    /// The rows that it reads, as written.
    pub from: String,
    /// Repeats, scaled by depth.
    pub n: usize,
    /// The module's name.
    pub module: String,
    /// The block's own arguments, resolved.
    pub arguments: String,
}
