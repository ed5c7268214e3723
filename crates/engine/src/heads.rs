//! Attention among the positions of a map, as a node of a graph.

use crate::builder::{Builder, Node, Value};

/// Softmax attention of some heads, each of an equal part of the channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Parts of the channels that attend apart.
    pub heads: usize,
    /// Stretches of positions, row by row, that attend apart.
    pub areas: usize,
    /// Times the product of a query and a key.
    pub scale: f32,
}

impl Attention {
    fn output(&self, all: [[usize; 4]; 3]) -> Result<[usize; 4], String> {
        let [queries, keys, values] = all;
        let Self { heads, areas, .. } = *self;
        let size = |[batch, _, height, width]: [usize; 4]| [batch, height, width];
        if queries != keys || size(queries) != size(values) {
            return Err(format!(
                "expected queries and keys of one shape and values of their size, found \
                 {queries:?}, {keys:?} and {values:?}"
            ));
        }
        let parts = |number: usize, of: usize| of > 0 && number > 0 && number.is_multiple_of(of);
        if !parts(queries[1], heads) || !parts(values[1], heads) {
            return Err(format!(
                "expected {} and {} channels to divide into {heads} heads",
                queries[1], values[1]
            ));
        }
        match parts(queries[2] * queries[3], areas) {
            true => Ok(values),
            false => Err(format!(
                "expected {}×{} positions to divide into {areas} areas",
                queries[2], queries[3]
            )),
        }
    }
}

impl Builder {
    /// The sum of the values that each query sees, weighed by the softmax over the keys of
    /// `scale · query · key`; within each head, and each area of the map.
    ///
    /// # Errors
    /// Maps of different sizes, or that don't divide into heads and areas.
    pub fn attention(
        &mut self,
        queries: Value,
        keys: Value,
        values: Value,
        attention: Attention,
    ) -> Result<Value, String> {
        let all = [queries, keys, values];
        let shape = attention
            .output(all.map(|value| self.shape(value)))
            .map_err(|error| format!("attention: {error}"))?;
        Ok(self.push(Node::Attention(all, attention), shape))
    }
}
