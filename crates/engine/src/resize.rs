//! Maps of other sides, as a node of a graph.

use crate::builder::{Builder, Node, Value};

/// How the pixels of a map of other sides are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Each the nearest, as PyTorch's `nearest`.
    Nearest,
    /// Each between four.
    Bilinear {
        /// Whether the corners' centres lie on each other rather than their edges.
        align_corners: bool,
    },
}

impl Resize {
    /// For each of `to` pixels along a side of `from`: two pixels, and the share of the second.
    pub(crate) fn along(self, from: usize, to: usize) -> Vec<(usize, usize, f32)> {
        let place = |i: usize| match self {
            Self::Nearest => (i * from / to) as f64,
            Self::Bilinear {
                align_corners: true,
            } => i as f64 * (from - 1) as f64 / (to - 1).max(1) as f64,
            Self::Bilinear {
                align_corners: false,
            } => ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0),
        };
        let pair = |i: usize| {
            let place = place(i);
            let low = (place as usize).min(from - 1);
            (low, (low + 1).min(from - 1), place.fract() as f32)
        };
        (0..to).map(pair).collect()
    }
}

impl Builder {
    /// The map with other sides, height before width.
    ///
    /// # Errors
    /// A side of 0.
    pub fn resize(&mut self, x: Value, sides: [usize; 2], resize: Resize) -> Result<Value, String> {
        let [batch, channels, height, width] = self.shape(x);
        if [height, width, sides[0], sides[1]].contains(&0) {
            return Err(format!(
                "resize: expected sides above 0, found {height}×{width} and {}×{}",
                sides[0], sides[1]
            ));
        }
        let shape = [batch, channels, sides[0], sides[1]];
        Ok(self.push(Node::Resize(x, resize), shape))
    }
}
