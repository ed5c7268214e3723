//! The operations as Burn's automatic differentiation knows them.

use burn::backend::{
    Autodiff, DType, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
        grads::Gradients,
        ops::{Backward, NodeGuard, Ops, OpsKind},
    },
    flex::{FlexTensor, Layout},
};
use burn::tensor::{Bytes, Shape, Tensor};

use super::columns::Geometry;
use super::method::{self, is_depthwise};
use super::norm::{Affine, Planes};
use super::{conv, depthwise, filled, norm};
use crate::Activation;

/// A training device of the CPU backend.
pub(super) type Training = Autodiff<Flex, NoCheckpointing>;

/// What batch normalisation makes.
pub struct Normed {
    pub output: Tensor<4>,
    /// Mean and biased variance of each channel, off the training device.
    pub mean: Tensor<1>,
    pub variance: Tensor<1>,
}

/// `activation(batch_norm(x))` with the batch's own statistics; None if this module does not
/// cover it. `x` is `[batch, channels, height, width]`, `weight` and `bias` are `[channels]`.
pub fn norm_act(
    x: &Tensor<4>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Option<Normed> {
    let planes = Planes::from(x.dims());
    let (x, x_node) = tracked(x)?;
    let (weight, weight_node) = tracked(weight)?;
    let (bias, bias_node) = tracked(bias)?;

    let (mean, variance) = norm::statistics(planes, elements(&x));
    let inverse_std: Vec<f32> = variance
        .iter()
        .map(|v| (1.0 / (f64::from(*v) + epsilon).sqrt()) as f32)
        .collect();
    let scale = elements(&weight)
        .iter()
        .zip(&inverse_std)
        .map(|(weight, inverse)| weight * inverse)
        .collect();
    let affine = Affine {
        mean,
        scale,
        shift: elements(&bias).to_vec(),
    };
    let output = tensor(
        norm::forward(planes, elements(&x), &affine, activation),
        x.layout().shape().clone(),
    );
    let figures =
        |values: &[f32]| Tensor::from_primitive::<Flex>(tensor(values.to_vec(), [planes.channels]));
    let (mean, variance) = (figures(&affine.mean), figures(&variance));
    let output = match NormAct
        .prepare::<NoCheckpointing>([x_node, weight_node, bias_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(
            NormState {
                planes,
                x,
                affine,
                inverse_std,
                activation,
            },
            output,
        ),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Normed {
        output: Tensor::from_primitive::<Training>(output),
        mean,
        variance,
    })
}

#[derive(Debug)]
struct NormAct;

#[derive(Clone, Debug)]
struct NormState {
    planes: Planes,
    x: FlexTensor,
    affine: Affine,
    inverse_std: Vec<f32>,
    activation: Activation,
}

impl Backward<Flex, 3> for NormAct {
    type State = NormState;

    fn backward(self, ops: Ops<NormState, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let NormState {
            planes,
            x,
            affine,
            inverse_std,
            activation,
        } = ops.state;
        let found = norm::backward(
            planes,
            elements(&x),
            &affine,
            &inverse_std,
            activation,
            elements(&gradient),
        );
        let shapes = [
            x.layout().shape().clone(),
            Shape::from(vec![planes.channels]),
            Shape::from(vec![planes.channels]),
        ];
        for ((parent, found), shape) in ops
            .parents
            .iter()
            .zip([found.x, found.weight, found.bias])
            .zip(shapes)
        {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, tensor(found, shape));
            }
        }
    }
}

