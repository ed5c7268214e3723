//! What the registry needs to know of a block.

use burn::tensor::Tensor;

use super::row::RowReader;
use crate::{coding::DetectConfig, initializer::Initializer, shape::Shape, tally::Tally};

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

    /// The arguments as a printed model table shows them.
    fn arguments(&self) -> String;

    /// The geometry of a detection head; None for any other block.
    fn detect(&self) -> Option<&DetectConfig> {
        None
    }
}

/// The one input of a block that takes one; [`RowReader::channels_in`] has checked that it is one.
pub(crate) fn only<T>(inputs: Vec<T>) -> T {
    inputs
        .into_iter()
        .next()
        .expect("a block's row is read with at least one input")
}
