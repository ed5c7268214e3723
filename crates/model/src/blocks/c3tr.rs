//! YOLOv5's C3 with a transformer.

use burn::{module::Module, tensor::Tensor};

use super::{
    attention::MultiheadAttention,
    block::{Block, only},
    conv::Conv,
    csp::CspConfig,
    linear::{Dense, to_map, to_vectors},
    row::RowReader,
};
use crate::{fuse::Fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// A C3 with a transformer of four heads, without normalisations, in place of its bottlenecks. Row:
/// `[channels, shortcut, groups, expansion]`, of which the second and third mean nothing here;
/// repeats are layers of the transformer.
/// Source: Dosovitskiy et al., An Image is Worth 16×16 Words, arXiv:2010.11929, as YOLOv5
/// simplifies it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C3TrConfig(CspConfig);

/// See [`C3TrConfig`].
#[derive(Module, Debug)]
pub struct C3Tr {
    cv1: Conv,
    cv2: Conv,
    cv3: Conv,
    m: Transformer,
}

impl Fuse for C3Tr {
    fn fuse(&mut self) {
        [&mut self.cv1, &mut self.cv2, &mut self.cv3]
            .into_iter()
            .for_each(Fuse::fuse);
    }
}

/// A learnt embedding of positions, added to them, and the layers.
#[derive(Module, Debug)]
struct Transformer {
    linear: Dense,
    tr: Vec<TransformerLayer>,
}

#[derive(Module, Debug)]
struct TransformerLayer {
    q: Dense,
    k: Dense,
    v: Dense,
    ma: MultiheadAttention,
    fc1: Dense,
    fc2: Dense,
}

const HEADS: usize = 4;

impl Block for C3TrConfig {
    type Layer = C3Tr;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        let csp = CspConfig::read(row, true)?;
        match csp.hidden().is_multiple_of(HEADS) {
            true => Ok(Self(csp)),
            false => Err(format!(
                "expected {} hidden channels to divide into {HEADS} heads",
                csp.hidden()
            )),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2, cv3] = self.0.branches();
        let x = cv1.trace_one(inputs[0], tally);
        cv2.trace_one(inputs[0], tally);
        tally.linear(x.c, x.c, true, x.area());
        for _ in 0..self.0.bottlenecks {
            // To queries, keys, values; the perceptron.
            (0..5).for_each(|_| tally.linear(x.c, x.c, false, x.area()));
            MultiheadAttention::trace(x.c, x.area() as usize, tally);
        }
        Ok(vec![cv3.trace_one(Shape::new(2 * x.c, x.h, x.w), tally)])
    }

    fn init(&self, init: &Initializer) -> C3Tr {
        let [cv1, cv2, cv3] = self.0.branches().map(|conv| Conv::new(&conv, init));
        let c = self.0.hidden();
        let linear = |bias| Dense::new(c, c, bias, init);
        let layer = |_| TransformerLayer {
            q: linear(false),
            k: linear(false),
            v: linear(false),
            ma: MultiheadAttention::new(c, HEADS, init),
            fc1: linear(false),
            fc2: linear(false),
        };
        C3Tr {
            cv1,
            cv2,
            cv3,
            m: Transformer {
                linear: linear(true),
                tr: (0..self.0.bottlenecks).map(layer).collect(),
            },
        }
    }

    fn forward(layer: &C3Tr, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let x = only(inputs);
        let bypass = layer.cv2.forward(x.clone());
        let chain = layer.m.forward(layer.cv1.forward(x));
        vec![layer.cv3.forward(Tensor::cat(vec![chain, bypass], 1))]
    }

    fn arguments(&self) -> String {
        self.0.printed()
    }
}

impl Transformer {
    /// `[batch, channels, h, w]` to the same shape.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let x = to_vectors(x);
        let x = x.clone() + self.linear.forward(x);
        to_map(
            self.tr.iter().fold(x, |x, layer| layer.forward(x)),
            height,
            width,
        )
    }
}

impl TransformerLayer {
    /// `[batch, positions, channels]` to the same shape.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [q, k, v] = [&self.q, &self.k, &self.v].map(|linear| linear.forward(x.clone()));
        let x = self.ma.forward(q, k, v) + x;
        self.fc2.forward(self.fc1.forward(x.clone())) + x
    }
}
