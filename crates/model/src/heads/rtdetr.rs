//! RT-DETR's head.

use ablate_kernels::Activation;
use burn::{
    module::{Module, Param},
    nn::conv::Conv2d,
    tensor::{DType, Tensor, activation::sigmoid},
};

use super::{
    deformable::DeformableConfig,
    first_boxes::first_boxes,
    query_decoder::{DecoderLayer, DecoderLayerConfig, Perceptron, refined},
};
use crate::{
    blocks::{
        batch_norm::BatchNorm2d,
        block::Block,
        conv::{conv_norm_act, conv2d},
        linear::{Dense, VectorNorm, to_vectors},
        row::RowReader,
    },
    coding::{BoxCoding, DetectConfig},
    constants::constant,
    fuse::fuse,
    initializer::Initializer,
    shape::{ConvShape, Shape},
    tally::Tally,
};

/// RT-DETR's head: the cells of all levels that look most like an object become queries; a decoder
/// of several layers moves their boxes. Each answers for an object once, so that nothing is
/// suppressed. Costs and inference alone: its loss, which matches queries to objects and denoises
/// some, is not here. Row: `[nc, hidden, queries, points, heads, layers, perceptron]`.
/// Source: Zhao et al., DETRs Beat YOLOs, arXiv:2304.08069.
#[derive(Clone, Debug, PartialEq)]
pub struct RtDetrConfig {
    /// Classes, levels and the boxes' coding.
    pub detect: DetectConfig,
    /// Queries that are decoded, at most.
    pub queries: usize,
    /// Layers of the decoder.
    pub layers: usize,
    /// One of them.
    pub layer: DecoderLayerConfig,
}

/// See [`RtDetrConfig`].
#[derive(Module, Debug)]
pub struct RtDetr {
    input_proj: Vec<(Conv2d, BatchNorm2d)>,
    decoder: Decoder,
    /// Classes as noisy queries of the training, which inference leaves out.
    denoising_class_embed: Embedding,
    query_pos_head: Perceptron,
    enc_output: (Dense, VectorNorm),
    enc_score_head: Dense,
    enc_bbox_head: Perceptron,
    dec_score_head: Vec<Dense>,
    dec_bbox_head: Vec<Perceptron>,
    #[module(skip)]
    strides: Vec<usize>,
    queries: usize,
}

fuse!(RtDetr: input_proj);

#[derive(Module, Debug)]
struct Decoder {
    layers: Vec<DecoderLayer>,
}

#[derive(Module, Debug)]
struct Embedding {
    weight: Param<Tensor<2>>,
}

impl RtDetrConfig {
    fn channels(&self) -> usize {
        self.layer.deformable.channels
    }

    fn projections(&self) -> Vec<ConvShape> {
        let c = self.channels();
        let channels = self.detect.channels.iter();
        channels
            .map(|c_in| ConvShape::new(*c_in, c, 1, 1))
            .collect()
    }

    /// Channels of the perceptron from boxes to embeddings, and of those to corrections of boxes.
    fn perceptrons(&self) -> [Vec<usize>; 2] {
        let c = self.channels();
        [vec![4, 2 * c, c], vec![c, c, c, 4]]
    }
}

impl Block for RtDetrConfig {
    type Layer = RtDetr;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(7, "nc, hidden, queries, points, heads, layers, perceptron")?;
        let detect = DetectConfig {
            coding: BoxCoding::Queries,
            end2end: true,
            ..DetectConfig::read_row(row)?.0
        };
        let deformable = DeformableConfig {
            channels: row.positive(1, Some(256), "hidden")?,
            heads: row.positive(4, Some(8), "heads")?,
            levels: row.inputs().len(),
            points: row.cells(3, 4, "points")?,
        };
        if !deformable.channels.is_multiple_of(deformable.heads) {
            return Err(format!(
                "expected {} hidden channels to divide into {} heads",
                deformable.channels, deformable.heads
            ));
        }
        Ok(Self {
            detect,
            queries: row.positive(2, Some(300), "queries")?,
            layers: row.count(5, 6, "layers")?,
            layer: DecoderLayerConfig {
                deformable,
                hidden: row.positive(6, Some(1024), "perceptron")?,
            },
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let (c, nc) = (self.channels(), self.detect.nc);
        for (conv, x) in self.projections().into_iter().zip(inputs) {
            let y = tally.conv(conv, false, *x);
            tally.batch_norm(y);
        }
        let cells = inputs.iter().map(Shape::area).sum();
        let queries = (self.queries as u64).min(cells);
        tally.linear(c, c, true, cells);
        tally.layer_norm(c, cells);
        tally.linear(c, nc, true, cells);
        let [places, boxes] = self.perceptrons();
        Perceptron::trace(&boxes, queries, tally);
        for layer in 0..self.layers {
            // The embedding of places is one for all layers; scores are those of the last.
            let shared = tally.params;
            Perceptron::trace(&places, queries, tally);
            if layer > 0 {
                tally.params = shared;
            }
            self.layer.trace(queries as usize, cells, tally);
            Perceptron::trace(&boxes, queries, tally);
            let scored = if layer + 1 == self.layers { queries } else { 0 };
            tally.linear(c, nc, true, scored);
        }
        tally.parameters((nc as u64).saturating_mul(c as u64));
        Ok(vec![Shape::new(self.detect.outputs(), 1, queries as usize)])
    }

    fn init(&self, init: &Initializer) -> RtDetr {
        let (c, nc) = (self.channels(), self.detect.nc);
        let projection = |conv: ConvShape| {
            let mut conv2d = conv2d(conv, false, init);
            conv2d.weight = init.within(
                conv2d.weight.dims(),
                (6.0 / (conv.c_in + conv.c_out) as f32).sqrt(),
            );
            (conv2d, BatchNorm2d::new(conv.c_out, init))
        };
        let [places, boxes] = self.perceptrons();
        // Scores of 0.01 at 80 classes, and boxes as they are.
        let prior = -(99f32.ln()) / 80.0 * nc as f32;
        let score_head = || Dense {
            bias: Some(init.constant([nc], prior)),
            ..Dense::new(c, nc, false, init)
        };
        let box_head = || {
            let mut perceptron = Perceptron::new(&boxes, init);
            if let Some(last) = perceptron.layers.last_mut() {
                *last = Dense {
                    weight: init.constant([4, c], 0.0),
                    bias: Some(init.constant([4], 0.0)),
                };
            }
            perceptron
        };
        let all = 0..self.layers;
        RtDetr {
            input_proj: self.projections().into_iter().map(projection).collect(),
            decoder: Decoder {
                layers: all.clone().map(|_| self.layer.init(init)).collect(),
            },
            denoising_class_embed: Embedding {
                weight: init.normal([nc, c], 1.0),
            },
            query_pos_head: Perceptron {
                layers: places
                    .windows(2)
                    .map(|pair| Dense {
                        weight: Dense::balanced(pair[0], pair[1], init).weight,
                        ..Dense::new(pair[0], pair[1], true, init)
                    })
                    .collect(),
            },
            enc_output: (Dense::balanced(c, c, init), VectorNorm::new(c, init)),
            enc_score_head: score_head(),
            enc_bbox_head: box_head(),
            dec_score_head: all.clone().map(|_| score_head()).collect(),
            dec_bbox_head: all.map(|_| box_head()).collect(),
            strides: self.detect.strides.clone(),
            queries: self.queries,
        }
    }

    fn forward(layer: &RtDetr, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(inputs)]
    }

