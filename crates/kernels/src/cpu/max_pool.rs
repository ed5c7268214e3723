//! The largest numbers of windows, first along lines, then along columns.

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
use super::vector::vectorized;
use super::{filled, map_filled};

/// As [`crate::max_pool2d`]; None if this module does not cover it.
pub fn max_pool2d(
    x: &Tensor<4>,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Option<Tensor<4>> {
    let [batch, channels, height, width] = x.dims();
    // Then every window has a pixel of the map.
    if stride == 0 || 2 * padding > kernel || height.min(width) + 2 * padding < kernel.max(1) {
        return None;
    }
    let (x, node) = tracked(x)?;
    let side = |side: usize| Side {
        from: side,
        to: (side + 2 * padding - kernel) / stride + 1,
        kernel,
        stride,
        padding,
    };
    let pool = Pool {
        rows: side(height),
        columns: side(width),
    };
    let (area, len) = (height * width, pool.rows.to * pool.columns.to);
    let from = elements(&x);
    let (output, places) = map_filled(batch * channels * len, len, 2 * kernel, |plane, y| {
        pool.forward(&from[plane * area..][..area], y)
    });
    let output = tensor(output, [batch, channels, pool.rows.to, pool.columns.to]);
    let output = match MaxPool
        .prepare::<NoCheckpointing>([node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(([batch, channels, height, width], places), output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Some(Tensor::from_primitive::<Training>(output))
}

#[derive(Debug)]
struct MaxPool;

impl Backward<Flex, 1> for MaxPool {
    /// The map's sides, and plane by plane where each output's number is.
    type State = ([usize; 4], Vec<Vec<u32>>);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = contiguous(&gradients.consume::<Flex>(&ops.node));
        let (dims, places) = ops.state;
        let [batch, channels, height, width] = dims;
        if let [Some(parent)] = ops.parents {
            let (from, area) = (elements(&gradient), height * width);
            let found = filled(batch * channels * area, area, 1, |plane, out| {
                let places = &places[plane];
                let gradient = &from[plane * places.len()..][..places.len()];
                for (place, gradient) in places.iter().zip(gradient) {
                    out[*place as usize] += gradient;
                }
            });
            gradients.register::<Flex>(parent.id, tensor(found, dims));
        }
    }
}

/// Windows along one side of a map.
#[derive(Clone, Copy)]
struct Side {
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Side {
    /// The outputs whose windows have the map at this tap, and the place of the first one's there.
    #[inline(always)]
    fn at(self, tap: usize) -> (std::ops::Range<usize>, usize) {
        let first = self.padding.saturating_sub(tap).div_ceil(self.stride);
        let first = first.min(self.to);
        let last = (self.from + self.padding)
            .saturating_sub(tap)
            .div_ceil(self.stride)
            .min(self.to);
        (
            first..last.max(first),
            (first * self.stride + tap).saturating_sub(self.padding),
        )
    }
}

struct Pool {
    rows: Side,
    columns: Side,
}

/// The place of a window in which nothing was found yet.
const NOWHERE: u32 = u32::MAX;

impl Pool {
    /// The largest numbers of a plane's windows, and their places.
    fn forward(&self, x: &[f32], y: &mut [f32]) -> Vec<u32> {
        let Self { rows, columns } = *self;
        let mut places = vec![NOWHERE; y.len()];
        let mut lines = vec![0.0; rows.from * columns.to];
        let mut lines_places = vec![NOWHERE; lines.len()];
        vectorized!({
            for row in 0..rows.from {
                let x = &x[row * columns.from..][..columns.from];
                let of_row = row * columns.to..(row + 1) * columns.to;
                let (line, places) = (&mut lines[of_row.clone()], &mut lines_places[of_row]);
                for tap in 0..columns.kernel {
                    let (outputs, first) = columns.at(tap);
                    let best = line[outputs.clone()].iter_mut().zip(&mut places[outputs]);
                    let begin = row * columns.from + first;
                    match columns.stride {
                        1 => {
                            for (at, (best, x)) in best.zip(&x[first.min(x.len())..]).enumerate() {
                                keep(best, *x, (begin + at) as u32);
                            }
                        }
                        stride => {
                            let x = x.iter().skip(first).step_by(stride);
                            for (at, (best, x)) in best.zip(x).enumerate() {
                                keep(best, *x, (begin + at * stride) as u32);
                            }
                        }
                    }
                }
            }
            for tap in 0..rows.kernel {
                let (outputs, first) = rows.at(tap);
                for (at, row) in outputs.enumerate() {
                    let line = (first + at * rows.stride) * columns.to;
                    let out = row * columns.to..(row + 1) * columns.to;
                    let best = y[out.clone()].iter_mut().zip(&mut places[out]);
                    let found = lines[line..].iter().zip(&lines_places[line..]);
                    for (best, (x, place)) in best.zip(found) {
                        keep(best, *x, *place);
                    }
                }
            }
        });
        places
    }
}

/// Keeps the larger number; of equal ones the first, and what is no number before any.
#[inline(always)]
fn keep((best, place): (&mut f32, &mut u32), x: f32, at: u32) {
    let is_better = x > *best || x.is_nan() || *place == NOWHERE;
    *best = if is_better { x } else { *best };
    *place = if is_better { at } else { *place };
}
