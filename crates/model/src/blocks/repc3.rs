//! A cross-stage partial block of RepConvs.

use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    repconv::{RepConv, RepConvConfig},
    row::RowReader,
};
use crate::{fuse::fuse, initializer::Initializer, shape::Shape, tally::Tally};

/// A chain of RepConvs and a 1×1 bypass, added; a 1×1 convolution after them unless there are as
/// many channels as wanted. Row: `[channels, expansion]`, expansion 1; repeats are RepConvs.
/// Source: Zhao et al., RT-DETR, arXiv:2304.08069.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepC3Config {
    /// Input channels.
    pub c_in: usize,
    /// Channels of either branch.
    pub hidden: usize,
    /// Output channels.
    pub c_out: usize,
    /// RepConvs in the chain.
    pub repeats: usize,
}

/// See [`RepC3Config`].
#[derive(Module, Debug)]
pub struct RepC3 {
    cv1: Conv,
    cv2: Conv,
    m: Vec<RepConv>,
    cv3: Option<Conv>,
}

fuse!(RepC3: cv1, cv2, m, cv3);

impl RepC3Config {
    fn entry(&self) -> ConvConfig {
        ConvConfig::new(self.c_in, self.hidden, 1, 1)
    }

    fn exit(&self) -> Option<ConvConfig> {
        let conv = ConvConfig::new(self.hidden, self.c_out, 1, 1);
        (self.hidden != self.c_out).then_some(conv)
    }

    fn link(&self) -> RepConvConfig {
        RepConvConfig::new(self.hidden)
    }
}

impl Block for RepC3Config {
    type Layer = RepC3;
    const REPEATS_INSIDE: bool = true;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "channels, expansion")?;
        let (c_in, c_out) = (row.channels_in()?, row.channels_out()?);
        let expansion = row.number(1, 1.0, "expansion")?;
        match (c_out as f64 * expansion) as usize {
            0 => Err(format!(
                "expansion: expected hidden channels, found {expansion} of {c_out}"
            )),
            hidden => Ok(Self {
                c_in,
                hidden,
                c_out,
                repeats: row.repeats(),
            }),
        }
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let chain = self.entry().trace_one(inputs[0], tally);
        let chain = (0..self.repeats).fold(chain, |x, _| self.link().trace_one(x, tally));
        self.entry().trace_one(inputs[0], tally);
        let y = self.exit().map(|conv| conv.trace_one(chain, tally));
        Ok(vec![y.unwrap_or(chain)])
    }

    fn init(&self, init: &Initializer) -> RepC3 {
        let [cv1, cv2] = [self.entry(); 2].map(|conv| Conv::new(&conv, init));
        let m = (0..self.repeats).map(|_| RepConv::new(&self.link(), init));
        RepC3 {
            cv1,
            cv2,
            m: m.collect(),
            cv3: self.exit().map(|conv| Conv::new(&conv, init)),
        }
    }

    on_maps!(layer: RepC3, inputs => {
        let x = only(inputs);
        let bypass = layer.cv2.forward(x.clone());
        let chain = (layer.m.iter()).fold(layer.cv1.forward(x), |x, m| m.forward(x));
        let sum = chain + bypass;
        vec![match &layer.cv3 {
            Some(cv3) => cv3.forward(sum),
            None => sum,
        }]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}, {}]", self.c_in, self.c_out, self.repeats)
    }
}
