//! A graph as a burn module that runs.

use std::sync::Arc;

use ablate_kernels::{count_multiply_accumulates, matmul};
use burn::{
    module::Module,
    tensor::{
        DType, Device, Tensor,
        activation::{sigmoid, softmax},
    },
};

use crate::{
    coding::{BoxCoding, DetectConfig},
    constants::{constant, grid},
    fuse::Fuse,
    graph::Graph,
    inference::{Execution, Map, Plans, Target, Traced},
    initializer::Initializer,
    layout::arranged,
    outputs::Outputs,
    predictions::{decoded, likely},
    registry::Layer,
};

/// A detector: image in, raw maps of its levels out. Its parameters have the names of a PyTorch
/// state dict.
///
/// ```
/// use ablate_model::{Catalog, Detector};
/// use burn::tensor::{Device, Tensor};
///
/// let graph = Catalog::builtin().resolve(&"yolov8n".parse()?)?.graph(Some(3))?;
/// let device = Device::flex();
/// let detector = Detector::new(&graph, 0, &device).fuse();
/// let raw = detector.forward(Tensor::zeros([2, 3, 64, 96], &device));
/// // A cell of each level gives one box: its centre, size, objectness and three classes.
/// assert_eq!(detector.decode(raw).dims(), [2, 8 * 12 + 4 * 6 + 2 * 3, 5 + 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct Detector {
    model: Vec<Node>,
    #[module(skip)]
    wiring: Arc<Wiring>,
    /// Once it is fused, how the CPU runs it.
    #[module(skip)]
    plans: Option<Plans>,
}

/// A row's block, or the chain of blocks that it repeats.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
enum Node {
    Single(Layer),
    Chain(Vec<Layer>),
}

impl Fuse for Node {
    fn fuse(&mut self) {
        match self {
            Self::Single(layer) => layer.fuse(),
            Self::Chain(layers) => layers.fuse(),
        }
    }
}

#[derive(Clone, Debug)]
struct Wiring {
    /// What each node reads: a node; None is the image.
    sources: Vec<Vec<Option<usize>>>,
    /// The last node that reads each node's outputs, so that they can be freed after it.
    last_use: Vec<usize>,
    detect: DetectConfig,
}

impl Detector {
    /// Weights drawn from the seed, the same on every device.
    pub fn new(graph: &Graph, seed: u64, device: &Device) -> Self {
        let init = Initializer::new(seed, device).with_activation(graph.activation);
        let model = graph.nodes.iter().map(|node| match node.chain {
            1 => Node::Single(node.config.init(&init)),
            n => Node::Chain((0..n).map(|_| node.config.init(&init)).collect()),
        });
        let sources: Vec<Vec<Option<usize>>> = graph
            .nodes
            .iter()
            .map(|node| node.sources.clone())
            .collect();
        let mut last_use: Vec<usize> = (0..sources.len()).collect();
        for (reader, read) in sources.iter().enumerate() {
            read.iter()
                .flatten()
                .for_each(|source| last_use[*source] = reader);
        }
        arranged(Self {
            model: model.collect(),
            wiring: Arc::new(Wiring {
                sources,
                last_use,
                detect: graph.detect().clone(),
            }),
            plans: None,
        })
    }

    /// The same network for inference alone: batch normalisation is folded into the convolutions
    /// before it, RepVGG's branches into one; what inference leaves out goes, such as the
    /// one-to-many branches of an end-to-end head. Its outputs are the same to float precision; its
    /// weights no longer fit a checkpoint. Not for a training device.
    pub fn fuse(mut self) -> Self {
        self.model.fuse();
        self.plans = Some(Plans::default());
        arranged(self)
    }

    /// The same network without plans: its operations run one by one, as those of a network that has
    /// none.
    pub fn without_plans(self) -> Self {
        Self {
            plans: None,
            ..self
        }
    }

    /// The head's geometry: classes, strides, anchors.
    pub fn detect(&self) -> &DetectConfig {
        &self.wiring.detect
    }

    /// Other anchors in place of those of the table: width and height in pixels, level by level.
    ///
    /// # Panics
    /// If the head has no anchors, or another number of levels or anchors.
    pub fn set_anchors(&mut self, anchors: Vec<Vec<[f64; 2]>>) {
        let detect = &mut Arc::make_mut(&mut self.wiring).detect;
        let BoxCoding::Anchors(old) = &mut detect.coding else {
            panic!("the head has no anchors")
        };
        let counts = |anchors: &[Vec<[f64; 2]>]| anchors.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(
            counts(old),
            counts(&anchors),
            "anchors of the head's levels"
        );
        *old = anchors;
    }

