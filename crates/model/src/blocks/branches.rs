//! Two convolutions side by side that are one at inference.

use super::conv::{Conv, ConvConfig};
use crate::{
    fuse::{Fuse, absorb},
    inference::FeatureMap,
    shape::Shape,
    tally::Tally,
};
use ablate_kernels::Activation;

/// The activation of their sum: blocks of this kind don't go by the table's.
const ACTIVATION: Activation = Activation::Silu;

/// Two convolutions of the same maps, each under batch normalisation, whose sum is activated. The
/// large kernel takes in the small one at inference.
///
/// Parameters and GFLOPs, published and exact, are those of the two branches, as the packages count
/// them; one convolution of the large kernel runs.
/// Source: Ding et al., RepVGG, arXiv:2101.03697.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BranchesConfig {
    /// Channels of input and output.
    pub channels: usize,
    /// Sides of the large and of the small kernel.
    pub kernels: [usize; 2],
    /// Groups of channels that are convolved apart.
    pub groups: usize,
}

impl BranchesConfig {
    /// The branches, the larger one first.
    pub fn convs(&self) -> [ConvConfig; 2] {
        self.kernels.map(|kernel| {
            ConvConfig::new(self.channels, self.channels, kernel, 1)
                .groups(self.groups)
                .linear()
        })
    }

    /// Output shape; the cost goes to the tally.
    pub fn trace_one(&self, x: Shape, tally: &mut Tally) -> Shape {
        let [large, small] = self.convs();
        let y = tally.folded_conv(small.conv, x);
        tally.batch_norm(y);
        large.trace_one(x, tally)
    }
}

/// The activated sum of two branches, or of the one that has taken in the other.
pub(super) fn forward<M: FeatureMap>(large: &Conv, small: &Option<Conv>, x: M) -> M {
    match small {
        Some(small) => (large.forward(x.clone()) + small.forward(x)).activated(ACTIVATION),
        None => large.forward(x),
    }
}

/// Makes one convolution of two branches, for inference alone.
pub(super) fn merge(large: &mut Conv, small: &mut Option<Conv>) {
    if let Some(mut small) = small.take() {
        large.fuse();
        small.fuse();
        absorb(&mut large.conv, &small.conv);
        large.activation = ACTIVATION;
    }
}
