//! The convolution as an operation of Burn's automatic differentiation, on any backend.

use burn::backend::{
    Autodiff, Backend, DispatchKindConversion, DispatchTensor, Shape, Slice, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    ops::ConvOptions,
};
use burn::tensor::Tensor;

/// A training device of a backend.
type Training<B> = Autodiff<B, NoCheckpointing>;

/// See [`super::conv2d`]; None on a device of another backend, or off a training device.
pub fn conv2d<B: Backend>(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    [stride, padding, groups]: [usize; 3],
) -> Option<Tensor<4>>
where
    DispatchTensor: DispatchKindConversion<Training<B>>,
{
    let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
    let (x, x_node) = x
        .clone()
        .try_into_primitive::<Training<B>>()
        .ok()?
        .into_parts();
    let (weight, weight_node) = weight
        .clone()
        .try_into_primitive::<Training<B>>()
        .ok()?
        .into_parts();
    let output = B::conv2d(x.clone(), weight.clone(), None, options.clone());
    let output = match Grouped
        .prepare::<NoCheckpointing>([x_node, weight_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((x, weight, options), output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training<B>>(output))
}

#[derive(Debug)]
struct Grouped;

impl<B: Backend> Backward<B, 2> for Grouped {
    type State = (
        B::FloatTensorPrimitive,
        B::FloatTensorPrimitive,
        ConvOptions<2>,
    );

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (x, weight, options) = ops.state;
        let [x_parent, weight_parent] = ops.parents;
        if let Some(parent) = x_parent {
            let found =
                B::conv2d_x_backward(x.clone(), weight.clone(), gradient.clone(), options.clone());
            gradients.register::<B>(parent.id, found);
        }
        if let Some(parent) = weight_parent {
            gradients.register::<B>(
                parent.id,
                weight_gradient::<B>(x, weight.shape(), gradient, options),
            );
        }
    }
}

/// The maps convolved with the gradient's as kernels, each image's groups as groups of their own;
/// then summed over images.
fn weight_gradient<B: Backend>(
    x: B::FloatTensorPrimitive,
    weight: Shape,
    gradient: B::FloatTensorPrimitive,
    options: ConvOptions<2>,
) -> B::FloatTensorPrimitive {
    let ([batch, _, height, width], [c_out, c_in, kernel, _]) = (x.shape().dims(), weight.dims());
    let [_, _, height_out, width_out] = gradient.shape().dims();
    let groups = batch * options.groups;

    let x = B::float_reshape(x, Shape::from([groups, c_in, height, width]));
    let kernels = B::float_reshape(
        gradient,
        Shape::from([batch * c_out, 1, height_out, width_out]),
    );
    // Where a step of the kernel skips cells, so do the kernels here.
    let steps = ConvOptions::new(
        options.dilation,
        options.padding_begin(),
        options.stride,
        groups,
    );
    let found = B::conv2d(B::float_swap_dims(x, 0, 1), kernels, None, steps);
    // Cells beyond the last step make the result larger than the kernel.
    let all = Slice::from(0..c_in);
    let found = B::float_slice(
        found,
        &[
            all,
            Slice::from(0..batch * c_out),
            Slice::from(0..kernel),
            Slice::from(0..kernel),
        ],
    );

    let found = B::float_reshape(found, Shape::from([c_in, batch, c_out * kernel * kernel]));
    let found = B::float_reshape(
        B::float_sum_dim(found, 1),
        Shape::from([c_in, c_out, kernel, kernel]),
    );
    B::float_swap_dims(found, 0, 1)
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::{Device, Distribution, Tolerance, module};

    use super::*;

    /// Gradients of both inputs, the output's own one being the output.
    fn gradients(
        inputs: [Tensor<4>; 2],
        convolve: impl FnOnce(&Tensor<4>, &Tensor<4>) -> Tensor<4>,
    ) -> [Tensor<4>; 2] {
        let inputs = inputs.map(|input| input.require_grad());
        let mut found = convolve(&inputs[0], &inputs[1])
            .square()
            .mul_scalar(0.5)
            .sum()
            .backward();
        inputs.map(|input| input.grad_remove(&mut found).expect("it takes part"))
    }

    #[test]
    fn gradients_are_those_that_burn_takes_group_by_group() {
        let device = Device::flex().autodiff();
        for (batch, groups, c_in, c_out, kernel, stride, [height, width]) in [
            (1, 6, 1, 1, 3, 1, [7, 5]),
            (3, 4, 1, 2, 5, 2, [8, 11]),
            (2, 3, 2, 4, 3, 2, [9, 8]),
            (2, 2, 3, 1, 1, 1, [4, 4]),
        ] {
            let random = |shape: [usize; 4]| {
                Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device)
            };
            let inputs = [
                random([batch, groups * c_in, height, width]),
                random([groups * c_out, c_in, kernel, kernel]),
            ];
            let padding = kernel / 2;
            let ours = gradients(inputs.clone(), |x, weight| {
                conv2d::<Flex>(x, weight, [stride, padding, groups]).expect("a CPU")
            });
            let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
            let burns = gradients(inputs, |x, weight| {
                module::conv2d(x.clone(), weight.clone(), None, options)
            });
            for (ours, burns) in ours.into_iter().zip(burns) {
                ours.into_data()
                    .assert_approx_eq::<f32>(&burns.into_data(), Tolerance::rel_abs(1e-4, 1e-4));
            }
        }
    }
}
