//! Activations as curves: their value and their slope at a point, for loops that are compiled for
//! each.

use std::f32::consts::FRAC_1_SQRT_2;

use super::vector::{erf, exp, sigmoid};

/// An activation and its slope. What calls it must be vectorised.
pub trait Curve: Copy + Sync {
    fn value(self, z: f32) -> f32;
    fn slope(self, z: f32) -> f32;
}

/// `body` with `curve` as the curve of the activation, compiled for each.
macro_rules! with_curve {
    ($activation:expr, $curve:ident => $body:expr) => {{
        use $crate::{Activation, cpu::curve};
        match $activation {
            Activation::Silu => with_curve!(@ $curve, curve::Silu, $body),
            Activation::Relu => with_curve!(@ $curve, curve::Relu, $body),
            Activation::Relu6 => with_curve!(@ $curve, curve::Relu6, $body),
            Activation::LeakyRelu(slope) => with_curve!(@ $curve, curve::LeakyRelu(slope), $body),
            Activation::Gelu => with_curve!(@ $curve, curve::Gelu, $body),
            Activation::Hardswish => with_curve!(@ $curve, curve::Hardswish, $body),
            Activation::Mish => with_curve!(@ $curve, curve::Mish, $body),
            Activation::Elu(alpha) => with_curve!(@ $curve, curve::Elu(alpha), $body),
            Activation::Sigmoid => with_curve!(@ $curve, curve::Sigmoid, $body),
            Activation::Tanh => with_curve!(@ $curve, curve::Tanh, $body),
            Activation::Identity => with_curve!(@ $curve, curve::Identity, $body),
        }
    }};
    (@ $curve:ident, $value:expr, $body:expr) => {{
        let $curve = $value;
        $body
    }};
}
pub(super) use with_curve;

#[derive(Clone, Copy)]
pub struct Identity;

#[derive(Clone, Copy)]
pub struct Silu;

#[derive(Clone, Copy)]
pub struct Relu;

#[derive(Clone, Copy)]
pub struct Relu6;

/// Its slope below zero.
#[derive(Clone, Copy)]
pub struct LeakyRelu(pub f32);

#[derive(Clone, Copy)]
pub struct Gelu;

#[derive(Clone, Copy)]
pub struct Hardswish;

#[derive(Clone, Copy)]
pub struct Mish;

/// Its factor below zero.
#[derive(Clone, Copy)]
pub struct Elu(pub f32);

#[derive(Clone, Copy)]
pub struct Sigmoid;

#[derive(Clone, Copy)]
pub struct Tanh;

impl Curve for Identity {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        z
    }

    #[inline(always)]
    fn slope(self, _: f32) -> f32 {
        1.0
    }
}

impl Curve for Silu {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        z * sigmoid(z)
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        let s = sigmoid(z);
        s * (1.0 + z * (1.0 - s))
    }
}

/// Zero at or below zero, but for what is no number.
impl Curve for Relu {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        if z <= 0.0 { 0.0 } else { z }
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        if z <= 0.0 { 0.0 } else { 1.0 }
    }
}

impl Curve for Relu6 {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        z.clamp(0.0, 6.0)
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        if z <= 0.0 || z >= 6.0 { 0.0 } else { 1.0 }
    }
}

impl Curve for LeakyRelu {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        if z < 0.0 { self.0 * z } else { z }
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        if z < 0.0 { self.0 } else { 1.0 }
    }
}

/// z · Φ(z), Φ the distribution function of the standard normal law.
impl Curve for Gelu {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        0.5 * z * (1.0 + erf(z * FRAC_1_SQRT_2))
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        /// The law's density at zero, 1/√(2π).
        const PEAK: f32 = 0.398_942_3;
        0.5 * (1.0 + erf(z * FRAC_1_SQRT_2)) + z * PEAK * exp(-0.5 * z * z)
    }
}

/// Howard et al., MobileNetV3, arXiv:1905.02244.
impl Curve for Hardswish {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        z * ((z + 3.0).clamp(0.0, 6.0) / 6.0)
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        match () {
            () if z <= -3.0 => 0.0,
            () if z >= 3.0 => 1.0,
            () => z / 3.0 + 0.5,
        }
    }
}

/// Misra, Mish, arXiv:1908.08681. With s = sigmoid(z) and q = 1 - s, its gate tanh(ln(1 + eᶻ)) is
/// s·(1 + q) / (1 + q²), and 1 less the gate's square (2q / (1 + q²))².
impl Curve for Mish {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        let s = sigmoid(z);
        let q = 1.0 - s;
        z * (s * (1.0 + q) / (1.0 + q * q))
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        let s = sigmoid(z);
        let q = 1.0 - s;
        let share = 1.0 / (1.0 + q * q);
        let rest = 2.0 * q * share;
        s * (1.0 + q) * share + z * s * rest * rest
    }
}

/// Clevert et al., arXiv:1511.07289.
impl Curve for Elu {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        if z < 0.0 { self.0 * (exp(z) - 1.0) } else { z }
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        if z < 0.0 { self.0 * exp(z) } else { 1.0 }
    }
}

impl Curve for Sigmoid {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        sigmoid(z)
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        let s = sigmoid(z);
        s * (1.0 - s)
    }
}

impl Curve for Tanh {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        2.0 * sigmoid(2.0 * z) - 1.0
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        let s = sigmoid(2.0 * z);
        4.0 * s * (1.0 - s)
    }
}
