//! Maps rearranged so that the channels of a place lie side by side, and back.

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::tensor::Tensor;

use super::autodiff::{Training, contiguous, elements, tensor, tracked};
use super::filled;

/// As [`crate::channels_last`]; None if this module does not cover it.
pub fn channels_last(x: &Tensor<5>) -> Option<Tensor<5>> {
    let [batch, groups, channels, height, width] = x.dims();
    let (x, node) = tracked(x)?;
    let places = height * width;
    let output = tensor(
        transposed(elements(&x), channels, places),
        [batch, groups, height, width, channels],
    );
    let output = match ChannelsLast
        .prepare::<NoCheckpointing>([node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(x.layout().shape().dims::<5>(), output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

#[derive(Debug)]
struct ChannelsLast;

impl Backward<Flex, 1> for ChannelsLast {
    type State = [usize; 5];

    fn backward(self, ops: Ops<[usize; 5], 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let [.., channels, height, width] = ops.state;
        if let [Some(parent)] = ops.parents {
            let found = transposed(elements(&gradient), height * width, channels);
            gradients.register::<Flex>(parent.id, tensor(found, ops.state));
        }
    }
}

/// Matrices of `rows × columns`, one after the other, each turned into one of `columns × rows`.
fn transposed(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    /// A square of this side is read and written while all its lines are in the cache.
    const SIDE: usize = 16;
    let len = rows * columns;
    filled(x.len(), len, 1, |number, out| {
        let x = &x[number * len..][..len];
        for first in (0..rows).step_by(SIDE) {
            let last = rows.min(first + SIDE);
            for (column, out) in out.chunks_exact_mut(rows).enumerate() {
                let from = x[column..].iter().step_by(columns).skip(first);
                for (out, x) in out[first..last].iter_mut().zip(from) {
                    *out = *x;
                }
            }
        }
    })
}
