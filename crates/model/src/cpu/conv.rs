//! Convolution as matrix products, forward and backward, a few images at a time.

use burn::backend::{
    DType, Flex,
    flex::{FlexTensor, Layout},
    ops::FloatTensorOps,
};
use burn::tensor::{Bytes, Shape};

use super::columns::{Geometry, Part, add_columns, columns};
use super::fill_parts;

/// Elements of a matrix: what a cache holds.
const MATRIX: usize = 1 << 20;

/// The output, `[batch, groups · c_out, out_height, out_width]`. Weights are `[groups · c_out, c_in, kernel, kernel]`.
pub fn forward(g: &Geometry, x: &[f32], weight: &[f32]) -> Vec<f32> {
    let area = g.out_area();
    let mut y = vec![0.0; g.batch * g.groups * g.c_out * area];
    for part in parts(g) {
        let matrix = matrix(columns(g, x, part), g.rows());
        let product = Flex::float_matmul(group_weight(g, weight, part.group), matrix);
        let product: &[f32] = product.storage();
        scatter(g, product, part, &mut y[part.first * g.groups * g.c_out * area..][..part.images * g.groups * g.c_out * area]);
    }
    y
}

/// Gradients of the input, where it is asked for, and of the weights.
pub fn backward(g: &Geometry, x: &[f32], weight: &[f32], gradient: &[f32], wants_x: bool) -> (Option<Vec<f32>>, Vec<f32>) {
    let image = g.groups * g.c_in * g.area();
    let mut x_gradient = if wants_x { vec![0.0; g.batch * image] } else { Vec::new() };
    let mut weight_gradient = vec![0.0; weight.len()];
    for part in parts(g) {
        let output = matrix(gather(g, gradient, part), g.c_out);
        let inputs = matrix(columns(g, x, part), g.rows());
        let product = Flex::float_matmul(output.clone(), inputs.transpose(0, 1));
        let product: &[f32] = product.storage();
        let group = &mut weight_gradient[part.group * g.c_out * g.rows()..][..g.c_out * g.rows()];
        group.iter_mut().zip(product).for_each(|(sum, term)| *sum += term);
        if wants_x {
            let product = Flex::float_matmul(group_weight(g, weight, part.group).transpose(0, 1), output);
            let product: &[f32] = product.storage();
            add_columns(g, product, part, &mut x_gradient[part.first * image..][..part.images * image]);
        }
    }
    (wants_x.then_some(x_gradient), weight_gradient)
}

/// The parts of a batch whose matrices are of bearable size.
fn parts(g: &Geometry) -> impl Iterator<Item = Part> + use<> {
    let (batch, groups) = (g.batch, g.groups);
    let images = (MATRIX / (g.rows().max(g.c_out) * g.out_area()).max(1)).clamp(1, batch.max(1));
    (0..batch).step_by(images).flat_map(move |first| (0..groups).map(move |group| Part { first, images: images.min(batch - first), group }))
}

/// A matrix from its elements, row by row.
fn matrix(elements: Vec<f32>, rows: usize) -> FlexTensor {
    let shape = Shape::from(vec![rows, elements.len() / rows]);
    FlexTensor::new(Bytes::from_elems(elements), Layout::contiguous(shape), DType::F32)
}

/// The weights of a group, `c_out × rows`.
fn group_weight(g: &Geometry, weight: &[f32], group: usize) -> FlexTensor {
    let len = g.c_out * g.rows();
    matrix(weight[group * len..][..len].to_vec(), g.c_out)
}

/// The part's output maps side by side, `c_out × (images · out_area)`.
fn gather(g: &Geometry, y: &[f32], part: Part) -> Vec<f32> {
    let area = g.out_area();
    let mut matrix = vec![0.0; g.c_out * part.images * area];
    fill_parts(&mut matrix, part.images * area, |channel, row| {
        for (image, row) in row.chunks_exact_mut(area).enumerate() {
            let plane = ((part.first + image) * g.groups + part.group) * g.c_out + channel;
            row.copy_from_slice(&y[plane * area..][..area]);
        }
    });
    matrix
}

/// The way back: `y` is the part's images, all groups.
fn scatter(g: &Geometry, matrix: &[f32], part: Part, y: &mut [f32]) {
    let area = g.out_area();
    fill_parts(y, area, |plane, y| {
        let (image, channel) = (plane / (g.groups * g.c_out), plane % (g.groups * g.c_out));
        let Some(channel) = channel.checked_sub(part.group * g.c_out).filter(|channel| *channel < g.c_out) else { return };
        y.copy_from_slice(&matrix[(channel * part.images + image) * area..][..area]);
    });
}
