//! YOLOv10's C2fCIB.

use burn::tensor::Tensor;

use super::{
    block::Block,
    c2f::{C2f, C2fConfig},
    cib::{Cib, CibConfig},
    csp::CspConfig,
    row::RowReader,
};
use crate::{inference::Traced, initializer::Initializer, shape::Shape, tally::Tally};

/// C2f of compact inverted blocks. Row: `[channels, shortcut, large kernel, groups, expansion]`;
/// the blocks have no groups; repeats are blocks.
/// Source: Wang et al., YOLOv10, arXiv:2405.14458, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C2fCibConfig(C2fConfig<CibConfig>);

impl Block for C2fCibConfig {
    type Layer = C2f<Cib>;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(5, "channels, shortcut, large kernel, groups, expansion")?;
        let csp = CspConfig::read_at(row, false, 3)?;
        let cib = CibConfig {
            large_kernel: row.flag(2, false, "large kernel")?,
            ..csp.link([3, 3])
        };
        Ok(Self(C2fConfig::chaining(csp, cib)))
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        self.0.trace(inputs, tally)
    }

    fn init(&self, init: &Initializer) -> C2f<Cib> {
        Block::init(&self.0, init)
    }

    fn forward(layer: &C2f<Cib>, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        C2fConfig::<CibConfig>::forward(layer, inputs)
    }

    fn lower(layer: &C2f<Cib>, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
        C2fConfig::<CibConfig>::lower(layer, inputs)
    }

    fn arguments(&self) -> String {
        self.0.arguments()
    }
}
