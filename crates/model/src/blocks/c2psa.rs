//! YOLO11's C2PSA.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::Conv,
    psa::{PsaBlock, PsaConfig, halves},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// YOLO11's partial self-attention: PSA with a chain of attention blocks on its one half. Row:
/// `[channels, expansion]`, as many channels as it reads; repeats are blocks.
/// Source: Wang et al., YOLOv10, arXiv:2405.14458, as YOLO11 stacks it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct C2PsaConfig {
    psa: PsaConfig,
    blocks: usize,
}

/// See [`C2PsaConfig`].
#[derive(Module, Debug)]
pub struct C2Psa {
    cv1: Conv,
    cv2: Conv,
    m: Vec<PsaBlock>,
}

fuse!(C2Psa: cv1, cv2, m);

impl Block for C2PsaConfig {
    type Layer = C2Psa;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        Ok(Self {
            psa: PsaConfig::read(row)?,
            blocks: row.repeats(),
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        Ok(vec![self.psa.trace_chain(self.blocks, inputs[0], tally)])
    }

    fn init(&self, init: &Initializer) -> C2Psa {
        let [cv1, cv2] = self.psa.ends().map(|conv| Conv::new(&conv, init));
        C2Psa {
            cv1,
            cv2,
            m: (0..self.blocks)
                .map(|_| self.psa.block.init(init))
                .collect(),
        }
    }

    on_maps!(layer: C2Psa, inputs => {
        let [bypass, half] = halves(layer.cv1.forward(only(inputs)));
        let half = layer.m.iter().fold(half, |x, block| block.forward(x));
        vec![layer.cv2.forward(FeatureMap::concatenated(vec![bypass, half]))]
    });

    fn arguments(&self) -> String {
        let channels = self.psa.channels;
        format!("[{channels}, {channels}, {}]", self.blocks)
    }
}
