//! Convolution as matrix products, forward and backward. The threads share the images out; each
//! works on pieces that fit its cache.

use std::{cell::RefCell, ops::Range};

use rayon::prelude::*;

use super::columns::{Geometry, add_columns, columns};
use super::matrix::{Matrix, add_product_of_rows, multiply};
use super::{PRODUCTS, change_parts, filled};

/// Elements of a matrix that a core's cache holds.
const MATRIX: usize = 1 << 16;

/// Columns that a product should have; where a map has fewer, several images go into one.
const COLUMNS: usize = 32;

/// The output, `[batch, groups · c_out, out_height, out_width]`. Weights are
/// `[groups · c_out, c_in, kernel, kernel]`. `finish` is given parts of the output's maps, with
/// their channel, while they are in the cache.
pub fn forward(
    g: &Geometry,
    x: &[f32],
    weight: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let len = g.batch * g.groups * g.c_out * g.out_area();
    let images = g.images_at_once();
    let (parts, threads) = (
        g.batch.div_ceil(images) * g.groups,
        rayon::current_num_threads(),
    );
    let (from, to) = (images * g.c_in * g.area(), images * g.c_out * g.out_area());
    if parts >= threads || g.batch == 0 {
        return filled(len, to, g.rows().div_ceil(PRODUCTS), |part, y| {
            let x = &x[part * from..x.len().min((part + 1) * from)];
            forward_part(g, x, weight, part, y, &finish)
        });
    }
    // Too few for all threads: they share each.
    let mut y = vec![0.0; len];
    let shared = y.chunks_mut(to).zip(x.chunks(from));
    match () {
        () if g.out_height() >= 2 * threads && g.out_area() >= 4 * COLUMNS * threads => {
            shared
                .enumerate()
                .for_each(|(part, (y, x))| forward_by_lines(g, x, weight, part, y, &finish));
        }
        () => shared
            .enumerate()
            .for_each(|(part, (y, x))| forward_by_channels(g, x, weight, part, y, &finish)),
    }
    y
}

/// One thread does a part.
fn forward_part(
    g: &Geometry,
    x: &[f32],
    weight: &[f32],
    part: usize,
    y: &mut [f32],
    finish: &impl Fn(usize, &mut [f32]),
) {
    let weight = g.group_weight(weight, part);
    let channel = |plane: usize| part % g.groups * g.c_out + plane % g.c_out;
    with_scratch(|[inputs, outputs]| {
        if y.len() > g.c_out * g.out_area() {
            let inputs = g.matrix(x, 0..g.out_height(), inputs);
            let outputs = sized(outputs, y.len());
            multiply(weight, inputs, outputs, y.len() / g.c_out, false);
            interleave(g, outputs, y);
            return y
                .chunks_exact_mut(g.out_area())
                .enumerate()
                .for_each(|(plane, row)| finish(channel(plane), row));
        }
        for lines in g.pieces() {
            let (first, len) = (lines.start * g.out_width(), lines.len() * g.out_width());
            multiply(
                weight,
                g.matrix(x, lines, inputs),
                &mut y[first..],
                g.out_area(),
                false,
            );
            y.chunks_exact_mut(g.out_area())
                .enumerate()
                .for_each(|(c, row)| finish(channel(c), &mut row[first..first + len]));
        }
    });
}

/// The threads share a part's lines out; what each makes of some is then put in its place.
fn forward_by_lines(
    g: &Geometry,
    x: &[f32],
    weight: &[f32],
    part: usize,
    y: &mut [f32],
    finish: &(impl Fn(usize, &mut [f32]) + Sync),
) {
    let (weight, first_channel) = (g.group_weight(weight, part), part % g.groups * g.c_out);
    let height = g.out_height();
    let lines = (MATRIX / (g.rows() * g.out_width()))
        .clamp(1, height.div_ceil(2 * rayon::current_num_threads()));
    let pieces: Vec<Vec<f32>> = (0..height.div_ceil(lines))
        .into_par_iter()
        .map(|piece| {
            let lines = piece * lines..height.min((piece + 1) * lines);
            let len = lines.len() * g.out_width();
            let mut made = vec![0.0; g.c_out * len];
            with_scratch(|[inputs, _]| {
                let inputs = match g.is_pointwise() {
                    true => Matrix::new(&x[lines.start * g.width..], g.rows(), len, g.area()),
                    false => g.matrix(x, lines, inputs),
                };
                multiply(weight, inputs, &mut made, len, false);
            });
            made.chunks_exact_mut(len)
                .enumerate()
                .for_each(|(c, row)| finish(first_channel + c, row));
            made
        })
        .collect();
    change_parts(y, g.out_area(), |c, y| {
        let mut rest = y;
        for piece in &pieces {
            let len = piece.len() / g.c_out;
            let (here, after) = rest.split_at_mut(len);
            here.copy_from_slice(&piece[c * len..][..len]);
            rest = after;
        }
    });
}