/// A convolution without bias or dilation; None if this module does not cover it. `x` is
/// `[batch, channels, height, width]`, `weight`
/// `[channels out, channels / groups, kernel, kernel]`.
pub fn conv2d(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    stride: usize,
    padding: usize,
    groups: usize,
) -> Option<Tensor<4>> {
    let geometry = geometry(x, weight, stride, padding, groups)?;
    let (x, x_node) = tracked(x)?;
    let (weight, weight_node) = tracked(weight)?;

    let output = method::forward(&geometry, elements(&x), elements(&weight));
    let output = tensor(output, geometry.output());
    let output = match Conv
        .prepare::<NoCheckpointing>([x_node, weight_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(
            ConvState {
                geometry,
                x,
                weight,
            },
            output,
        ),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

/// `activation(convolution + shift)` off a training device, the shift by output channel; None if
/// this module does not cover it. Sizes are those of [`conv2d`].
pub fn conv2d_act(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    shift: &Tensor<1>,
    [stride, padding, groups]: [usize; 3],
    activation: Activation,
) -> Option<Tensor<4>> {
    let geometry = geometry(x, weight, stride, padding, groups)?;
    let (x, weight, shift) = (untracked(x)?, untracked(weight)?, untracked(shift)?);
    let shift = elements(&shift);
    let finish = |channel: usize, row: &mut [f32]| norm::activate(row, shift[channel], activation);
    let output = match is_depthwise(&geometry) {
        true => depthwise::forward(&geometry, elements(&x), elements(&weight), finish),
        false => conv::forward(&geometry, elements(&x), elements(&weight), finish),
    };
    Some(Tensor::from_primitive::<Flex>(tensor(
        output,
        geometry.output(),
    )))
}

/// `activation(scale · x + shift)` by channel off a training device; None if this module does
/// not cover it.
pub fn affine_act(
    x: &Tensor<4>,
    scale: &Tensor<1>,
    shift: &Tensor<1>,
    activation: Activation,
) -> Option<Tensor<4>> {
    let planes = Planes::from(x.dims());
    let (x, scale, shift) = (untracked(x)?, untracked(scale)?, untracked(shift)?);
    let affine = Affine {
        mean: vec![0.0; planes.channels],
        scale: elements(&scale).to_vec(),
        shift: elements(&shift).to_vec(),
    };
    let output = norm::forward(planes, elements(&x), &affine, activation);
    Some(Tensor::from_primitive::<Flex>(tensor(
        output,
        x.layout().shape().clone(),
    )))
}

fn geometry(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    stride: usize,
    padding: usize,
    groups: usize,
) -> Option<Geometry> {
    let ([batch, channels, height, width], [channels_out, c_in, kernel, kernel_width]) =
        (x.dims(), weight.dims());
    let fits = groups * c_in * channels_out * height * width > 0
        && kernel == kernel_width
        && c_in * groups == channels
        && kernel <= height.min(width) + 2 * padding;
    fits.then(|| Geometry {
        batch,
        groups,
        c_in,
        c_out: channels_out / groups,
        height,
        width,
        kernel,
        stride,
        padding,
    })
}

/// The tensor as the CPU backend holds it, elements one after the other; None on another device.
fn untracked<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    if tensor.dtype() != DType::F32 || tensor.device().is_autodiff() {
        return None;
    }
    Some(
        tensor
            .clone()
            .try_into_primitive::<Flex>()
            .ok()?
            .to_contiguous(),
    )
}

#[derive(Debug)]
struct Conv;

#[derive(Clone, Debug)]
struct ConvState {
    geometry: Geometry,
    x: FlexTensor,
    weight: FlexTensor,
}

impl Backward<Flex, 2> for Conv {
    type State = ConvState;

    fn backward(self, ops: Ops<ConvState, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let ConvState {
            geometry,
            x,
            weight,
        } = ops.state;
        let [x_parent, weight_parent] = ops.parents;
        if let Some(parent) = x_parent {
            let found = method::input_gradient(&geometry, elements(&weight), elements(&gradient));
            gradients.register::<Flex>(parent.id, tensor(found, x.layout().shape().clone()));
        }
        if let Some(parent) = weight_parent {
            let found = method::weight_gradient(&geometry, elements(&x), elements(&gradient));
            gradients.register::<Flex>(parent.id, tensor(found, weight.layout().shape().clone()));
        }
    }
}

/// The tensor as the training device of the CPU backend holds it, elements one after the other, and
/// its node; None on another device.
pub(super) fn tracked<const D: usize>(tensor: &Tensor<D>) -> Option<(FlexTensor, NodeGuard)> {
    if tensor.dtype() != DType::F32 {
        return None;
    }
    let (tensor, node) = tensor
        .clone()
        .try_into_primitive::<Training>()
        .ok()?
        .into_parts();
    Some((contiguous(&tensor), node))
}

/// The tensor's elements one after the other. Where only its images lie apart, as in a slice of channels,
/// the threads share them out; Burn copies those of a small batch on one.
pub(super) fn contiguous(of: &FlexTensor) -> FlexTensor {
    let layout = of.layout();
    let shape = layout.shape();
    let (len, images_apart) = match (shape.num_elements(), shape.first()) {
        (all @ 1.., Some(images)) => {
            let len = all / images;
            let image = Layout::contiguous(Shape::from(shape[1..].to_vec()));
            let within = image.strides() == &layout.strides()[1..];
            (len, within && layout.strides()[0] > len as isize)
        }
        _ => (0, false),
    };
    if !images_apart || of.dtype() != DType::F32 {
        return of.to_contiguous();
    }
    let (from, step) = (layout.start_offset(), layout.strides()[0] as usize);
    let all = &of.storage::<f32>()[from..];
    let copied = filled(shape.num_elements(), len, 1, |image, out| {
        out.copy_from_slice(&all[image * step..][..len]);
    });
    tensor(copied, shape.clone())
}

/// The tensor as the CPU backend holds it, on its training device or off it, elements one after the other; None
/// on another device.
pub fn own<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    tracked(tensor)
        .map(|(tensor, _)| tensor)
        .or_else(|| untracked(tensor))
}

pub fn elements(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("contiguous floats")
}

pub(super) fn tensor(elements: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(elements),
        Layout::contiguous(shape.into()),
        DType::F32,
    )
}
