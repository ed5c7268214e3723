//! A figure added to all elements of a channel.

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::tensor::{Shape, Tensor};

use super::autodiff::{Training, contiguous, elements, tensor, tracked};
use super::norm::Planes;
use super::vector::{sum, vectorized};
use super::{filled, map_parts};

/// `x + bias` by channel, of `x` `[batch, channels, height, width]`; None if this module does not cover it.
pub fn add_bias(x: &Tensor<4>, bias: &Tensor<1>) -> Option<Tensor<4>> {
    let planes = Planes::from(x.dims());
    if bias.dims() != [planes.channels] {
        return None;
    }
    let (x, x_node) = tracked(x)?;
    let (bias, bias_node) = tracked(bias)?;
    let (from, bias) = (elements(&x), elements(&bias));
    let output = filled(from.len(), planes.len, 1, |plane, y| {
        let (x, bias) = (planes.of(from, plane), bias[plane % planes.channels]);
        vectorized!({
            for (y, x) in y.iter_mut().zip(x) {
                *y = x + bias;
            }
        });
    });
    let output = tensor(output, x.layout().shape().clone());
    let output = match AddBias
        .prepare::<NoCheckpointing>([x_node, bias_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(planes, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

#[derive(Debug)]
struct AddBias;

impl Backward<Flex, 2> for AddBias {
    type State = Planes;

    fn backward(self, ops: Ops<Planes, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let planes = ops.state;
        let [x_parent, bias_parent] = ops.parents;
        if let Some(parent) = bias_parent {
            let from = elements(&gradient);
            let sums = map_parts(planes.count(), planes.len, |plane| {
                [vectorized!({ sum(planes.of(from, plane), |d| d) })]
            });
            let sums = planes.by_channel(&sums);
            let found = sums.into_iter().map(|[sum]| sum as f32).collect();
            let shape = Shape::from(vec![planes.channels]);
            gradients.register::<Flex>(parent.id, tensor(found, shape));
        }
        if let Some(parent) = x_parent {
            gradients.register::<Flex>(parent.id, gradient);
        }
    }
}
