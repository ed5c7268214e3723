//! Batch normalisation by the batch's own statistics, and the activation after it: Ioffe and
//! Szegedy, "Batch Normalization", 2015.

use std::iter::repeat;

use super::curve::{Curve, with_curve};
use super::vector::{sum, vectorized};
use super::{CURVE, change_parts, filled, map_filled, map_parts};
use crate::Activation;

/// `planes` maps of `len` elements, one after the other; plane p is of channel `p % channels`.
#[derive(Clone, Copy, Debug)]
pub struct Planes {
    pub batch: usize,
    pub channels: usize,
    pub len: usize,
}

/// Elements of a plane that is too small for a loop of its own.
const SMALL: usize = 16;

impl From<[usize; 4]> for Planes {
    /// Of a tensor `[batch, channels, height, width]`.
    fn from([batch, channels, height, width]: [usize; 4]) -> Self {
        Self {
            batch,
            channels,
            len: height * width,
        }
    }
}

impl Planes {
    pub fn count(&self) -> usize {
        self.batch * self.channels
    }

    /// Whether planes are too small for loops of their own: those of an image are taken together, so that
    /// vectors are full.
    fn are_small(&self) -> bool {
        self.len <= SMALL
    }

    /// Elements of an image.
    fn image(&self) -> usize {
        self.channels * self.len
    }

    /// A channel's figure for each element of an image.
    fn spread(&self, by_channel: &[f32]) -> Vec<f32> {
        let each = by_channel.iter();
        each.flat_map(|figure| std::iter::repeat_n(*figure, self.len))
            .collect()
    }

    pub fn of<'a>(&self, x: &'a [f32], plane: usize) -> &'a [f32] {
        &x[plane * self.len..][..self.len]
    }

    /// Elements of a channel in the whole batch.
    fn samples(&self) -> f64 {
        (self.batch * self.len) as f64
    }

    /// The sums by channel of figures by plane.
    pub fn by_channel<const N: usize>(&self, figures: &[[f32; N]]) -> Vec<[f64; N]> {
        let mut sums = vec![[0.0; N]; self.channels];
        for (plane, figures) in figures.iter().enumerate() {
            for (sum, figure) in sums[plane % self.channels].iter_mut().zip(figures) {
                *sum += f64::from(*figure);
            }
        }
        sums
    }
}

/// Mean and biased variance of each channel: those of each map while it is in the cache, put
/// together as by Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
/// Computing Sample Variances", 1979.
pub fn statistics(planes: Planes, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let len = planes.len as f64;
    let figures = map_parts(planes.count(), 3 * planes.len, |p| {
        let x = planes.of(x, p);
        vectorized!({
            let mean = (f64::from(sum(x, |x| x)) / len) as f32;
            // The mean of the differences makes up for what rounding the mean left.
            let rest = f64::from(sum(x, |x| x - mean));
            [
                f64::from(mean) + rest / len,
                f64::from(sum(x, |x| (x - mean) * (x - mean))) - rest * rest / len,
            ]
        })
    });
    let by_channel = |c: usize| (0..planes.batch).map(move |image| image * planes.channels + c);
    (0..planes.channels)
        .map(|c| {
            let mean = by_channel(c).map(|p| figures[p][0]).sum::<f64>() / planes.batch as f64;
            let squares = by_channel(c)
                .map(|p| figures[p][1] + len * (figures[p][0] - mean).powi(2))
                .sum::<f64>();
            (mean as f32, (squares / planes.samples()) as f32)
        })
        .unzip()
}

