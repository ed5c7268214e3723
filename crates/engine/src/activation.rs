//! What is applied to every number of a map.

use crate::simd::Simd;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `x · sigmoid(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x`, times this slope below zero.
    LeakyRelu(f32),
    /// The exact form, by the error function.
    Gelu,
    /// `x · min(max(x + 3, 0), 6) / 6`.
    Hardswish,
    /// `min(max(x + 3, 0), 6) / 6`.
    Hardsigmoid,
    /// `x · tanh(ln(1 + eˣ))`.
    Mish,
    /// `x`, below zero this factor times `eˣ - 1`.
    Elu(f32),
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `scale · x + shift`.
    Affine {
        /// Factor.
        scale: f32,
        /// Term.
        shift: f32,
    },
}

/// Work on a function of vectors, compiled for each function.
pub trait WithFunction<S: Simd> {
    /// To be `#[inline(always)]`.
    fn run(self, function: impl Fn(S) -> S + Copy);
}

impl Activation {
    /// Gives the work this function.
    #[inline(always)]
    pub(crate) fn with<S: Simd>(self, work: impl WithFunction<S>) {
        let number = |x| S::splat(x);
        match self {
            Self::Identity => work.run(
                #[inline(always)]
                |x| x,
            ),
            Self::Silu => work.run(
                #[inline(always)]
                |x: S| x.div(exp(number(0.0).sub(x)).add(number(1.0))),
            ),
            Self::Relu => work.run(
                #[inline(always)]
                |x| number(0.0).max(x),
            ),
            Self::Relu6 => work.run(
                #[inline(always)]
                |x| clamp(x, 0.0, 6.0),
            ),
            Self::LeakyRelu(slope) => work.run(
                #[inline(always)]
                |x: S| x.if_negative(x.mul(number(slope)), x),
            ),
            Self::Gelu => work.run(
                #[inline(always)]
                |x: S| {
                    let half = x.mul(number(0.5));
                    erf(x.mul(number(std::f32::consts::FRAC_1_SQRT_2))).mul_add(half, half)
                },
            ),
            Self::Hardswish => work.run(
                #[inline(always)]
                |x: S| x.mul(clamp(x.add(number(3.0)), 0.0, 6.0).div(number(6.0))),
            ),
            Self::Hardsigmoid => work.run(
                #[inline(always)]
                |x: S| clamp(x.add(number(3.0)), 0.0, 6.0).div(number(6.0)),
            ),
            // With s = sigmoid(x) and q = 1 - s, tanh(ln(1 + eˣ)) is s·(1 + q) / (1 + q²): nothing
            // in it can overflow.
            Self::Mish => work.run(
                #[inline(always)]
                |x: S| {
                    let one = number(1.0);
                    let s = sigmoid(x);
                    let q = one.sub(s);
                    x.mul(s.mul(one.add(q)).div(q.mul_add(q, one)))
                },
            ),
            Self::Elu(alpha) => work.run(
                #[inline(always)]
                |x: S| x.if_negative(exp(x).sub(number(1.0)).mul(number(alpha)), x),
            ),
            Self::Sigmoid => work.run(
                #[inline(always)]
                |x| sigmoid(x),
            ),
            Self::Tanh => work.run(
                #[inline(always)]
                |x: S| sigmoid(x.add(x)).mul_add(number(2.0), number(-1.0)),
            ),
            Self::Affine { scale, shift } => work.run(
                #[inline(always)]
                |x: S| x.mul_add(number(scale), number(shift)),
            ),
        }
    }
}

#[inline(always)]
fn clamp<S: Simd>(x: S, low: f32, high: f32) -> S {
    S::splat(high).min(S::splat(low).max(x))
}

#[inline(always)]
fn sigmoid<S: Simd>(x: S) -> S {
    let one = S::splat(1.0);
    one.div(exp(S::splat(0.0).sub(x)).add(one))
}

/// eˣ within the range of normal floats, by Cody and Waite's reduction and the polynomial of
/// Cephes' `expf`.
#[inline(always)]
pub fn exp<S: Simd>(x: S) -> S {
    /// 1.5 · 2²³: a float of about this size has no fraction, so adding it rounds, and leaves the
    /// integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let number = |x| S::splat(x);
    let x = clamp(x, -87.0, 88.0);
    let rounded = x.mul_add(number(std::f32::consts::LOG2_E), number(ROUND));
    let n = rounded.sub(number(ROUND));
    let r = n.mul_add(number(-LN2_HIGH), x);
    let r = n.mul_add(number(-LN2_LOW), r);
    let p = number(1.987_569_1e-4);
    let p = p.mul_add(r, number(1.398_2e-3));
    let p = p.mul_add(r, number(8.333_452e-3));
    let p = p.mul_add(r, number(4.166_579_6e-2));
    let p = p.mul_add(r, number(1.666_666_5e-1));
    let p = p.mul_add(r, number(5.000_000_3e-1));
    let p = p.mul_add(r.mul(r), r.add(number(1.0)));
    p.mul(rounded.power_of_two())
}

/// The error function, by a rational approximation on ±4, beyond which a float knows no difference
/// from ±1.
#[inline(always)]
fn erf<S: Simd>(x: S) -> S {
    let number = |x| S::splat(x);
    let x = clamp(x, -4.0, 4.0);
    let s = x.mul(x);
    let p = number(-2.726_142_3e-10);
    let p = p.mul_add(s, number(2.770_681_4e-8));
    let p = p.mul_add(s, number(-2.101_024e-6));
    let p = p.mul_add(s, number(-5.692_506_4e-5));
    let p = p.mul_add(s, number(-7.349_906_3e-4));
    let p = p.mul_add(s, number(-2.954_6e-3));
    let p = p.mul_add(s, number(-1.609_603_3e-2));
    let q = number(-1.456_607_2e-5);
    let q = q.mul_add(s, number(-2.133_740_6e-4));
    let q = q.mul_add(s, number(-1.682_827e-3));
    let q = q.mul_add(s, number(-7.373_329_2e-3));
    let q = q.mul_add(s, number(-1.426_473_9e-2));
    x.mul(p).div(q)
}
