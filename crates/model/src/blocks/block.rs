//! What the registry needs to know of a block.

use burn::tensor::Tensor;

use super::row::RowReader;
use crate::{
    coding::DetectConfig, inference::Traced, initializer::Initializer, shape::Shape, tally::Tally,
};

/// What the registry needs to know of a block. [`trace`](Block::trace) is the forward pass on
/// shapes, step by step that of [`forward`](Block::forward), so that costs and shapes can't drift
/// from what runs; a test holds the two together.
pub trait Block: Sized {
    /// The burn module.
    type Layer;

    /// Whether a row's repeats go into one block rather than making a chain of blocks.
    const REPEATS_INSIDE: bool = false;

    /// Whether the first argument is a number of channels that scales with width.
    const SCALES_CHANNELS: bool = true;

    /// Reads a row; the error says what was expected, without naming the row.
    fn read(row: &RowReader) -> Result<Self, String>;

    /// Shapes of the outputs for the shapes of the inputs; what it costs goes to the tally.
    fn trace(&self, inputs: &[Shape], tally: &mut Tally) -> Result<Vec<Shape>, String>;

    /// The module with fresh weights.
    fn init(&self, init: &Initializer) -> Self::Layer;

    /// Outputs for inputs, all `[batch, channels, height, width]`.
    fn forward(layer: &Self::Layer, inputs: Vec<Tensor<4>>) -> Vec<Tensor<4>>;

    /// The same on values of a graph, for inference by the CPU's engine; None of a block that it
    /// can't run. The macro `on_maps` makes both of one forward pass.
    fn lower(_: &Self::Layer, _: Vec<Traced>) -> Option<Vec<Traced>> {
        None
    }

    /// The arguments as a printed model table shows them.
    fn arguments(&self) -> String;

    /// The geometry of a detection head; None for any other block.
    fn detect(&self) -> Option<&DetectConfig> {
        None
    }
}

/// [`Block::forward`] and [`Block::lower`] of one expression on any [`FeatureMap`].
///
/// [`FeatureMap`]: crate::inference::FeatureMap
macro_rules! on_maps {
    ($layer:ident: $type:ty, $inputs:ident => $body:expr) => {
        fn forward(
            $layer: &$type,
            $inputs: Vec<burn::tensor::Tensor<4>>,
        ) -> Vec<burn::tensor::Tensor<4>> {
            $body
        }

        fn lower(
            $layer: &$type,
            $inputs: Vec<$crate::inference::Traced>,
        ) -> Option<Vec<$crate::inference::Traced>> {
            Some($body)
        }
    };
}
pub(crate) use on_maps;

/// The same of a [`Link`](super::bottleneck::Link).
macro_rules! on_map {
    ($layer:ident: $type:ty, $x:ident => $body:expr) => {
        fn forward($layer: &$type, $x: burn::tensor::Tensor<4>) -> burn::tensor::Tensor<4> {
            $body
        }

        fn lower(
            $layer: &$type,
            $x: $crate::inference::Traced,
        ) -> Option<$crate::inference::Traced> {
            Some($body)
        }
    };
}
pub(crate) use on_map;

/// The one input of a block that takes one; [`RowReader::channels_in`] has checked that it is one.
pub(crate) fn only<T>(inputs: Vec<T>) -> T {
    inputs
        .into_iter()
        .next()
        .expect("a block's row is read with at least one input")
}