    /// The anchors as a PyTorch state dict keeps them: name, shape `[levels, anchors, 2]`, sides in
    /// strides of their levels; None for a head without anchors.
    pub fn anchors_in_strides(&self) -> Option<(String, Vec<usize>, Vec<f32>)> {
        let detect = self.detect();
        let BoxCoding::Anchors(anchors) = &detect.coding else {
            return None;
        };
        let levels = anchors.iter().zip(&detect.strides);
        let sides = levels.flat_map(|(level, stride)| {
            level
                .iter()
                .flatten()
                .map(move |side| (side / *stride as f64) as f32)
        });
        Some((
            self.anchors_name(),
            vec![anchors.len(), detect.boxes_per_cell(), 2],
            sides.collect(),
        ))
    }

    pub(crate) fn anchors_name(&self) -> String {
        format!("model.{}.anchors", self.model.len() - 1)
    }

    /// The network with rows of its table whose weights and statistics training leaves as they are.
    ///
    /// # Errors
    /// A row that the table does not have, or all rows.
    pub fn freeze(mut self, rows: &[usize]) -> Result<Self, String> {
        let count = self.model.len();
        if let Some(row) = rows.iter().find(|row| **row >= count) {
            return Err(format!(
                "can't freeze row {row}: expected a row from 0 to {}",
                count - 1
            ));
        }
        if (0..count).all(|row| rows.contains(&row)) {
            return Err(format!(
                "can't freeze all {count} rows: nothing would be trained"
            ));
        }
        let nodes = self.model.into_iter().enumerate();
        self.model = nodes
            .map(|(row, node)| {
                if rows.contains(&row) {
                    node.no_grad()
                } else {
                    node
                }
            })
            .collect();
        Ok(self)
    }

    /// Images `[batch, 3, h, w]`, RGB in 0..=1, to logits for each level, finest first:
    /// `[batch, anchors, h / stride, w / stride, outputs]`, the last being x, y, w, h, objectness
    /// and classes; for an anchor-free head `[batch, 1, …]`, the distributions of the distances to
    /// left, top, right and bottom (the distances themselves if they are none), and classes. Of an
    /// end-to-end head these are the one-to-one logits.
    pub fn forward(&self, images: Tensor<4>) -> Vec<Tensor<5>> {
        self.outputs(images).levels
    }

    /// The same, and all else that the head emits: mask prototypes, and on a training device what
    /// the loss takes beside them.
    pub fn outputs(&self, images: Tensor<4>) -> Outputs {
        let maps = self.planned(&images).unwrap_or_else(|| {
            let (head, inputs) = self.forward_to_head(images, |_| {});
            head.forward(inputs)
        });
        Outputs::of(maps, self.detect())
    }

    /// How [`Self::predict`] runs images of this shape, and what a plan lacks. Nothing is compiled.
    pub fn execution(&self, images: &Tensor<4>) -> Execution {
        if self.plans.is_none() || !Plans::suit(images) {
            return Execution::Operations { lacks: None };
        }
        match self.lower_likely(Traced::sketch(images.dims())) {
            Ok(_) => Execution::Plan,
            Err(block) => Execution::Operations { lacks: Some(block) },
        }
    }

    /// Makes the plan that [`Self::predict`] will take for images of this shape, if it has none yet.
    ///
    /// # Errors
    /// Why there is none: see [`Self::execution`].
    pub fn make_plan(&self, images: &Tensor<4>) -> Result<(), String> {
        let plans = self.plans.as_ref().ok_or("the network is not fused")?;
        plans.make(images, Target::Likely, |image| self.lower_likely(image))
    }

    /// Moves its plans to other memory, if it has any: where memory lies has its own part in how long a
    /// pass takes.
    pub fn relocate_plans(&self) {
        if let Some(plans) = &self.plans {
            plans.relocate();
        }
    }

    /// The head's raw maps by a plan, if there is one.
    fn planned(&self, images: &Tensor<4>) -> Option<Vec<Tensor<4>>> {
        let plans = self.plans.as_ref()?;
        let device = images.device();
        let tensors = |maps: &[Map]| maps.iter().map(|map| map.tensor(&device)).collect();
        plans.run(images, Target::Raw, |image| self.lower(image), tensors)
    }

    /// Images `[batch, 3, h, w]` to predictions, as of [`Self::decode`], and the mask prototypes of a
    /// head that makes masks, `[batch, coefficients, h, w]`.
    pub fn predict(&self, images: Tensor<4>) -> (Tensor<3>, Option<Tensor<4>>) {
        if let Some(predictions) = self.predict_by_plan(&images) {
            return predictions;
        }
        let outputs = self.outputs(images);
        (self.decode(outputs.levels), outputs.protos)
    }

