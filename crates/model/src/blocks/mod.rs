//! The layer types that a table's rows can name. A block is one file: how its row is read, how it changes shapes, what it
//! costs, its burn module, its source.

mod batch_norm;
mod bottleneck;
mod c2f;
mod c3;
mod concat;
mod conv;
mod dwconv;
mod dynamic_conv;
mod fasternet;
mod ghost;
mod ghost_bottleneck;
mod gs_bottleneck;
mod gsconv;
mod gsconvns;
mod index;
mod inverted_residual;
mod repvgg;
mod row;
mod sppf;
mod stem;
mod upsample;
mod vovgscsp;

use burn::tensor::Tensor;

pub use ablate_kernels::Activation;
pub use batch_norm::BatchNorm2d;
pub use bottleneck::{Bottleneck, BottleneckConfig, Link};
pub use c2f::{C2f, C2fConfig};
pub use c3::{C3, C3Config, CspConfig};
pub use concat::{Concat, ConcatConfig};
pub(crate) use conv::conv_norm_act;
pub use conv::{Conv, ConvConfig, conv2d, convolve};
pub use dwconv::DwConvConfig;
pub use dynamic_conv::{DynamicConv, DynamicConvConfig};
pub use fasternet::{FasterNet, FasterNetConfig, FasterNetSize};
pub use ghost::{GhostConv, GhostModule, GhostModuleConfig, PerImageConv, PlainConv};
pub use ghost_bottleneck::{GhostBottleneck, GhostBottleneckConfig};
pub use gs_bottleneck::{GsBottleneck, GsBottleneckConfig};
pub use gsconv::{GsConv, GsConvConfig};
pub use gsconvns::{GsConvNs, GsConvNsConfig};
pub use index::{Index, IndexConfig};
pub use inverted_residual::{InvertedResidual, InvertedResidualConfig};
pub use repvgg::{RepVgg, RepVggConfig};
pub(crate) use row::{Row, RowReader};
pub use sppf::{Sppf, SppfConfig};
pub use stem::{Stem, StemConfig};
pub(crate) use upsample::upsample_nearest;
pub use upsample::{Upsample, UpsampleConfig};
pub use vovgscsp::{VovGsCsp, VovGsCspConfig};

use crate::{
    Initializer,
    cost::{Shape, Tally},
    heads::DetectConfig,
};

/// What the registry needs to know of a block. [`trace`](Block::trace) is the forward pass on shapes, step by step that of
/// [`forward`](Block::forward), so that costs and shapes can't drift from what runs; a test holds the two together.
pub(crate) trait Block: Sized {
    /// The burn module.
    type Layer;

    /// Whether a row's repeats go into one block rather than making a chain of blocks.
    const REPEATS_INSIDE: bool = false;

    /// Whether the first argument is a number of channels that scales with width.
    const SCALES_CHANNELS: bool = true;

    /// Reads a row; the error says what would be right, without naming the row.
    fn read(row: &RowReader) -> Result<Self, String>;

    /// Shapes of the outputs for the shapes of the inputs; what it costs goes to the tally.
    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String>;

    /// The module with fresh weights.
    fn init(&self, init: &Initializer) -> Self::Layer;

    /// Outputs for inputs, all `[batch, channels, height, width]`.
    fn forward(layer: &Self::Layer, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>>;

    /// The arguments as a printed model table shows them.
    fn arguments(&self) -> String;

    /// The geometry of a detection head; none for any other block.
    fn detect(&self) -> Option<&DetectConfig> {
        None
    }
}

/// The one input of a block that takes one; how many there are was checked when its row was read.
pub(crate) fn only<T>(inputs: Vec<T>) -> T {
    inputs
        .into_iter()
        .next()
        .expect("a block's row is read with at least one input")
}
