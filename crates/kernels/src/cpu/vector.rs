//! Loops over floats that the compiler turns into vector instructions: AVX-512 or AVX2 where the machine
//! has it, whatever the build was for.

/// Runs a block compiled for the best instructions that the machine has. What it calls must be inlined.
///
/// A macro, so that the block itself is: the compiler leaves a closure that is called in three places a function
/// of its own, compiled for any machine.
macro_rules! vectorized {
    ($block:block) => {
        $crate::cpu::vector::run(
            #[inline(always)]
            || $block,
        )
    };
}
pub(super) use vectorized;

/// See [`vectorized`]; `f` must be inlined.
#[inline(always)]
pub fn run<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(v4) = pulp::x86::V4::try_new() {
            return pulp::Simd::vectorize(v4, f);
        }
        if let Some(v3) = pulp::x86::V3::try_new() {
            return pulp::Simd::vectorize(v3, f);
        }
    }
    f()
}

/// Sums are kept in so many lanes, so that they don't wait for each other and lose fewer digits.
const LANES: usize = 16;

/// Σ f(x).
#[inline(always)]
pub fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    if chunks.is_empty() {
        return rest.iter().map(|x| f(*x)).sum();
    }
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(*x);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|x| f(*x)).sum::<f32>()
}

/// Σ x·y.
#[inline(always)]
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    sum_of_pairs(x, y, |x, y| x * y)
}

/// Σ f(x, y).
#[inline(always)]
pub fn sum_of_pairs(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += f(*x, *y);
        }
    }
    let rest = x_rest.iter().zip(y_rest).map(|(x, y)| f(*x, *y));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

/// `y += a · x`.
#[inline(always)]
pub fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// 1 / (1 + e⁻ˣ), to two units in the last place, without a branch or a call.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// eˣ within the range of normal floats, by Cody and Waite's reduction and the polynomial of
/// Cephes' `expf`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// 1.5 · 2²³: a float of about this size has no fraction, so adding it rounds, and leaves the
    /// integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5.000_000_3e-1;
    let power = f32::from_bits(
        (rounded
            .to_bits()
            .wrapping_sub(ROUND.to_bits())
            .wrapping_add(127))
            << 23,
    );
    (p * r * r + r + 1.0) * power
}

/// ln(1 + y) for y in 0..=1, to three units in the last place: 2·artanh(s) with s = y / (2 + y), by its
/// series.
#[inline(always)]
pub fn ln_1p(y: f32) -> f32 {
    let s = y / (2.0 + y);
    let z = s * s;
    let p = 1.0 / 15.0;
    let p = p * z + 1.0 / 13.0;
    let p = p * z + 1.0 / 11.0;
    let p = p * z + 1.0 / 9.0;
    let p = p * z + 1.0 / 7.0;
    let p = p * z + 1.0 / 5.0;
    let p = p * z + 1.0 / 3.0;
    2.0 * s * (p * z + 1.0)
}

/// The error function, by a rational approximation on ±4, beyond which a float knows no difference
/// from ±1.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let p = -2.726_142_3e-10;
    let p = p * s + 2.770_681_4e-8;
    let p = p * s - 2.101_024e-6;
    let p = p * s - 5.692_506_4e-5;
    let p = p * s - 7.349_906_3e-4;
    let p = p * s - 2.954_6e-3;
    let p = p * s - 1.609_603_3e-2;
    let q = -1.456_607_2e-5;
    let q = q * s - 2.133_740_6e-4;
    let q = q * s - 1.682_827e-3;
    let q = q * s - 7.373_329_2e-3;
    let q = q * s - 1.426_473_9e-2;
    x * p / q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_is_exact_to_float_precision() {
        // The series of Abramowitz and Stegun, 7.1.6, all of whose terms are positive.
        let exact = |x: f64| {
            let mut term = 2.0 * x / std::f64::consts::PI.sqrt() * (-x * x).exp();
            let mut sum = term;
            for n in 1..200 {
                term *= 2.0 * x * x / f64::from(2 * n + 1);
                sum += term;
            }
            sum
        };
        for step in -500..=500 {
            let x = step as f32 / 100.0;
            let error = (f64::from(erf(x)) - exact(f64::from(x))).abs();
            assert!(
                error <= 4e-7 * exact(f64::from(x)).abs(),
                "erf({x}) is {}, off by {error}",
                erf(x)
            );
        }
        assert!(erf(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_is_exact_to_float_precision() {
        for step in -8700..=8700 {
            let x = step as f32 / 100.0;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            let error = (f64::from(sigmoid(x)) - exact).abs() / exact;
            assert!(
                error < 4e-7,
                "sigmoid({x}) is {} instead of {exact}",
                sigmoid(x)
            );
        }
        assert_eq!(sigmoid(1e30), 1.0);
        assert!(sigmoid(-1e30) < 1e-37);
        assert!(sigmoid(f32::NAN).is_nan());
    }

    #[test]
    fn ln_1p_is_exact_to_float_precision() {
        let points = (0..=1000).map(|i| i as f32 / 1000.0);
        for y in points.chain([1e-38, 1e-20, 1e-7, 3e-4]) {
            let exact = f64::from(y).ln_1p();
            let error = (f64::from(ln_1p(y)) - exact).abs();
            assert!(error <= 4e-7 * exact, "ln(1 + {y}) is {}", ln_1p(y));
        }
        assert!(ln_1p(f32::NAN).is_nan());
    }

    #[test]
    fn sums_leave_nothing_out() {
        let x: Vec<f32> = (1..=37).map(|i| i as f32).collect();
        assert_eq!(sum(&x, |x| x), 703.0);
        assert_eq!(dot(&x, &x), 17_575.0);
    }
}