    fn arguments(&self) -> String {
        let Self {
            detect,
            queries,
            layers,
            ..
        } = self;
        format!(
            "[{}, {:?}, {queries} queries, {layers} layers]",
            detect.nc, detect.channels
        )
    }

    fn detect(&self) -> Option<&DetectConfig> {
        Some(&self.detect)
    }
}

impl RtDetr {
    /// A map `[batch, c, h, w]` for each level to its queries, `[batch, 4 + classes, 1, queries]`:
    /// centre, width and height in pixels, then logits of the classes.
    pub fn forward(&self, levels: Vec<Tensor<4>>) -> Tensor<4> {
        let [_, _, height, width] = levels[0].dims();
        let image = [width, height].map(|side| (side * self.strides[0]) as f32);
        let mut sides = Vec::with_capacity(levels.len());
        let projected = levels.into_iter().zip(&self.input_proj);
        let cells = projected.map(|(map, (conv, bn))| {
            let [_, _, height, width] = map.dims();
            sides.push([height, width]);
            to_vectors(conv_norm_act(conv, bn, Activation::Identity, map))
        });
        let cells: Tensor<3> = Tensor::cat(cells.collect(), 1);
        let (mut queries, mut boxes) = self.first(cells.clone(), &sides);
        for (layer, head) in self.decoder.layers.iter().zip(&self.dec_bbox_head) {
            let near = cast(boxes.clone(), queries.dtype());
            let places = self.query_pos_head.forward(near.clone());
            queries = layer.forward(queries, near, places, cells.clone(), &sides);
            boxes = refined(boxes, cast(head.forward(queries.clone()), DType::F32));
        }
        let [batch, count, _] = queries.dims();
        let last = self.dec_score_head.len() - 1;
        let scores = cast(self.dec_score_head[last].forward(queries), DType::F32);
        let [x, y] = image;
        let pixels = constant(&[x, y, x, y], [1, 1, 4], &boxes.device());
        let outputs = 4 + scores.dims()[2];
        Tensor::cat(vec![boxes * pixels, scores], 2)
            .swap_dims(1, 2)
            .reshape([batch, outputs, 1, count])
    }

    /// The cells that look most like an object, `[batch, queries, channels]`, and their boxes,
    /// `[batch, queries, 4]`, in 32 bits: half precision is too coarse for a place in an image.
    fn first(&self, cells: Tensor<3>, sides: &[[usize; 2]]) -> (Tensor<3>, Tensor<3>) {
        let [batch, count, channels] = cells.dims();
        let (boxes, inside) = first_boxes(sides);
        let (device, dtype) = (cells.device(), cells.dtype());
        let inside = cast(constant(&inside, [1, count, 1], &device), dtype);
        let (linear, norm) = &self.enc_output;
        let cells = norm.forward(linear.forward(cells * inside));
        let scores = self.enc_score_head.forward(cells.clone()).max_dim(2);
        let (_, best) = scores.topk_with_indices(self.queries.min(count), 1);
        let queries = best.dims()[1];
        let chosen = cells.gather(1, best.clone().expand([batch, queries, channels]));
        let boxes = constant(&boxes, [1, count, 4], &device)
            .expand([batch, count, 4])
            .gather(1, best.expand([batch, queries, 4]));
        let corrections = cast(self.enc_bbox_head.forward(chosen.clone()), DType::F32);
        let boxes = sigmoid(corrections + boxes);
        (chosen, boxes)
    }
}

fn cast<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    match x.dtype() == dtype {
        true => x,
        false => x.cast(dtype),
    }
}