/// The threads share a part's output channels out, for which they need the whole matrix of its
/// input.
fn forward_by_channels(
    g: &Geometry,
    x: &[f32],
    weight: &[f32],
    part: usize,
    y: &mut [f32],
    finish: &(impl Fn(usize, &mut [f32]) + Sync),
) {
    let (first_channel, len, rows) = (part % g.groups * g.c_out, y.len() / g.c_out, g.rows());
    let mut inputs = Vec::new();
    let inputs = g.matrix(x, 0..g.out_height(), &mut inputs);
    let share = g.c_out.div_ceil(rayon::current_num_threads());
    let weights = &weight[first_channel * rows..][..g.c_out * rows];
    if len > g.out_area() {
        // Several small images side by side: their maps lie apart.
        let mut outputs = vec![0.0; y.len()];
        let shares = outputs
            .par_chunks_mut(share * len)
            .zip(weights.par_chunks(share * rows));
        shares.for_each(|(outputs, weight)| {
            multiply(
                Matrix::new(weight, weight.len() / rows, rows, rows),
                inputs,
                outputs,
                len,
                false,
            )
        });
        interleave(g, &outputs, y);
        return y
            .chunks_exact_mut(g.out_area())
            .enumerate()
            .for_each(|(plane, row)| finish(first_channel + plane % g.c_out, row));
    }
    let shares = y
        .par_chunks_mut(share * len)
        .zip(weights.par_chunks(share * rows));
    shares.enumerate().for_each(|(number, (y, weight))| {
        multiply(
            Matrix::new(weight, weight.len() / rows, rows, rows),
            inputs,
            y,
            len,
            false,
        );
        y.chunks_exact_mut(len)
            .enumerate()
            .for_each(|(c, row)| finish(first_channel + number * share + c, row));
    });
}

/// Gradient of the input.
pub fn input_gradient(g: &Geometry, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let len = g.batch * g.groups * g.c_in * g.area();
    let images = g.images_at_once();
    let (to, from) = (images * g.c_in * g.area(), images * g.c_out * g.out_area());
    let work = g.rows() * g.c_out * g.out_area() / (g.c_in * g.area()).max(1);
    filled(len, to, work.div_ceil(PRODUCTS), |part, x| {
        let gradient = &gradient[part * from..gradient.len().min((part + 1) * from)];
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
    })
}

/// Gradient of the weights. The threads sum up shares of the batch, which are then added in order:
/// its digits depend on how many threads there are, not on which is faster.
pub fn weight_gradient(g: &Geometry, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (images, len) = (g.images_at_once(), g.c_out * g.rows());
    let parts = g.batch.div_ceil(images);
    let shares = rayon::current_num_threads()
        .div_ceil(g.groups)
        .min(parts)
        .max(1);
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
                    let gradient = &gradient[unit * g.c_out * g.out_area()..]
                        [..images * g.c_out * g.out_area()];
                    for lines in g.pieces() {
                        let inputs = g.matrix(x, lines.clone(), inputs);
                        let (gradient, _) = g.output_matrix(gradient, lines, outputs);
                        add_product_of_rows(gradient, inputs, &mut sum);
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
        sums.by_ref().take(shares - 1).for_each(|share| {
            sum.iter_mut()
                .zip(share)
                .for_each(|(sum, term)| *sum += term)
        });
        all.append(&mut sum);
    }
    all
}

impl Geometry {
    /// Images of a part, whose matrices are made together. With several groups that is one: the
    /// parts are its groups.
    fn images_at_once(&self) -> usize {
        match self.groups {
            1 => (COLUMNS / self.out_area().max(1)).clamp(1, self.batch.max(1)),
            _ => 1,
        }
    }

    /// The lines of the output, in pieces whose matrices are of bearable size. Maps that share a
    /// part are small: they are one piece.
    fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let all = self.out_height();
        let lines = match self.images_at_once() {
            1 if !self.is_pointwise() => (MATRIX / (self.rows() * self.out_width())).clamp(1, all),
            _ => all,
        };
        (0..all)
            .step_by(lines)
            .map(move |first| first..all.min(first + lines))
    }

    /// The weights of a part's group, `c_out × rows`.
    fn group_weight<'a>(&self, weight: &'a [f32], part: usize) -> Matrix<'a> {
        let len = self.c_out * self.rows();
        Matrix::new(
            &weight[part % self.groups * len..][..len],
            self.c_out,
            self.rows(),
            self.rows(),
        )
    }

    /// The matrix of a part's input, `rows × (images · lines · out_width)`.
    fn matrix<'a>(
        &self,
        x: &'a [f32],
        lines: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> Matrix<'a> {
        let images = x.len() / (self.c_in * self.area());
        if self.is_pointwise() && images == 1 {
            return Matrix::new(x, self.rows(), self.area(), self.area());
        }
        let len = images * lines.len() * self.out_width();
        let matrix = sized(scratch, self.rows() * len);
        columns(self, x, lines, matrix);
        Matrix::new(matrix, self.rows(), len, len)
    }

    /// The matrix of a part's output, `c_out × (images · lines · out_width)`, and its number of
    /// columns.
    fn output_matrix<'a>(
        &self,
        y: &'a [f32],
        lines: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> (Matrix<'a>, usize) {
        let (area, images) = (self.out_area(), y.len() / (self.c_out * self.out_area()));
        if images == 1 {
            let len = lines.len() * self.out_width();
            return (
                Matrix::new(&y[lines.start * self.out_width()..], self.c_out, len, area),
                len,
            );
        }
        let matrix = sized(scratch, y.len());
        for (i, plane) in y.chunks_exact(area).enumerate() {
            let (image, channel) = (i / self.c_out, i % self.c_out);
            matrix[(channel * images + image) * area..][..area].copy_from_slice(plane);
        }
        (
            Matrix::new(matrix, self.c_out, images * area, images * area),
            images * area,
        )
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
