//! Transposed convolutions, as a node of a graph.

use crate::{
    builder::{Builder, Node, Value},
    conv2d::Conv2d,
};

impl Builder {
    /// A transposed convolution whose kernel is a square of its step, without padding: every pixel
    /// becomes a square. Weights `[channels in, channels out, side, side]`, row-major; a bias for
    /// each channel out.
    ///
    /// # Errors
    /// Weights, bias and channels don't match.
    pub fn conv_transpose2d(
        &mut self,
        x: Value,
        weights: &[f32],
        [c_in, c_out, side, wide]: [usize; 4],
        bias: &[f32],
    ) -> Result<Value, String> {
        let [batch, channels, height, width] = self.shape(x);
        let area = side * side;
        if side != wide || [c_in, c_out, side].contains(&0) || c_in != channels {
            return Err(format!(
                "transposed convolution: expected {channels} channels in and a square kernel, found \
                 weights of {:?}",
                [c_in, c_out, side, wide]
            ));
        }
        let (found, expected) = ([weights.len(), bias.len()], [c_in * c_out * area, c_out]);
        if found != expected {
            return Err(format!(
                "transposed convolution: expected {} weights and {} biases, found {} and {}",
                expected[0], expected[1], found[0], found[1]
            ));
        }
        let at = |place: usize| {
            let of = |i: usize| weights[(i % c_in * c_out + i / c_in) * area + place];
            let weights = (0..c_out * c_in).map(of).collect();
            Conv2d::new(weights, [c_out, c_in, 1, 1], bias.to_vec())
        };
        let convs = (0..area).map(at).collect();
        let shape = [batch, c_out, height * side, width * side];
        Ok(self.push(Node::Transposed(x, convs), shape))
    }
}
