//! Every block and head by the name that tables use. A new one is a file beside the others and a line here.

use burn::{module::Module, nn::conv::Conv2d, tensor::Tensor};

use crate::{
    Initializer,
    blocks::{self, Block, Row, RowReader},
    cost::{Shape, Tally},
    fuse::Fuse,
    heads,
    spec::{Arg, Scaling},
};

macro_rules! registry {
    ($($variant:ident = $name:literal: $config:ty => $layer:ty),* $(,)?) => {
        /// A block with its arguments resolved: plain numbers, no tensor.
        #[derive(Clone, Debug)]
        pub enum LayerConfig { $($variant($config)),* }

        /// A block's burn module.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)]
        pub enum Layer { $($variant($layer)),* }

        /// The names that tables can use.
        pub const NAMES: &[&str] = &[$($name),*];

        impl LayerConfig {
            /// Reads a row for the block that it names; the error does not name the row.
            pub(crate) fn read(name: &str, row: &RowReader) -> Result<Self, String> {
                match name {
                    $($name => <$config as Block>::read(row).map(Self::$variant),)*
                    _ => Err(format!("no such module; there are: {}", NAMES.join(", "))),
                }
            }

            /// The block of one row at depth and width 1, without a table around it: `args` as a table has them, `inputs` the shapes
            /// of what it reads.
            ///
            /// # Errors
            /// An unknown name, arguments that the block refuses, and a head, which needs a table.
            pub fn from_row(name: &str, args: &[Arg], repeats: usize, inputs: &[Shape]) -> Result<Self, String> {
                let config = Self::read(name, &RowReader::new(Row {
                    args,
                    inputs,
                    image: Shape::new(3, 1, 1),
                    repeats,
                    scaling: Scaling { depth: 1.0, width: 1.0, max_channels: None },
                    unscaled: 0,
                    nc: 0,
                    anchors: None,
                }))?;
                match config.detect() {
                    Some(_) => Err("a head needs a table".into()),
                    None => Ok(config),
                }
            }

            pub(crate) fn repeats_inside(&self) -> bool {
                match self { $(Self::$variant(_) => <$config as Block>::REPEATS_INSIDE,)* }
            }

            /// Shapes of the outputs, the cost added to the tally.
            pub fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
                match self { $(Self::$variant(config) => config.trace(inputs, tally),)* }
            }

            /// The block's module with fresh weights.
            pub fn init(&self, init: &Initializer) -> Layer {
                match self { $(Self::$variant(config) => Layer::$variant(Block::init(config, init)),)* }
            }

            /// The head's geometry, for a detection head.
            pub fn detect(&self) -> Option<&heads::DetectConfig> {
                match self { $(Self::$variant(config) => config.detect(),)* }
            }

            /// The arguments as a printed model table shows them.
            pub fn arguments(&self) -> String {
                match self { $(Self::$variant(config) => config.arguments(),)* }
            }
        }

        impl Layer {
            /// The block's outputs for its inputs, all `[batch, channels, height, width]`.
            pub fn forward(&self, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
                match self { $(Self::$variant(layer) => <$config as Block>::forward(layer, inputs),)* }
            }

            /// For inference alone: see [`Detector::fuse`](crate::Detector::fuse).
            pub fn fused(mut self) -> Self {
                self.fuse();
                self
            }
        }

        impl Fuse for Layer {
            fn fuse(&mut self) {
                match self { $(Self::$variant(layer) => layer.fuse(),)* }
            }
        }

        /// Whether the first argument of the module's rows is a number of channels that scales with width.
        pub(crate) fn scales_channels(name: &str) -> bool {
            match name {
                $($name => <$config as Block>::SCALES_CHANNELS,)*
                _ => false,
            }
        }
    };
}

type Ghost = blocks::GhostModuleConfig<blocks::PlainConv>;
type DynamicGhost = blocks::GhostModuleConfig<blocks::PerImageConv>;

registry! {
    Conv = "Conv": blocks::ConvConfig => blocks::Conv,
    C3 = "C3": blocks::C3Config => blocks::C3<blocks::Bottleneck>,
    C2f = "C2f": blocks::C2fConfig => blocks::C2f<blocks::Bottleneck>,
    DwConv = "DWConv": blocks::DwConvConfig => blocks::Conv,
    Stem = "conv_bn_relu_maxpool": blocks::StemConfig => blocks::Stem,
    GhostBottleneck = "GhostBottleneck": blocks::GhostBottleneckConfig => blocks::GhostBottleneck,
    GsBottleneck = "GSBottleneck": blocks::GsBottleneckConfig => blocks::GsBottleneck,
    Sppf = "SPPF": blocks::SppfConfig => blocks::Sppf,
    Upsample = "nn.Upsample": blocks::UpsampleConfig => blocks::Upsample,
    Concat = "Concat": blocks::ConcatConfig => blocks::Concat,
    Index = "Index": blocks::IndexConfig => blocks::Index,
    GsConv = "GSConv": blocks::GsConvConfig => blocks::GsConv,
    GsConvNs = "GSConvns": blocks::GsConvNsConfig => blocks::GsConvNs,
    VovGsCsp = "VoVGSCSP": blocks::VovGsCspConfig => blocks::VovGsCsp,
    RepVgg = "RepVGG": blocks::RepVggConfig => blocks::RepVgg,
    InvertedResidual = "InvertedResidual": blocks::InvertedResidualConfig => blocks::InvertedResidual,
    FasterNet = "FasterNet": blocks::FasterNetConfig => blocks::FasterNet,
    C3StaticGhost = "C3StaticGhost": blocks::C3Config<Ghost> => blocks::C3<blocks::GhostModule<Conv2d>>,
    C2fStaticGhost = "C2fStaticGhost": blocks::C2fConfig<Ghost> => blocks::C2f<blocks::GhostModule<Conv2d>>,
    C3DynamicGhost = "C3DynamicGhost": blocks::C3Config<DynamicGhost> => blocks::C3<blocks::GhostModule<blocks::DynamicConv>>,
    C2fDynamicGhost = "C2fDynamicGhost": blocks::C2fConfig<DynamicGhost> => blocks::C2f<blocks::GhostModule<blocks::DynamicConv>>,
    Detect = "Detect": heads::DetectConfig => heads::Detect,
    Segment = "Segment": heads::SegmentConfig => heads::Segment,
    AsffDetect = "ASFFDetect": heads::AsffDetectConfig => heads::AsffDetect,
}
