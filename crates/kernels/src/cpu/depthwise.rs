//! Convolution with one filter a channel, map by map.

use super::columns::Geometry;
use super::vector::{add_scaled, dot, vectorized};
use super::{filled, map_parts};

/// The output of a convolution with as many groups as channels in and out; `finish` is given each
/// of its maps with its channel.
pub fn forward(
    g: &Geometry,
    x: &[f32],
    weight: &[f32],
    finish: impl Fn(usize, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    let taps = g.kernel * g.kernel;
    let len = g.batch * g.groups * g.out_area();
    filled(len, g.out_area(), taps, |plane, y| {
        let x = &x[plane * g.area()..][..g.area()];
        let weight = &weight[plane % g.groups * taps..][..taps];
        vectorized!({
            for (offset, weight) in weight.iter().enumerate() {
                for (place, source) in lines(g, offset) {
                    let y = &mut y[place..][..source.len];
                    match g.stride {
                        1 => add_scaled(y, *weight, &x[source.start..][..source.len]),
                        stride => y
                            .iter_mut()
                            .zip(x[source.start..].iter().step_by(stride))
                            .for_each(|(y, x)| *y += weight * x),
                    }
                }
            }
        });
        finish(plane % g.groups, y);
    })
}

/// Gradient of the input.
pub fn input_gradient(g: &Geometry, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let taps = g.kernel * g.kernel;
    let len = g.batch * g.groups * g.area();
    filled(len, g.area(), taps, |plane, x| {
        let gradient = &gradient[plane * g.out_area()..][..g.out_area()];
        let weight = &weight[plane % g.groups * taps..][..taps];
        vectorized!({
            for (offset, weight) in weight.iter().enumerate() {
                for (place, source) in lines(g, offset) {
                    let gradient = &gradient[place..][..source.len];
                    let x = &mut x[source.start..];
                    match g.stride {
                        1 => add_scaled(&mut x[..source.len], *weight, gradient),
                        stride => x
                            .iter_mut()
                            .step_by(stride)
                            .zip(gradient)
                            .for_each(|(x, d)| *x += weight * d),
                    }
                }
            }
        });
    })
}

/// Gradient of the weights.
pub fn weight_gradient(g: &Geometry, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    let taps = g.kernel * g.kernel;
    let by_plane: Vec<Vec<f32>> = map_parts(g.batch * g.groups, g.area() * taps, |plane| {
        let (x, gradient) = (
            &x[plane * g.area()..][..g.area()],
            &gradient[plane * g.out_area()..][..g.out_area()],
        );
        vectorized!({
            (0..taps)
                .map(|offset| {
                    lines(g, offset)
                        .map(|(place, source)| {
                            line_dot(g, &gradient[place..][..source.len], x, source)
                        })
                        .sum()
                })
                .collect()
        })
    });
    let mut weights = vec![0.0; g.groups * taps];
    for (plane, terms) in by_plane.iter().enumerate() {
        weights[plane % g.groups * taps..][..taps]
            .iter_mut()
            .zip(terms)
            .for_each(|(sum, term)| *sum += term);
    }
    weights
}

/// Where a line of the output meets the input.
#[derive(Clone, Copy)]
struct Source {
    start: usize,
    len: usize,
}

/// For an element of the kernel, each line of the output that meets the input: where it begins, and
/// what it meets.
#[inline(always)]
fn lines(g: &Geometry, offset: usize) -> impl Iterator<Item = (usize, Source)> {
    let (width, stride, out_width) = (g.width, g.stride, g.out_width());
    let (top, bottom, y0) = g.overlap(offset / g.kernel, g.height, g.out_height());
    let (left, right, x0) = g.overlap(offset % g.kernel, g.width, out_width);
    let bottom = if left == right { top } else { bottom };
    (top..bottom).enumerate().map(move |(line, row)| {
        let source = Source {
            start: (y0 + line * stride) * width + x0,
            len: right - left,
        };
        (row * out_width + left, source)
    })
}

/// Σ of the gradient times the input that it meets.
#[inline(always)]
fn line_dot(g: &Geometry, gradient: &[f32], x: &[f32], source: Source) -> f32 {
    match g.stride {
        1 => dot(gradient, &x[source.start..][..source.len]),
        stride => gradient
            .iter()
            .zip(x[source.start..].iter().step_by(stride))
            .map(|(d, x)| d * x)
            .sum(),
    }
}