    fn predict_by_plan(&self, images: &Tensor<4>) -> Option<(Tensor<3>, Option<Tensor<4>>)> {
        let plans = self.plans.as_ref()?;
        let predictions = |maps: &[Map]| {
            let device = images.device();
            let (maps, protos) = maps.split_at(self.detect().maps());
            let protos = protos.last().map(|map| map.tensor(&device));
            // As the tensors' way counts them, which multiplies shares by distances.
            if let BoxCoding::Distances { reg_max } = self.detect().coding
                && reg_max > 1
            {
                let cells = |map: &Map| map.shape[0] * map.shape[2] * map.shape[3];
                let cells: usize = maps.iter().map(cells).sum();
                count_multiply_accumulates(|| (4 * reg_max * cells) as u64);
            }
            (decoded(maps, self.detect(), &device), protos)
        };
        let likely = |image| self.lower_likely(image);
        plans.run(images, Target::Likely, likely, predictions)
    }

    /// The weights with which an ASFF head fuses its levels, for display: for each level, finest
    /// first, `[batch, 3, h, w]` with the shares of the coarsest, the middle and the finest level;
    /// none for another head.
    pub fn fusion_weights(&self, images: Tensor<4>) -> Option<Vec<Tensor<4>>> {
        let (head, inputs) = self.forward_to_head(images, |_| {});
        match head {
            Node::Single(Layer::AsffDetect(head)) => Some(head.fusion_weights(inputs)),
            _ => None,
        }
    }

    /// What each row of the table gives, the head's raw maps last, all
    /// `[batch, channels, height, width]`. Unlike a forward pass it keeps all of them in memory: it
    /// is for looking at a network, row by row.
    pub fn row_outputs(&self, images: Tensor<4>) -> Vec<Vec<Tensor<4>>> {
        let mut rows = Vec::with_capacity(self.model.len());
        let (head, inputs) = self.forward_to_head(images, |outputs| rows.push(outputs.to_vec()));
        rows.push(head.forward(inputs));
        rows
    }

    /// Everything before the head, each row's outputs shown to `see`; gives the head and its
    /// inputs.
    fn forward_to_head(
        &self,
        images: Tensor<4>,
        mut see: impl FnMut(&[Tensor<4>]),
    ) -> (&Node, Vec<Tensor<4>>) {
        let mut kept: Vec<Option<Vec<Tensor<4>>>> = vec![None; self.model.len()];
        let last = self.model.len() - 1;
        for (i, node) in self.model.iter().enumerate() {
            let mut inputs = Vec::new();
            for source in &self.wiring.sources[i] {
                match source {
                    None => inputs.push(images.clone()),
                    Some(source)
                        if self.wiring.last_use[*source] == i && !self.reads_again(i, *source) =>
                    {
                        inputs.extend(kept[*source].take().expect("kept until its last use"));
                    }
                    Some(source) => {
                        inputs.extend(kept[*source].clone().expect("kept until its last use"))
                    }
                }
            }
            if i == last {
                return (node, inputs);
            }
            let outputs = node.forward(inputs);
            see(&outputs);
            kept[i] = Some(outputs);
        }
        unreachable!("a graph has a head")
    }

    /// The head's raw maps as values of a graph.
    ///
    /// # Errors
    /// A block that the CPU's engine can't run, by its row.
    fn lower(&self, image: Traced) -> Result<Vec<Traced>, String> {
        let mut kept: Vec<Vec<Traced>> = Vec::with_capacity(self.model.len());
        for (row, (node, sources)) in self.model.iter().zip(&self.wiring.sources).enumerate() {
            let inputs = sources.iter().flat_map(|source| match source {
                None => vec![image.clone()],
                Some(source) => kept[*source].clone(),
            });
            let outputs = node.lower(inputs.collect());
            kept.push(outputs.ok_or_else(|| format!("row {row}, {}", node.name()))?);
        }
        Ok(kept.pop().expect("a graph has a head"))
    }

    /// The same for predictions.
    fn lower_likely(&self, image: Traced) -> Result<Vec<Traced>, String> {
        let head = || {
            let last = self.model.len() - 1;
            format!("row {last}, {}", self.model[last].name())
        };
        likely(self.lower(image)?, self.detect()).ok_or_else(head)
    }

    /// Whether a node reads the same source more than once.
    fn reads_again(&self, node: usize, source: usize) -> bool {
        self.wiring.sources[node]
            .iter()
            .filter(|s| **s == Some(source))
            .count()
            > 1
    }

