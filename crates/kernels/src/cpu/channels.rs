//! Tensors joined along their second dimension and cut apart: channels of maps, cells of logits.

use std::mem::MaybeUninit;

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, NodeGuard, Ops, OpsKind},
    },
    flex::FlexTensor,
};
use burn::tensor::{Shape, Tensor};
use rayon::prelude::*;

use super::autodiff::{Training, contiguous, elements, tensor, tracked};
use super::parts;

/// As [`crate::concatenated`]; None if this module does not cover it.
pub fn concatenated<const D: usize>(tensors: &[Tensor<D>]) -> Option<Tensor<D>> {
    match tensors.len() {
        2 => join::<D, 2>(tensors),
        3 => join::<D, 3>(tensors),
        4 => join::<D, 4>(tensors),
        5 => join::<D, 5>(tensors),
        6 => join::<D, 6>(tensors),
        7 => join::<D, 7>(tensors),
        8 => join::<D, 8>(tensors),
        _ => None,
    }
}

/// Burn fixes a node's number of parents by its type.
fn join<const D: usize, const N: usize>(tensors: &[Tensor<D>]) -> Option<Tensor<D>> {
    let mut dims = tensors[0].dims();
    let counts: [usize; N] = std::array::from_fn(|i| tensors[i].dims()[1]);
    let is_alike = |tensor: &Tensor<D>| {
        let own = tensor.dims();
        own[0] == dims[0] && own[2..] == dims[2..]
    };
    if !tensors.iter().all(is_alike) {
        return None;
    }
    dims[1] = counts.iter().sum();
    let (tensors, nodes): (Vec<FlexTensor>, Vec<NodeGuard>) = tensors
        .iter()
        .map(tracked)
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .unzip();
    let nodes: [NodeGuard; N] = nodes.try_into().ok()?;

    let len = dims[2..].iter().product::<usize>();
    let from: Vec<&[f32]> = tensors.iter().map(elements).collect();
    let output = written(dims, |row, mut out| {
        for (from, count) in from.iter().zip(counts) {
            let (here, rest) = out.split_at_mut(count * len);
            here.write_copy_of_slice(&from[row * count * len..][..count * len]);
            out = rest;
        }
    });
    let output = match Join
        .prepare::<NoCheckpointing>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((Shape::from(dims), counts), output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

#[derive(Debug)]
struct Join;

impl<const N: usize> Backward<Flex, N> for Join {
    /// The output's sides, and what each input has of the second.
    type State = (Shape, [usize; N]);

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let (shape, counts) = ops.state;
        let mut first = 0;
        for (parent, count) in ops.parents.into_iter().zip(counts) {
            if let Some(parent) = parent {
                let found = cut(elements(&gradient), &shape, first, count);
                gradients.register::<Flex>(parent.id, found);
            }
            first += count;
        }
    }
}

/// As [`crate::channels`]; None if this module does not cover it.
pub fn channels<const D: usize>(x: &Tensor<D>, first: usize, count: usize) -> Option<Tensor<D>> {
    if count == 0 || first + count > x.dims()[1] {
        return None;
    }
    let (x, node) = tracked(x)?;
    let shape = x.layout().shape().clone();
    let output = cut(elements(&x), &shape, first, count);
    let output = match Cut
        .prepare::<NoCheckpointing>([node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((shape, first), output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

#[derive(Debug)]
struct Cut;

impl Backward<Flex, 1> for Cut {
    /// The input's sides, and where the cut begins.
    type State = (Shape, usize);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let (shape, first) = ops.state;
        if let [Some(parent)] = ops.parents {
            let len = shape[2..].iter().product::<usize>();
            let count = gradient.layout().shape()[1] * len;
            let from = elements(&gradient);
            let found = written(shape, |row, out| {
                let (before, rest) = out.split_at_mut(first * len);
                let (here, after) = rest.split_at_mut(count);
                before.fill(MaybeUninit::new(0.0));
                here.write_copy_of_slice(&from[row * count..][..count]);
                after.fill(MaybeUninit::new(0.0));
            });
            gradients.register::<Flex>(parent.id, found);
        }
    }
}

/// A stretch of the second dimension.
fn cut(from: &[f32], shape: &Shape, first: usize, count: usize) -> FlexTensor {
    let (all, len) = (shape[1], shape[2..].iter().product::<usize>());
    let mut dims = shape.to_vec();
    dims[1] = count;
    written(dims, |row, out| {
        out.write_copy_of_slice(&from[(row * all + first) * len..][..count * len]);
    })
}

/// A tensor written row by row of its first dimension: `write` is given the row's number and its memory, all of
/// which it writes.
fn written(
    shape: impl Into<Shape>,
    write: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync + Send,
) -> FlexTensor {
    let shape = shape.into();
    let (all, row) = (shape.num_elements(), shape[1..].iter().product());
    let mut out = Vec::with_capacity(all);
    parts(&mut out.spare_capacity_mut()[..all], row, 1).for_each(|(row, out)| write(row, out));
    // SAFETY: the rows are all of the memory, and each has been written.
    #[allow(unsafe_code)]
    unsafe {
        out.set_len(all);
    }
    tensor(out, shape)
}
