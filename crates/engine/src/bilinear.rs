//! Bilinear upsampling, as a node of a graph.

use crate::builder::{Builder, Node, Value};

/// For each of `to` pixels along a side of `from`: the two pixels that it is between, and the share
/// of the second.
pub(crate) fn along(from: usize, to: usize, align_corners: bool) -> Vec<(usize, usize, f32)> {
    let place = |i: usize| match align_corners {
        true => i as f64 * (from - 1) as f64 / (to - 1).max(1) as f64,
        false => ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0),
    };
    let pair = |i: usize| {
        let place = place(i);
        let low = (place as usize).min(from - 1);
        (low, (low + 1).min(from - 1), place.fract() as f32)
    };
    (0..to).map(pair).collect()
}

impl Builder {
    /// The map with other sides, height before width, each pixel between four of the input. With
    /// `align_corners` the corners' centres lie on each other, otherwise their edges.
    ///
    /// # Errors
    /// A side of 0.
    pub fn bilinear(
        &mut self,
        x: Value,
        sides: [usize; 2],
        align_corners: bool,
    ) -> Result<Value, String> {
        let [batch, channels, height, width] = self.shape(x);
        if [height, width, sides[0], sides[1]].contains(&0) {
            return Err(format!(
                "upsampling: expected sides above 0, found {height}×{width} and {}×{}",
                sides[0], sides[1]
            ));
        }
        let shape = [batch, channels, sides[0], sides[1]];
        Ok(self.push(Node::Bilinear(x, align_corners), shape))
    }
}