    /// Logits as [`forward`](Self::forward) gives them to predictions
    /// `[batch, positions, 5 + classes + coefficients]`: centre x, centre y, width and height in
    /// pixels of the network's input, then objectness, which is 1 for a head without, and class
    /// probabilities, then mask coefficients. Positions go by level, anchor, row, column.
    pub fn decode(&self, raw: Vec<Tensor<5>>) -> Tensor<3> {
        let detect = self.detect();
        let levels = raw.into_iter().enumerate().map(|(level, map)| {
            // Half precision counts pixels to 2,048 only.
            let map = if map.dtype() == DType::F32 {
                map
            } else {
                map.cast(DType::F32)
            };
            let [batch, anchors, height, width, _] = map.dims();
            let device = map.device();
            let stride = detect.strides[level] as f32;
            let mut parts = match &detect.coding {
                BoxCoding::Anchors(by_level) => {
                    let sizes: Vec<f32> = by_level[level]
                        .iter()
                        .flatten()
                        .map(|side| *side as f32)
                        .collect();
                    let sizes = constant(&sizes, [1, anchors, 1, 1, 2], &device);
                    let corner = grid(height, width, -0.5, &device);
                    let y = sigmoid(map.clone());
                    let doubled = y.clone().narrow(4, 0, 4) * 2.0;
                    let centre = (doubled.clone().narrow(4, 0, 2) + corner) * stride;
                    let size = doubled.narrow(4, 2, 2).square() * sizes;
                    vec![centre, size, y.narrow(4, 4, 1 + detect.nc)]
                }
                BoxCoding::Distances { reg_max } => {
                    let sides = map.clone().narrow(4, 0, 4 * reg_max);
                    let sides = match reg_max {
                        1 => sides,
                        cells => expected_distances(sides, *cells),
                    };
                    let (near, far) = (sides.clone().narrow(4, 0, 2), sides.narrow(4, 2, 2));
                    let middle = grid(height, width, 0.5, &device);
                    let centre = ((far.clone() - near.clone()) * 0.5 + middle) * stride;
                    vec![
                        centre,
                        (near + far) * stride,
                        certain(map.dims(), &device),
                        sigmoid(map.clone().narrow(4, 4 * reg_max, detect.nc)),
                    ]
                }
                BoxCoding::Queries => vec![
                    map.clone().narrow(4, 0, 4),
                    certain(map.dims(), &device),
                    sigmoid(map.clone().narrow(4, 4, detect.nc)),
                ],
            };
            if detect.masks.is_some() {
                // The last numbers, as they are.
                parts.push(map.narrow(
                    4,
                    detect.outputs() - detect.coefficients(),
                    detect.coefficients(),
                ));
            }
            let outputs = 5 + detect.nc + detect.coefficients();
            Tensor::cat(parts, 4).reshape([batch, anchors * height * width, outputs])
        });
        Tensor::cat(levels.collect(), 1)
    }
}

/// The objectness of a head without: 1 for each position of a map `[batch, anchors, height, width, …]`.
fn certain([batch, anchors, height, width, _]: [usize; 5], device: &Device) -> Tensor<5> {
    constant(&[1.0], [1; 5], device).expand([batch, anchors, height, width, 1])
}

/// The mean of each distribution over distances of 0, 1, 2 … cells: logits `[…, 4 · reg_max]` to
/// left, top, right, bottom, `[…, 4]`.
fn expected_distances(logits: Tensor<5>, reg_max: usize) -> Tensor<5> {
    let [batch, anchors, height, width, _] = logits.dims();
    let device = logits.device();
    let shares = softmax(
        logits.reshape([batch * anchors * height * width * 4, reg_max]),
        1,
    );
    let distances: Vec<f32> = (0..reg_max).map(|cell| cell as f32).collect();
    let distances = constant(&distances, [reg_max, 1], &device);
    matmul(shares, distances).reshape([batch, anchors, height, width, 4])
}

impl Node {
    /// As tables name its block.
    fn name(&self) -> &'static str {
        match self {
            Self::Single(layer) => layer.name(),
            Self::Chain(layers) => layers.first().map_or("", Layer::name),
        }
    }

    fn lower(&self, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        match self {
            Self::Single(layer) => layer.lower(inputs),
            Self::Chain(layers) => layers.iter().try_fold(inputs, |x, layer| layer.lower(x)),
        }
    }

    fn forward(&self, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        match self {
            Self::Single(layer) => layer.forward(inputs),
            Self::Chain(layers) => layers.iter().fold(inputs, |x, layer| layer.forward(x)),
        }
    }
}
