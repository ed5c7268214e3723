use burn::{module::Module, tensor::Tensor};

use super::{Block, C3Config, Conv, GhostModule, GhostModuleConfig, RowReader, only};
use crate::{
    Initializer,
    cost::{Shape, Tally},
};

/// A C3 whose bottlenecks are Ghost modules made of dynamic convolutions. Row: as of C3; the shortcut has no meaning here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C3DynamicGhostConfig {
    pub c3: C3Config,
}

/// See [`C3DynamicGhostConfig`].
#[derive(Module, Debug)]
pub struct C3DynamicGhost {
    cv1: Conv,
    cv2: Conv,
    cv3: Conv,
    m: Vec<GhostModule>,
}

impl C3DynamicGhostConfig {
    fn ghost(&self) -> GhostModuleConfig {
        GhostModuleConfig { c_in: self.c3.hidden(), c_out: self.c3.hidden() }
    }
}

impl Block for C3DynamicGhostConfig {
    type Layer = C3DynamicGhost;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        Ok(Self { c3: C3Config::read_row(row)? })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [cv1, cv2, cv3] = self.c3.branches();
        let chain = cv1.trace_one(inputs[0], tally);
        let chain = (0..self.c3.bottlenecks).fold(chain, |x, _| self.ghost().trace_one(x, tally));
        cv2.trace_one(inputs[0], tally);
        let both = Shape::new(2 * chain.c, chain.h, chain.w);
        Ok(vec![cv3.trace_one(both, tally)])
    }

    fn init(&self, init: &Initializer) -> C3DynamicGhost {
        let [cv1, cv2, cv3] = self.c3.branches().map(|conv| Conv::new(&conv, init));
        C3DynamicGhost { cv1, cv2, cv3, m: (0..self.c3.bottlenecks).map(|_| GhostModule::new(&self.ghost(), init)).collect() }
    }

    fn forward(layer: &C3DynamicGhost, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        vec![layer.forward(only(inputs))]
    }

    fn arguments(&self) -> String {
        self.c3.printed()
    }
}

impl C3DynamicGhost {
    /// `[batch, c_in, h, w]` to `[batch, c_out, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let bypass = self.cv2.forward(x.clone());
        let chain = self.m.iter().fold(self.cv1.forward(x), |x, m| m.forward(x));
        self.cv3.forward(Tensor::cat(vec![chain, bypass], 1))
    }
}
