//! HGNetV2's stem.

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    row::RowReader,
};
use crate::{
    fuse::fuse, inference::FeatureMap, initializer::Initializer, shape::Shape, tally::Tally,
};

/// HGNetV2's stem, stride 4: a 3×3 convolution of stride 2, two of 2×2 beside a 2×2 max pool,
/// another 3×3 of stride 2 and a 1×1, all under ReLU. Row: `[hidden, channels]`, neither of which
/// scales with width.
/// Source: Cui et al., PP-HGNetV2, as RT-DETR has it, arXiv:2304.08069.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HgStemConfig {
    /// Input channels.
    pub c_in: usize,
    /// Channels of the first convolution and of the pool.
    pub hidden: usize,
    /// Output channels.
    pub c_out: usize,
}

/// See [`HgStemConfig`].
#[derive(Module, Debug)]
pub struct HgStem {
    stem1: Conv,
    stem2a: Conv,
    stem2b: Conv,
    stem3: Conv,
    stem4: Conv,
}

fuse!(HgStem: stem1, stem2a, stem2b, stem3, stem4);

impl HgStemConfig {
    fn convs(&self) -> [ConvConfig; 5] {
        let (c, half) = (self.hidden, self.hidden / 2);
        // A row and a column of zeros stand before them, at the end alone.
        let unpadded = |mut conv: ConvConfig| {
            conv.conv = conv.conv.padding(0);
            conv
        };
        [
            ConvConfig::new(self.c_in, c, 3, 2),
            unpadded(ConvConfig::new(c, half, 2, 1)),
            unpadded(ConvConfig::new(half, c, 2, 1)),
            ConvConfig::new(2 * c, c, 3, 2),
            ConvConfig::new(c, self.c_out, 1, 1),
        ]
        .map(|conv| conv.activation(Activation::Relu))
    }
}

/// Channels of a row that don't scale with width: those inside and the output's.
pub(super) fn hidden_and_out(row: &RowReader) -> Result<[usize; 2], String> {
    let hidden = row.positive(0, None, "hidden channels")?;
    let c_out = row.positive(1, None, "output channels")?;
    match hidden.min(c_out) {
        0 | 1 => Err(format!(
            "expected at least 2 hidden and output channels, found {hidden} and {c_out}"
        )),
        _ => Ok([hidden, c_out]),
    }
}

impl Block for HgStemConfig {
    type Layer = HgStem;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(2, "hidden, channels")?;
        let [hidden, c_out] = hidden_and_out(row)?;
        Ok(Self {
            c_in: row.channels_in()?,
            hidden,
            c_out,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let [stem1, stem2a, stem2b, stem3, stem4] = self.convs();
        let padded = |x: Shape| Shape::new(x.c, x.h + 1, x.w + 1);
        let x = stem1.trace_one(inputs[0], tally);
        let y = stem2a.trace_one(padded(x), tally);
        stem2b.trace_one(padded(y), tally);
        let both = Shape::new(2 * x.c, x.h, x.w);
        let x = stem3.trace_one(both, tally);
        Ok(vec![stem4.trace_one(x, tally)])
    }

    fn init(&self, init: &Initializer) -> HgStem {
        let [stem1, stem2a, stem2b, stem3, stem4] = self.convs().map(|conv| Conv::new(&conv, init));
        HgStem {
            stem1,
            stem2a,
            stem2b,
            stem3,
            stem4,
        }
    }

    on_maps!(layer: HgStem, inputs => {
        let x = layer.stem1.forward(only(inputs)).padded([0, 1, 0, 1]);
        let y = layer.stem2a.forward(x.clone()).padded([0, 1, 0, 1]);
        let y = layer.stem2b.forward(y);
        let both = FeatureMap::concatenated(vec![x.max_pooled(2, 1, 0), y]);
        vec![layer.stem4.forward(layer.stem3.forward(both))]
    });

    fn arguments(&self) -> String {
        format!("[{}, {}, {}]", self.c_in, self.hidden, self.c_out)
    }
}
