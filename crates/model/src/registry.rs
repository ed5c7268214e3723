//! Every block and head by the name that tables use. A new one is a file beside the others, its
//! `mod` line and a line here: variant, name, configuration.

use burn::{module::Module, tensor::Tensor};

use crate::{
    blocks::{
        self,
        activation::{self, ActivationConfig},
        block::Block,
        ghost::{GhostModuleConfig, PerImageConv, PlainConv},
        row::{RowContext, RowReader, TableContext},
    },
    coding::DetectConfig,
    fuse::Fuse,
    heads,
    inference::Traced,
    initializer::Initializer,
    shape::Shape,
    spec::{Arg, Scaling, unsupported},
    tally::Tally,
};

macro_rules! registry {
    ($($variant:ident = $name:literal: $config:ty),* $(,)?) => {
        /// A block with its arguments resolved: plain numbers, no tensor.
        #[derive(Clone, Debug)]
        #[allow(missing_docs)] // Each variant is the block of its name.
        #[allow(clippy::large_enum_variant)] // One for each row of a table: few, and short-lived.
        pub enum LayerConfig { $($variant($config)),* }

        /// A block's burn module.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, missing_docs)]
        pub enum Layer { $($variant(<$config as Block>::Layer)),* }

        /// The names that tables can use.
        pub const NAMES: &[&str] = &[$($name),*];

        impl LayerConfig {
            /// Reads a row for the block that it names; the error does not name the row.
            pub(crate) fn read(name: &str, row: &RowReader) -> Result<Self, String> {
                match name {
                    $($name => <$config as Block>::read(row).map(Self::$variant),)*
                    _ => Err(unsupported(name)
                        .unwrap_or_else(|| format!("unknown module; known: {}", NAMES.join(", ")))),
                }
            }

            /// The block of one row at depth and width 1, without a table around it: `args` as a
            /// table has them, `sources` the shapes of what each row gives that it reads.
            ///
            /// # Errors
            /// An unknown name, arguments that the block refuses, and a head, which needs a table.
            pub fn from_row(name: &str, args: &[Arg], repeats: usize, sources: &[Vec<Shape>]) -> Result<Self, String> {
                let maps: Vec<usize> = sources.iter().map(Vec::len).collect();
                let config = Self::read(name, &RowReader::new(RowContext {
                    args,
                    inputs: &sources.concat(),
                    maps: &maps,
                    image: Shape::new(3, 1, 1),
                    repeats,
                    scaling: Scaling { depth: 1.0, width: 1.0, max_channels: None, letter: None },
                    unscaled: None,
                    nc: 0,
                    table: TableContext::default(),
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
            ///
            /// # Errors
            /// Inputs that the block can't take.
            pub fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String> {
                match self { $(Self::$variant(config) => config.trace(inputs, tally),)* }
            }

            /// The block's module with fresh weights.
            pub fn init(&self, init: &Initializer) -> Layer {
                match self { $(Self::$variant(config) => Layer::$variant(Block::init(config, init)),)* }
            }

            /// The head's geometry; None for any other block.
            pub fn detect(&self) -> Option<&DetectConfig> {
                match self { $(Self::$variant(config) => config.detect(),)* }
            }

            /// The arguments as a printed model table shows them.
            pub fn arguments(&self) -> String {
                match self { $(Self::$variant(config) => config.arguments(),)* }
            }
        }

        impl Layer {
            /// The name that tables have for it.
            pub(crate) fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// The block's outputs for its inputs, all `[batch, channels, height, width]`.
            pub fn forward(&self, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
                match self { $(Self::$variant(layer) => <$config as Block>::forward(layer, inputs),)* }
            }

            /// The same on values of a graph; None of a block that the CPU's engine can't run.
            pub(crate) fn lower(&self, inputs: Vec<Traced>) -> Option<Vec<Traced>> {
                match self { $(Self::$variant(layer) => <$config as Block>::lower(layer, inputs),)* }
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

        /// Whether the first argument of the module's rows is a number of channels that scales with
        /// width.
        pub(crate) fn scales_channels(name: &str) -> bool {
            match name {
                $($name => <$config as Block>::SCALES_CHANNELS,)*
                _ => false,
            }
        }
    };
}

/// What C3 and C2f chain in place of bottlenecks.
type StaticGhost = GhostModuleConfig<PlainConv>;
type DynamicGhost = GhostModuleConfig<PerImageConv>;

registry! {
    Conv = "Conv": blocks::conv::ConvConfig,
    C3 = "C3": blocks::c3::C3Config,
    C2f = "C2f": blocks::c2f::C2fConfig,
    DwConv = "DWConv": blocks::dwconv::DwConvConfig,
    Stem = "conv_bn_relu_maxpool": blocks::stem::StemConfig,
    GhostNetBottleneck = "GhostNetBottleneck": blocks::ghostnet_bottleneck::GhostNetBottleneckConfig,
    GsBottleneck = "GSBottleneck": blocks::gs_bottleneck::GsBottleneckConfig,
    Bottleneck = "Bottleneck": blocks::bottleneck::BottleneckConfig,
    C2 = "C2": blocks::c2::C2Config,
    C3x = "C3x": blocks::c3::C3Config<blocks::c3x::CrossBottleneckConfig>,
    RepC3 = "RepC3": blocks::repc3::RepC3Config,
    C2fCib = "C2fCIB": blocks::c2fcib::C2fCibConfig,
    ScDown = "SCDown": blocks::scdown::ScDownConfig,
    RepNcspElan4 = "RepNCSPELAN4": blocks::elan::ElanConfig<blocks::elan::RepCspStep>,
    Elan1 = "ELAN1": blocks::elan::ElanConfig<blocks::elan::ConvStep>,
    AConv = "AConv": blocks::aconv::AConvConfig,
    ADown = "ADown": blocks::adown::ADownConfig,
    SppElan = "SPPELAN": blocks::sppelan::SppElanConfig,
    CbLinear = "CBLinear": blocks::cblinear::CbLinearConfig,
    CbFuse = "CBFuse": blocks::cbfuse::CbFuseConfig,
    Sppf = "SPPF": blocks::sppf::SppfConfig,
    Spp = "SPP": blocks::spp::SppConfig,
    Focus = "Focus": blocks::focus::FocusConfig,
    BottleneckCsp = "BottleneckCSP": blocks::bottleneck_csp::BottleneckCspConfig,
    GhostConv = "GhostConv": blocks::ghost_conv::GhostConvConfig,
    GhostBottleneck = "GhostBottleneck": blocks::ghost_bottleneck::GhostBottleneckConfig,
    C3Ghost = "C3Ghost": blocks::c3::C3Config<blocks::ghost_bottleneck::GhostBottleneckConfig>,
    Upsample = "nn.Upsample": blocks::upsample::UpsampleConfig,
    MaxPool = "nn.MaxPool2d": blocks::max_pool::MaxPoolConfig,
    ZeroPad = "nn.ZeroPad2d": blocks::zero_pad::ZeroPadConfig,
    Identity = "nn.Identity": blocks::identity::IdentityConfig,
    BareConv = "nn.Conv2d": blocks::bare_conv::BareConvConfig,
    BatchNorm = "nn.BatchNorm2d": blocks::batch_norm::BatchNormConfig,
    ConvTranspose = "nn.ConvTranspose2d": blocks::conv_transpose::ConvTransposeConfig,
    DwConvTranspose = "DWConvTranspose2d": blocks::conv_transpose::DwConvTransposeConfig,
    Silu = "nn.SiLU": ActivationConfig<activation::SiLU>,
    Relu = "nn.ReLU": ActivationConfig<activation::ReLU>,
    Relu6 = "nn.ReLU6": ActivationConfig<activation::ReLU6>,
    LeakyRelu = "nn.LeakyReLU": ActivationConfig<activation::LeakyReLU>,
    Gelu = "nn.GELU": ActivationConfig<activation::GELU>,
    Hardswish = "nn.Hardswish": ActivationConfig<activation::Hardswish>,
    Mish = "nn.Mish": ActivationConfig<activation::Mish>,
    Elu = "nn.ELU": ActivationConfig<activation::ELU>,
    Sigmoid = "nn.Sigmoid": ActivationConfig<activation::Sigmoid>,
    Tanh = "nn.Tanh": ActivationConfig<activation::Tanh>,
    Concat = "Concat": blocks::concat::ConcatConfig,
    Index = "Index": blocks::index::IndexConfig,
    GsConv = "GSConv": blocks::gsconv::GsConvConfig,
    GsConvNs = "GSConvns": blocks::gsconvns::GsConvNsConfig,
    VovGsCsp = "VoVGSCSP": blocks::vovgscsp::VovGsCspConfig,
    RepVgg = "RepVGG": blocks::repvgg::RepVggConfig,
    InvertedResidual = "InvertedResidual": blocks::inverted_residual::InvertedResidualConfig,
    FasterNet = "FasterNet": blocks::fasternet::FasterNetConfig,
    C3StaticGhost = "C3StaticGhost": blocks::c3::C3Config<StaticGhost>,
    C2fStaticGhost = "C2fStaticGhost": blocks::c2f::C2fConfig<StaticGhost>,
    C3DynamicGhost = "C3DynamicGhost": blocks::c3::C3Config<DynamicGhost>,
    C2fDynamicGhost = "C2fDynamicGhost": blocks::c2f::C2fConfig<DynamicGhost>,
    SimAm = "SimAM": blocks::simam::SimAmConfig,
    Eca = "ECA": blocks::eca::EcaConfig,
    Cbam = "CBAM": blocks::cbam::CbamConfig,
    Se = "SE": blocks::se::SeConfig,
    CoordConv = "CoordConv": blocks::coord_conv::CoordConvConfig,
    SpdConv = "SPDConv": blocks::spdconv::SpdConvConfig,
    SpaceToDepth = "space_to_depth": blocks::space_to_depth::SpaceToDepthConfig,
    C3k2 = "C3k2": blocks::c3k2::C3k2Config,
    C2Psa = "C2PSA": blocks::c2psa::C2PsaConfig,
    Psa = "PSA": blocks::psa::PsaConfig,
    A2C2f = "A2C2f": blocks::a2c2f::A2C2fConfig,
    C3Tr = "C3TR": blocks::c3tr::C3TrConfig,
    HgStem = "HGStem": blocks::hg_stem::HgStemConfig,
    HgBlock = "HGBlock": blocks::hg_block::HgBlockConfig,
    ResNetLayer = "ResNetLayer": blocks::resnet::ResNetLayerConfig,
    Aifi = "AIFI": blocks::aifi::AifiConfig,
    Detect = "Detect": DetectConfig,
    V10Detect = "v10Detect": heads::v10::V10DetectConfig,
    Segment = "Segment": heads::segment::SegmentConfig,
    Segment26 = "Segment26": heads::segment::Segment26Config,
    AsffDetect = "ASFFDetect": heads::asff::AsffDetectConfig,
    RtDetr = "RTDETRDecoder": heads::rtdetr::RtDetrConfig,
}
