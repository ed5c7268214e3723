//! Convolution as matrix products, forward and backward. The threads share the images out; each works on pieces that fit its cache.

use std::{cell::RefCell, ops::Range};

use rayon::prelude::*;

use super::columns::{Geometry, add_columns, columns};
use super::matrix::{Matrix, multiply};

/// Elements of a matrix that a core's cache holds.
const MATRIX: usize = 1 << 16;

/// Columns that a product should have; where a map has fewer, several images go into one.
const COLUMNS: usize = 32;

/// The output, `[batch, groups · c_out, out_height, out_width]`. Weights are `[groups · c_out, c_in, kernel, kernel]`.
pub fn forward(g: &Geometry, x: &[f32], weight: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; g.batch * g.groups * g.c_out * g.out_area()];
    let images = g.images_at_once();
    let parts = y.par_chunks_mut(images * g.c_out * g.out_area()).zip(x.par_chunks(images * g.c_in * g.area()));
    parts.enumerate().for_each(|(part, (y, x))| {
        let weight = g.group_weight(weight, part);
        with_scratch(|[inputs, outputs]| {
            if y.len() > g.c_out * g.out_area() {
                let inputs = g.matrix(x, 0..g.out_height(), inputs);
                let outputs = sized(outputs, y.len());
                multiply(weight, inputs, outputs, y.len() / g.c_out, false);
                return interleave(g, outputs, y);
            }
            for lines in g.pieces() {
                let first = lines.start * g.out_width();
                multiply(weight, g.matrix(x, lines, inputs), &mut y[first..], g.out_area(), false);
            }
        });
    });
    y
}

/// Gradient of the input.
pub fn input_gradient(g: &Geometry, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let mut x = vec![0.0; g.batch * g.groups * g.c_in * g.area()];
    let images = g.images_at_once();
    let parts = x.par_chunks_mut(images * g.c_in * g.area()).zip(gradient.par_chunks(images * g.c_out * g.out_area()));
    parts.enumerate().for_each(|(part, (x, gradient))| {
        let weight = g.group_weight(weight, part).transposed();
        with_scratch(|[inputs, outputs]| {
            for lines in g.pieces() {
                let (gradient, columns) = g.output_matrix(gradient, lines.clone(), outputs);
                match g.is_pointwise() && columns == g.area() {
                    true => multiply(weight, gradient, x, columns, false),
                    false => {
                        let inputs = sized(inputs, g.rows() * columns);
                        multiply(weight, gradient, inputs, columns, false);
                        add_columns(g, inputs, lines, x);
                    }
                }
            }
        });
    });
    x
}

/// Gradient of the weights. The threads sum up shares of the batch, which are then added in order: its digits depend on how many threads
/// there are, not on which is faster.
pub fn weight_gradient(g: &Geometry, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (images, len) = (g.images_at_once(), g.c_out * g.rows());
    let parts = g.batch.div_ceil(images);
    let shares = rayon::current_num_threads().div_ceil(g.groups).min(parts);
    let sums: Vec<Vec<f32>> = (0..g.groups * shares)
        .into_par_iter()
        .map(|lane| {
            let (group, share) = (lane / shares, lane % shares);
            let mut sum = vec![0.0; len];
            with_scratch(|[inputs, outputs]| {
                for part in share * parts / shares..(share + 1) * parts / shares {
                    let unit = part * images * g.groups + group;
                    let images = images.min(g.batch - part * images);
                    let x = &x[unit * g.c_in * g.area()..][..images * g.c_in * g.area()];
                    let gradient = &gradient[unit * g.c_out * g.out_area()..][..images * g.c_out * g.out_area()];
                    for lines in g.pieces() {
                        let inputs = g.matrix(x, lines.clone(), inputs);
                        let (gradient, _) = g.output_matrix(gradient, lines, outputs);
                        multiply(gradient, inputs.transposed(), &mut sum, g.rows(), true);
                    }
                }
            });
            sum
        })
        .collect();
    let mut sums = sums.into_iter();
    let mut all = Vec::with_capacity(g.groups * len);
    for _ in 0..g.groups {
        let mut sum = sums.next().expect("a share at least");
        sums.by_ref().take(shares - 1).for_each(|share| sum.iter_mut().zip(share).for_each(|(sum, term)| *sum += term));
        all.append(&mut sum);
    }
    all
}

impl Geometry {
    /// Images of a part, whose matrices are made together. With several groups that is one: the parts are its groups.
    fn images_at_once(&self) -> usize {
        match self.groups {
            1 => (COLUMNS / self.out_area().max(1)).clamp(1, self.batch.max(1)),
            _ => 1,
        }
    }

    /// The lines of the output, in pieces whose matrices are of bearable size. Maps that share a part are small: they are one piece.
    fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let all = self.out_height();
        let lines = match self.images_at_once() {
            1 if !self.is_pointwise() => (MATRIX / (self.rows() * self.out_width())).clamp(1, all),
            _ => all,
        };
        (0..all).step_by(lines).map(move |first| first..all.min(first + lines))
    }

    /// The weights of a part's group, `c_out × rows`.
    fn group_weight<'a>(&self, weight: &'a [f32], part: usize) -> Matrix<'a> {
        let len = self.c_out * self.rows();
        Matrix::new(&weight[part % self.groups * len..][..len], self.c_out, self.rows(), self.rows())
    }

    /// The matrix of a part's input, `rows × (images · lines · out_width)`.
    fn matrix<'a>(&self, x: &'a [f32], lines: Range<usize>, scratch: &'a mut Vec<f32>) -> Matrix<'a> {
        let images = x.len() / (self.c_in * self.area());
        if self.is_pointwise() && images == 1 {
            return Matrix::new(x, self.rows(), self.area(), self.area());
        }
        let len = images * lines.len() * self.out_width();
        let matrix = sized(scratch, self.rows() * len);
        columns(self, x, lines, matrix);
        Matrix::new(matrix, self.rows(), len, len)
    }

    /// The matrix of a part's output, `c_out × (images · lines · out_width)`, and its number of columns.
    fn output_matrix<'a>(&self, y: &'a [f32], lines: Range<usize>, scratch: &'a mut Vec<f32>) -> (Matrix<'a>, usize) {
        let (area, images) = (self.out_area(), y.len() / (self.c_out * self.out_area()));
        if images == 1 {
            let len = lines.len() * self.out_width();
            return (Matrix::new(&y[lines.start * self.out_width()..], self.c_out, len, area), len);
        }
        let matrix = sized(scratch, y.len());
        for (i, plane) in y.chunks_exact(area).enumerate() {
            let (image, channel) = (i / self.c_out, i % self.c_out);
            matrix[(channel * images + image) * area..][..area].copy_from_slice(plane);
        }
        (Matrix::new(matrix, self.c_out, images * area, images * area), images * area)
    }
}

/// The maps of several images from their matrix, in which they lie side by side.
fn interleave(g: &Geometry, matrix: &[f32], y: &mut [f32]) {
    let (area, images) = (g.out_area(), y.len() / (g.c_out * g.out_area()));
    for (i, plane) in y.chunks_exact_mut(area).enumerate() {
        let (image, channel) = (i / g.c_out, i % g.c_out);
        plane.copy_from_slice(&matrix[(channel * images + image) * area..][..area]);
    }
}

/// Matrices of a thread, kept: fresh memory costs more than what is done in it.
type Scratch = [Vec<f32>; 2];

fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = const { RefCell::new([const { Vec::new() }; 2]) };
    }
    SCRATCH.with_borrow_mut(f)
}

/// The first `len` elements, of any values.
fn sized(scratch: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}
