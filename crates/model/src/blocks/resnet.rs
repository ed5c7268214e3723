//! ResNet's stages.

use ablate_kernels::Activation;
use burn::module::Module;

use super::{
    block::{Block, on_maps, only},
    conv::{Conv, ConvConfig},
    pool::max_pool,
    row::RowReader,
};
use crate::{
    fuse::{Fuse, fuse},
    inference::FeatureMap,
    initializer::Initializer,
    shape::Shape,
    tally::Tally,
};

/// A stage of ResNet: its stem, a 7×7 convolution and a 3×3 max pool, both of stride 2; or residual
/// blocks of three convolutions, the first of which has the stride. Row: `[input channels, hidden,
/// stride, stem, blocks, expansion]`; the output has hidden × expansion channels (4 unless it says
/// otherwise), that of the stem hidden. Channels don't scale with width.
/// Source: He et al., Deep Residual Learning, arXiv:1512.03385, table 1, with the table's
/// activation inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResNetLayerConfig {
    /// Input channels.
    pub c_in: usize,
    /// Channels inside a block, and of the stem.
    pub hidden: usize,
    /// Step of the first block.
    pub stride: usize,
    /// Residual blocks; None for the stem.
    pub blocks: Option<usize>,
    /// Output channels of a block for each hidden one.
    pub expansion: usize,
}

/// See [`ResNetLayerConfig`].
#[derive(Module, Debug)]
pub struct ResNetLayer {
    layer: Vec<Stage>,
}

fuse!(ResNetLayer: layer);

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // burn's derive takes no boxes
enum Stage {
    Stem(Conv),
    Block(ResNetBlock),
}

#[derive(Module, Debug)]
struct ResNetBlock {
    cv1: Conv,
    cv2: Conv,
    cv3: Conv,
    /// One convolution where the input can't be added as it is.
    shortcut: Vec<Conv>,
}

fuse!(ResNetBlock: cv1, cv2, cv3, shortcut);

impl Fuse for Stage {
    fn fuse(&mut self) {
        match self {
            Self::Stem(conv) => conv.fuse(),
            Self::Block(block) => block.fuse(),
        }
    }
}

/// A block's three convolutions, and the one beside them.
struct ResNetBlockConfig {
    convs: [ConvConfig; 3],
    shortcut: Option<ConvConfig>,
}

impl ResNetLayerConfig {
    fn stem(&self) -> ConvConfig {
        ConvConfig::new(self.c_in, self.hidden, 7, 2)
    }

    fn block(&self, place: usize) -> ResNetBlockConfig {
        let c_out = self.hidden * self.expansion;
        let (c_in, stride) = match place {
            0 => (self.c_in, self.stride),
            _ => (c_out, 1),
        };
        ResNetBlockConfig {
            convs: [
                ConvConfig::new(c_in, self.hidden, 1, 1),
                ConvConfig::new(self.hidden, self.hidden, 3, stride),
                ConvConfig::new(self.hidden, c_out, 1, 1).linear(),
            ],
            shortcut: (stride != 1 || c_in != c_out)
                .then(|| ConvConfig::new(c_in, c_out, 1, stride).linear()),
        }
    }
}

impl Block for ResNetLayerConfig {
    type Layer = ResNetLayer;
    const SCALES_CHANNELS: bool = false;

    fn read(row: &RowReader) -> Result<Self, String> {
        row.at_most(6, "input channels, hidden, stride, stem, blocks, expansion")?;
        let c_in = row.channels_in()?;
        let stated = row.positive(0, None, "input channels")?;
        if stated != c_in {
            return Err(format!(
                "argument 0 (input channels): expected {c_in}, which the row reads, found {stated}"
            ));
        }
        let blocks = row.count(4, 1, "blocks")?;
        Ok(Self {
            c_in,
            hidden: row.positive(1, None, "hidden")?,
            stride: row.cells(2, 1, "stride")?,
            blocks: (!row.flag(3, false, "stem")?).then_some(blocks),
            expansion: row.cells(5, 4, "expansion")?,
        })
    }

    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
        let mut x = inputs[0];
        let Some(blocks) = self.blocks else {
            let Shape { c, h, w } = self.stem().trace_one(x, tally);
            return Ok(vec![Shape::new(c, h.div_ceil(2), w.div_ceil(2))]);
        };
        for place in 0..blocks {
            let ResNetBlockConfig { convs, shortcut } = self.block(place);
            let y = convs.iter().fold(x, |x, conv| conv.trace_one(x, tally));
            if let Some(conv) = shortcut {
                conv.trace_one(x, tally);
            }
            x = y;
        }
        Ok(vec![x])
    }

    fn init(&self, init: &Initializer) -> ResNetLayer {
        let block = |place| {
            let ResNetBlockConfig { convs, shortcut } = self.block(place);
            let [cv1, cv2, cv3] = convs.map(|conv| Conv::new(&conv, init));
            Stage::Block(ResNetBlock {
                cv1,
                cv2,
                cv3,
                shortcut: shortcut.iter().map(|conv| Conv::new(conv, init)).collect(),
            })
        };
        ResNetLayer {
            layer: match self.blocks {
                Some(blocks) => (0..blocks).map(block).collect(),
                None => vec![Stage::Stem(Conv::new(&self.stem(), init))],
            },
        }
    }

    on_maps!(layer: ResNetLayer, inputs => {
        let stage = |x, stage: &Stage| match stage {
            Stage::Stem(conv) => max_pool(conv.forward(x), 3, 2),
            Stage::Block(block) => block.forward(x),
        };
        vec![layer.layer.iter().fold(only(inputs), stage)]
    });

    fn arguments(&self) -> String {
        let Self {
            c_in,
            hidden,
            stride,
            ..
        } = self;
        match self.blocks {
            Some(blocks) => format!("[{c_in}, {hidden}, {stride}, {blocks}]"),
            None => format!("[{c_in}, {hidden}, stem]"),
        }
    }
}

impl ResNetBlock {
    /// `[batch, c_in, h, w]` to `[batch, expansion · hidden, h / stride, w / stride]`.
    fn forward<M: FeatureMap>(&self, x: M) -> M {
        let y = self.cv1.forward(x.clone());
        let y = self.cv3.forward(self.cv2.forward(y));
        let sum = y + self.shortcut.iter().fold(x, |x, conv| conv.forward(x));
        sum.activated(Activation::Relu)
    }
}