/// What is done to the elements of each channel: `act((x - mean) · scale + shift)`.
#[derive(Clone, Debug)]
pub struct Affine {
    pub mean: Vec<f32>,
    /// Weight over standard deviation.
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Affine {
    /// The same for each element of an image.
    fn spread(&self, planes: Planes) -> Self {
        Self {
            mean: planes.spread(&self.mean),
            scale: planes.spread(&self.scale),
            shift: planes.spread(&self.shift),
        }
    }

    /// Mean, scale and shift of a channel, for each of its elements.
    #[inline(always)]
    fn of_channel(&self, channel: usize) -> impl Iterator<Item = [f32; 3]> {
        repeat([self.mean[channel], self.scale[channel], self.shift[channel]])
    }

    /// Those of each element of an image, where they are spread.
    #[inline(always)]
    fn each(&self) -> impl Iterator<Item = [f32; 3]> {
        let all = self.mean.iter().zip(&self.scale).zip(&self.shift);
        all.map(|((mean, scale), shift)| [*mean, *scale, *shift])
    }
}

/// The normalised and activated elements.
pub fn forward(planes: Planes, x: &[f32], affine: &Affine, activation: Activation) -> Vec<f32> {
    with_curve!(activation, curve => apply(curve, planes, x, affine))
}

fn apply(curve: impl Curve, planes: Planes, x: &[f32], affine: &Affine) -> Vec<f32> {
    if planes.are_small() {
        let affine = affine.spread(planes);
        return filled(x.len(), planes.image(), CURVE, |image, y| {
            let x = &x[image * planes.image()..];
            vectorized!({ apply_each(curve, y, x, affine.each()) });
        });
    }
    filled(x.len(), planes.len, CURVE, |p, y| {
        let (x, affine) = (planes.of(x, p), affine.of_channel(p % planes.channels));
        vectorized!({ apply_each(curve, y, x, affine) });
    })
}

#[inline(always)]
fn apply_each(curve: impl Curve, y: &mut [f32], x: &[f32], affine: impl Iterator<Item = [f32; 3]>) {
    for ((y, x), [mean, scale, shift]) in y.iter_mut().zip(x).zip(affine) {
        *y = curve.value((x - mean) * scale + shift);
    }
}

/// `act(x + shift)`, in place.
pub fn activate(x: &mut [f32], shift: f32, activation: Activation) {
    with_curve!(activation, curve => vectorized!({
        x.iter_mut().for_each(|x| *x = curve.value(*x + shift));
    }));
}

/// Gradients of the input, the weight and the bias.
pub struct Gradients {
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// The way back, given the gradient of the output; `inverse_std` is that of each channel.
pub fn backward(
    planes: Planes,
    x: &[f32],
    affine: &Affine,
    inverse_std: &[f32],
    activation: Activation,
    gradient: &[f32],
) -> Gradients {
    with_curve!(activation, curve => revert(curve, planes, x, affine, inverse_std, gradient))
}

fn revert(
    curve: impl Curve,
    planes: Planes,
    x: &[f32],
    affine: &Affine,
    inverse_std: &[f32],
    gradient: &[f32],
) -> Gradients {
    let spread = planes.are_small().then(|| affine.spread(planes));
    let (mut d, figures) = before_activation(curve, planes, x, affine, spread.as_ref(), gradient);
    let sums = planes.by_channel(&figures);

    // dx = scale · (d - mean of d - (x - mean) / variance · mean of d · (x - mean)), here as scale
    // · d - slope · (x - mean) - level.
    let terms: Vec<[f32; 2]> = (0..planes.channels)
        .map(|c| {
            let (scale, inverse) = (f64::from(affine.scale[c]), f64::from(inverse_std[c]));
            let [sum, dot] = sums[c].map(|sum| scale * sum / planes.samples());
            [(dot * inverse * inverse) as f32, sum as f32]
        })
        .collect();
    if let Some(affine) = &spread {
        let [slopes, levels] = [0, 1].map(|term| {
            let by_channel: Vec<f32> = terms.iter().map(|terms| terms[term]).collect();
            planes.spread(&by_channel)
        });
        change_parts(&mut d, planes.image(), |image, d| {
            let x = &x[image * planes.image()..];
            let terms = slopes.iter().zip(&levels);
            vectorized!({
                let terms = terms.map(|(slope, level)| [*slope, *level]);
                revert_each(d, x, affine.each(), terms)
            });
        });
    } else {
        change_parts(&mut d, planes.len, |p, d| {
            let c = p % planes.channels;
            let (x, affine) = (planes.of(x, p), affine.of_channel(c));
            vectorized!({ revert_each(d, x, affine, repeat(terms[c])) });
        });
    }
    Gradients {
        x: d,
        weight: sums
            .iter()
            .zip(inverse_std)
            .map(|([_, dot], inverse)| (dot * f64::from(*inverse)) as f32)
            .collect(),
        bias: sums.iter().map(|[sum, _]| *sum as f32).collect(),
    }
}

/// From the gradient before the activation to that of the input, in place.
#[inline(always)]
fn revert_each(
    d: &mut [f32],
    x: &[f32],
    affine: impl Iterator<Item = [f32; 3]>,
    terms: impl Iterator<Item = [f32; 2]>,
) {
    for (((d, x), [mean, scale, _]), [slope, level]) in d.iter_mut().zip(x).zip(affine).zip(terms) {
        *d = scale * *d - slope * (x - mean) - level;
    }
}

/// The gradient d before the activation, and of each plane the sums of d and of d · (x - mean). Of small
/// planes `affine` is given spread, too.
fn before_activation(
    curve: impl Curve,
    planes: Planes,
    x: &[f32],
    affine: &Affine,
    spread: Option<&Affine>,
    gradient: &[f32],
) -> (Vec<f32>, Vec<[f32; 2]>) {
    if let Some(spread) = spread {
        let (d, figures) = map_filled(x.len(), planes.image(), CURVE, |image, d| {
            let first = image * planes.image();
            let (x, gradient) = (&x[first..][..d.len()], &gradient[first..][..d.len()]);
            vectorized!({
                slope_each(curve, d, x, gradient, spread.each());
                let of_planes = d.chunks(planes.len).zip(x.chunks(planes.len));
                let of_planes = of_planes.zip(&affine.mean);
                let sums =
                    of_planes.map(|((d, x), mean)| [sum(d, |d| d), centred_dot(d, x, *mean)]);
                sums.collect::<Vec<_>>()
            })
        });
        return (d, figures.concat());
    }
    map_filled(x.len(), planes.len, CURVE, |p, d| {
        let c = p % planes.channels;
        let (x, gradient) = (planes.of(x, p), planes.of(gradient, p));
        vectorized!({
            slope_each(curve, d, x, gradient, affine.of_channel(c));
            [sum(d, |d| d), centred_dot(d, x, affine.mean[c])]
        })
    })
}

#[inline(always)]
fn slope_each(
    curve: impl Curve,
    d: &mut [f32],
    x: &[f32],
    gradient: &[f32],
    affine: impl Iterator<Item = [f32; 3]>,
) {
    for (((d, x), g), [mean, scale, shift]) in d.iter_mut().zip(x).zip(gradient).zip(affine) {
        *d = g * curve.slope((x - mean) * scale + shift);
    }
}

/// Σ d · (x - mean).
#[inline(always)]
fn centred_dot(d: &[f32], x: &[f32], mean: f32) -> f32 {
    let ((ds, d_rest), (xs, x_rest)) = (d.as_chunks::<16>(), x.as_chunks::<16>());
    let rest = || {
        let pairs = d_rest.iter().zip(x_rest);
        pairs.map(|(d, x)| d * (x - mean)).sum::<f32>()
    };
    if ds.is_empty() {
        return rest();
    }
    let mut lanes = [0.0; 16];
    for (d, x) in ds.iter().zip(xs) {
        for ((lane, d), x) in lanes.iter_mut().zip(d).zip(x) {
            *lane += d * (x - mean);
        }
    }
    lanes.iter().sum::<f32>() + rest()
}
